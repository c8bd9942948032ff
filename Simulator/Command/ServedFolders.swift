// Whose the folders are that `serve` keeps data in, and how a folder of an earlier version, which bears no mark, is
// known.

import Foundation
import Live
import MonitoringAssembly

/// The data folders of what is served.
enum ServedFolders {
  private static let platform = DataFolderOwner(service: "monitoring platform")

  /// Claims the folder of one broker of a cluster with these founders; nothing is written where it is somebody else's.
  static func claim(broker number: UInt32, founders: [UInt32], _ path: String) throws {
    try claim([DataFolderClaim(path, owner(ofBroker: number, founders: founders), unmarkedOwner: unmarkedOwner)])
  }

  /// Claims the folder of a platform and those of its services.
  static func claim(platform services: [String], _ path: String) throws {
    let founders = services.compactMap { brokerNumber($0) }
    let nodes = services.map { service in
      var wanted = owner(ofService: service)
      if brokerNumber(service) != nil { wanted.founders = founders.sorted() }
      return DataFolderClaim("\(path)/\(service)", wanted) { path, names in
        // Its place below the platform's folder tells whose it is, where nothing in it contradicts that.
        let isOwn = names.contains(".life") && holdsOnly(prefixes(ofService: service), names)
        return isOwn ? owner(ofService: service) : unmarkedOwner(path, names)
      }
    }
    try claim([DataFolderClaim(path, platform, unmarkedOwner: unmarkedOwner)] + nodes)
  }

  /// Whose a folder is that an earlier version made; nil where that cannot be told.
  private static func unmarkedOwner(_ path: String, _ names: [String]) -> DataFolderOwner? {
    if names.contains(".broker") {
      // Earlier versions kept the broker's number beside its files.
      let text = (try? String(contentsOfFile: "\(path)/.broker", encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
      return text.flatMap { UInt32($0) }.map { owner(ofBroker: $0) }
    }
    let isPlatform = names.allSatisfy { isService($0) && FileManager.default.fileExists(atPath: "\(path)/\($0)/.life") }
    return isPlatform ? platform : nil
  }

  private static func claim(_ claims: [DataFolderClaim]) throws {
    do throws(DataFolderProblem) {
      try DataFolders.claim(claims)
    } catch {
      throw InputProblem(
        description: "--data: \(error)\(error.isOfSystem ? "" : "; give its own, or an empty one")",
        exitCode: error.isOfSystem ? Exit.couldNotRun : Exit.badInput)
    }
  }

  private static func owner(ofBroker number: UInt32, founders: [UInt32]? = nil) -> DataFolderOwner {
    DataFolderOwner(service: "message queue", node: "broker \(number)", founders: founders)
  }

  /// Whether a service's folder bears this name. A platform may have been served with more brokers before.
  private static func isService(_ name: String) -> Bool {
    ["ingestion", "storage", "query", "alerting"].contains(name) || brokerNumber(name) != nil
  }

  /// The number of the broker whose folder bears this name; nil where it is another service's.
  private static func brokerNumber(_ service: String) -> UInt32? {
    if service == "queue" { return 1 }
    return service.hasPrefix("queue-") ? UInt32(service.dropFirst(6)) : nil
  }

  private static func owner(ofService service: String) -> DataFolderOwner {
    if let number = brokerNumber(service) { return owner(ofBroker: number) }
    let names = ["storage": "time-series storage", "query": "query engine"]
    return DataFolderOwner(service: names[service] ?? service)
  }

  private static func prefixes(ofService service: String) -> [String] {
    if brokerNumber(service) != nil { return ["journal-", "votes-", "damaged-"] }
    switch service {
    case "storage": return ["journal-", "manifest-", "segment-", "damaged-"]
    case "query": return []
    default: return ["journal-", "damaged-"]
    }
  }

  private static func holdsOnly(_ prefixes: [String], _ names: [String]) -> Bool {
    names.allSatisfy { name in DataFolders.isOfHost(name) || prefixes.contains { name.hasPrefix($0) } }
  }
}
