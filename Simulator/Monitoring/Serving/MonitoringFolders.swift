// Whose the folders are that the platform and its brokers keep data in, and how a folder of an earlier version, which
// bears no mark, is known.

import Console
import Live

/// The data folders of the platform and of brokers.
enum MonitoringFolders {
  private static let platform = DataFolderOwner(service: "monitoring platform")

  /// The folder of one broker of a cluster with these founders.
  static func folders(broker number: UInt32, founders: [UInt32]) -> [ServedPlan.Folder] {
    [ServedPlan.Folder("", owner(ofBroker: number, founders: founders), unmarkedOwner: unmarkedOwner)]
  }

  /// The folder of a platform and those of its services.
  static func folders(platform services: [String]) -> [ServedPlan.Folder] {
    let founders = services.compactMap { brokerNumber($0) }
    let nodes = services.map { service in
      var wanted = owner(ofService: service)
      if brokerNumber(service) != nil { wanted.founders = founders.sorted() }
      return ServedPlan.Folder(service, wanted) { folder, names in
        // Its place below the platform's folder tells whose it is, where nothing in it contradicts that.
        let isOwn = names.contains(".life") && holdsOnly(prefixes(ofService: service), names)
        return isOwn ? owner(ofService: service) : unmarkedOwner(folder, names)
      }
    }
    return [ServedPlan.Folder("", platform, unmarkedOwner: unmarkedOwner)] + nodes
  }

  /// Whose a folder is that an earlier version made; nil where that cannot be told.
  @Sendable private static func unmarkedOwner(_ folder: FolderView, _ names: [String]) -> DataFolderOwner? {
    if names.contains(".broker") {
      // Earlier versions kept the broker's number beside its files.
      let text = folder.text(of: ".broker").map { String($0.filter { !$0.isWhitespace }) }
      return text.flatMap { UInt32($0) }.map { owner(ofBroker: $0) }
    }
    let isPlatform = names.allSatisfy { isService($0) && folder.holds("\($0)/.life") }
    return isPlatform ? platform : nil
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
