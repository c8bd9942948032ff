// What callers of the registry saw: their tasks, and what an operator's swaps came to. Read once for all judges of a flight.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// A task as its caller saw it.
struct SeenTask: Sendable {
  var caller: NodeID
  var service: ExactName
  var input: JSON
  var context: ContextFilter?
  var isContextRequired: Bool
  var startedAt: Instant
  var endedAt: Instant
  /// The status; nil where there was no answer.
  var status: Int?
  /// The answer of a task that was served; nil of any other, and where it does not read.
  var answer: TaskAnswer?
  /// The code of an error.
  var errorCode: String

  init?(_ exchange: ExchangeRecord) {
    guard exchange.request.head.method == .post, sameBytes(exchange.request.head.target, "/tasks"),
      let document = try? exchange.request.document(), let request = try? TaskRequest(document)
    else { return nil }
    caller = exchange.caller
    service = ExactName(request.service)
    input = request.input.value
    context = request.context
    isContextRequired = request.isContextRequired
    startedAt = exchange.startedAt
    endedAt = exchange.endedAt
    errorCode = ""
    if case .answered(let response) = exchange.outcome {
      status = response.status
      if response.status == 200 {
        answer = (try? response.document()).flatMap { try? TaskAnswer($0) }
      } else {
        errorCode = ErrorAnswer(response).code
      }
    }
  }

  /// What it came to, where it was not served.
  var end: String { status.map { "\($0) \(errorCode)" } ?? "no answer" }

  /// A few words.
  var words: String { "a task of \(service), begun at \(startedAt.label)," }
}

/// A swap as an operator saw it.
struct SeenSwap: Sendable {
  /// What became of it.
  enum End: Sendable, Hashable {
    case done, refused
    /// Nobody knows.
    case unknown
  }

  var service: ExactName
  var target: Int64
  var startedAt: Instant
  var endedAt: Instant
  var end: End
  var status: Int?

  init?(_ exchange: ExchangeRecord) {
    guard exchange.request.head.method == .post, let target = try? HTTPTarget(exchange.request.head.target),
      target.segments.count == 3, target.segments[0] == "services", target.segments[2] == "swap",
      let document = try? exchange.request.document(), let version = try? document.member("version").integer()
    else { return nil }
    service = ExactName(target.segments[1])
    self.target = version
    startedAt = exchange.startedAt
    if case .answered(let response) = exchange.outcome {
      status = response.status
      endedAt = exchange.endedAt
      end = response.status == 200 ? .done : (400...599).contains(response.status) ? .refused : .unknown
    } else {
      endedAt = .never
      end = .unknown
    }
  }
}

/// What was seen of model services in a flight.
public struct ModelsSeen: Sendable {
  /// Which model hosts ask for from the scripted server of language models.
  public static let languageModelName = "scripted"

  /// Tasks, in the order in which they began.
  var tasks: [SeenTask] = []
  /// Swaps, in the order in which they began.
  var swaps: [SeenSwap] = []
  /// When an operator asked that services be ready, and was answered.
  var initializations: [(service: ExactName, startedAt: Instant, endedAt: Instant)] = []
  /// Operations on the context manager.
  var context: SeenContext
  /// The versions that were registered, as the one who places the flight says.
  var registrations: [ServiceRegistration]

  /// Reads a record.
  public init(_ record: FlightRecord, _ registrations: [ServiceRegistration]) {
    self.registrations = registrations
    let hosts = Set(record.modelHosts)
    for exchange in record.exchanges(to: .registry) where !hosts.contains(exchange.caller) {
      if let task = SeenTask(exchange) {
        tasks.append(task)
      } else if let swap = SeenSwap(exchange) {
        swaps.append(swap)
      } else if exchange.request.head.method == .post, let target = try? HTTPTarget(exchange.request.head.target),
        target.segments.count == 3, target.segments[2] == "initialize"
      {
        initializations.append((ExactName(target.segments[1]), exchange.startedAt, exchange.endedAt))
      }
    }
    tasks.sort { ($0.startedAt, $0.endedAt) < ($1.startedAt, $1.endedAt) }
    swaps.sort { ($0.startedAt, $0.endedAt) < ($1.startedAt, $1.endedAt) }
    context = SeenContext(record)
  }

  func registration(_ service: ExactName, _ version: Int64) -> ServiceRegistration? {
    registrations.first { sameBytes($0.id, service.text) && $0.version == version }
  }
}

extension FlightRecord {
  /// Stretches of time in which a fault touched any of these nodes, or a link between two of them.
  public func disturbances(of nodes: [NodeID]) -> [(from: Instant, until: Instant)] {
    faults.compactMap { fault in
      guard fault.happened else { return nil }
      let isTouched: Bool
      switch fault.reach {
      case .nothing: isTouched = false
      case .stops(let hit), .hampers(let hit), .clocks(let hit), .names(let hit): isTouched = hit.contains { nodes.contains($0) }
      case .cuts(let links), .blurs(let links): isTouched = links.contains { nodes.contains($0.from) || nodes.contains($0.to) }
      }
      return isTouched ? (fault.beganAt, fault.endedAt) : nil
    }
  }

  /// When a process of `node` may have ended.
  public func stops(of node: NodeID) -> [(from: Instant, until: Instant)] {
    faults.compactMap { fault in
      guard fault.happened, case .stops(let nodes) = fault.reach, nodes.contains(node) else { return nil }
      return (fault.beganAt, fault.endedAt)
    }
  }
}
