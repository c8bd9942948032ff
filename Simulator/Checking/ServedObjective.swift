// A share of a load's requests is served: answered with the status that the load wants. Requests that a limit refused
// are not counted: how many those were is told beside. Where several systems are flown, what failed is told of each.

import Vocabulary

/// Checks the share of requests that were served.
public struct ServedObjective: Checker {
  /// The least share, in parts per million.
  public var partsPerMillion: Int

  /// An objective.
  public init(partsPerMillion: Int) { self.partsPerMillion = partsPerMillion }

  public var name: String { "\(Double(partsPerMillion) / 10_000) % served" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let requests = record.timedRequests
    let judged = requests.filter { $0.outcome != .limited }
    let served = judged.count { $0.outcome == .served }
    var violations: [Violation] = []
    if served * 1_000_000 < partsPerMillion * judged.count {
      violations.append(
        Violation(
          "\(served) of \(judged.count) requests were served, less than \(Double(partsPerMillion) / 10_000) %\(bySystem(judged, record))"))
    }
    return judgement(violations, examined: requests.examined, count: judged.count)
  }

  /// ": one 3999 of 3999, other 1511 of 1601"; nothing where the requests are of one system alone.
  private func bySystem(_ judged: [TimedRequest], _ record: FlightRecord) -> String {
    let names = Dictionary(grouping: judged) { record.name(of: $0.node).prefix { $0 != "/" } }
    guard names.count > 1 else { return "" }
    return ": "
      + names.keys.sorted().map { name in
        let own = names[name] ?? []
        return "\(name) \(own.count { $0.outcome == .served }) of \(own.count)"
      }.joined(separator: ", ")
  }
}

extension [TimedRequest] {
  /// "500 requests", and how many a limit refused beside these, which objectives on requests leave out.
  var examined: String {
    let limited = count { $0.outcome == .limited }
    return counted(count - limited, "request") + (limited == 0 ? "" : "; a limit refused \(limited) more")
  }
}
