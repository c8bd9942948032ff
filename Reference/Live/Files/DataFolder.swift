// What a data folder belongs to: a small file in it says so, and a folder of another service, or of another node, is
// refused before anything is written. The file's format is on the page DataFolder.md.
//
// Fault model: people give the wrong folder. Limits: two processes that claim one empty folder in the same moment are
// kept apart by the folder's lock (`FileDisk`), not by this; two clusters of one service with the same founders'
// numbers are not told apart.

import Glibc

/// To whom a data folder belongs.
public struct DataFolderOwner: Hashable, Sendable, CustomStringConvertible {
  /// The kind of service, as people call it: "message queue".
  public var service: String
  /// Which node of it, where it has several: "broker 1".
  public var node: String?
  /// The numbers of the nodes that founded its cluster, in order; nil where it has none, or where an earlier version
  /// did not say. Empty for a node that joined later. A node that took other founders' folder would agree with others
  /// on what its own had not agreed to.
  public var founders: [UInt32]?

  /// An owner. Service and node are literals or numbers of ours: one line each.
  public init(service: String, node: String? = nil, founders: [UInt32]? = nil) {
    self.service = service
    self.node = node
    self.founders = founders?.sorted()
  }

  /// The founders as the mark has them: "1,2,3", or "none".
  static func text(_ founders: [UInt32]) -> String {
    founders.isEmpty ? "none" : founders.map { String($0) }.joined(separator: ",")
  }

  /// "message queue, broker 1".
  public var description: String { node.map { "\(service), \($0)" } ?? service }
}

/// A folder that somebody wants to use.
public struct DataFolderClaim: Sendable {
  /// Where it is.
  public var path: String
  /// Who wants it.
  public var owner: DataFolderOwner
  /// Whose a folder is that has no mark and holds these names, from the time before folders were marked; nil where that
  /// cannot be told.
  public var unmarkedOwner: @Sendable (_ path: String, _ names: [String]) -> DataFolderOwner?

  /// A claim. Where nothing else is said, no folder without a mark is anybody's unless it is empty.
  public init(
    _ path: String, _ owner: DataFolderOwner, unmarkedOwner: @escaping @Sendable (String, [String]) -> DataFolderOwner? = { _, _ in nil }
  ) {
    self.path = path
    self.owner = owner
    self.unmarkedOwner = unmarkedOwner
  }
}

/// Why a folder cannot be used.
public struct DataFolderProblem: Error, Hashable, Sendable, CustomStringConvertible {
  /// Which folder, whose it is, and who wants it.
  public var description: String
  /// Whether the system failed, and not whoever named the folder.
  public var isOfSystem: Bool
}

/// Claims data folders.
public enum DataFolders {
  /// The name of the file that says whose a folder is.
  public static let markName = ".windtunnel"
  private static let firstLine = "windtunnel-data 1"
  private static let longestMarkBytes = 1_024
  /// What every fresh file system has in its root.
  private static let ignored: Set<String> = ["lost+found"]

  /// Whether `name` is one of the files that the host itself keeps in a node's folder.
  public static func isOfHost(_ name: String) -> Bool {
    [".life", ".lock"].contains(name) || name.hasPrefix(".new-") || name.hasPrefix(".work-")
  }

  /// Claims folders: those that are missing or empty are made and marked, those without a mark that are the owner's own
  /// are marked. Throws, and nothing is written at all, where one of them belongs to somebody else or is not known.
  public static func claim(_ claims: [DataFolderClaim]) throws(DataFolderProblem) {
    var unmarked: [DataFolderClaim] = []
    for claim in claims where try !isMarked(claim) { unmarked.append(claim) }
    for claim in unmarked {
      do throws(SystemError) {
        try mark(claim)
      } catch {
        throw DataFolderProblem(description: "\(claim.path) cannot be used (\(error))", isOfSystem: true)
      }
    }
  }

  /// Whether the folder is marked as its claimant's. Throws where it is not to be used.
  private static func isMarked(_ claim: DataFolderClaim) throws(DataFolderProblem) -> Bool {
    let names: [String]
    let mark: [UInt8]?
    do throws(SystemError) {
      let folder = try OpenFile.directory(claim.path)
      // A draft of a mark, or of a file, that a crash left behind says nothing of an owner.
      names = try folder.childNames().filter { !ignored.contains($0) && !$0.hasPrefix(".new-") }.sorted()
      mark = names.contains(markName) ? try text(folder) : nil
    } catch {
      // What is missing is made; the system knows best what else is wrong, once it is used.
      if error.code == ENOENT { return false }
      throw DataFolderProblem(description: "\(claim.path) cannot be used (\(error))", isOfSystem: true)
    }
    if let mark {
      guard let owner = owner(in: mark) else {
        throw DataFolderProblem(
          description: "\(claim.path) is not used for the \(claim.owner): \(claim.path)/\(markName) is not a mark that this version knows",
          isOfSystem: false)
      }
      try check(owner, claim)
      // A mark that does not tell of founders yet is written anew.
      return owner.founders != nil || claim.owner.founders == nil
    }
    if names.isEmpty { return false }
    guard let owner = claim.unmarkedOwner(claim.path, names) else {
      let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
      throw DataFolderProblem(
        description: "\(claim.path) is not empty (\(shown)) and nothing says that it is a data folder of the \(claim.owner)",
        isOfSystem: false)
    }
    try check(owner, claim)
    return false
  }

  private static func check(_ owner: DataFolderOwner, _ claim: DataFolderClaim) throws(DataFolderProblem) {
    guard owner.service == claim.owner.service, owner.node == claim.owner.node else {
      throw DataFolderProblem(
        description: "\(claim.path) is the data folder of the \(owner), not of the \(claim.owner)", isOfSystem: false)
    }
    guard let kept = owner.founders, let asked = claim.owner.founders, kept != asked else { return }
    throw DataFolderProblem(
      description: "\(claim.path) belongs to a cluster with the founders \(DataFolderOwner.text(kept)), not \(DataFolderOwner.text(asked))",
      isOfSystem: false)
  }

  private static func text(_ folder: OpenFile) throws(SystemError) -> [UInt8] {
    let file = try folder.openChild(markName, O_RDONLY)
    var bytes = [UInt8](repeating: 0, count: longestMarkBytes + 1)
    var result: Result<Int, SystemError> = .success(0)
    bytes.withUnsafeMutableBytes { target in
      do throws(SystemError) { result = .success(try file.read(into: target, at: 0)) } catch { result = .failure(error) }
    }
    return Array(bytes.prefix(try result.get()))
  }

  /// The owner that a mark names; nil where it does not read.
  private static func owner(in mark: [UInt8]) -> DataFolderOwner? {
    guard mark.count <= longestMarkBytes, mark.last == UInt8(ascii: "\n"), let text = String(validating: mark, as: UTF8.self) else {
      return nil
    }
    let lines = text.utf8.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { String(Substring($0)) }
    guard lines.count >= 2, lines.count <= 4, lines[0] == firstLine, lines[1].hasPrefix("service: ") else { return nil }
    var owner = DataFolderOwner(service: String(lines[1].dropFirst(9)))
    var rest = lines.dropFirst(2)
    if let line = rest.first, line.hasPrefix("node: ") {
      owner.node = String(line.dropFirst(6))
      rest = rest.dropFirst()
    }
    if let line = rest.first, line.hasPrefix("founders: ") {
      let words = line.dropFirst(10)
      let numbers = words == "none" ? [] : words.split(separator: ",", omittingEmptySubsequences: false).map { UInt32($0) }
      guard numbers.allSatisfy({ $0 != nil }) else { return nil }
      owner.founders = numbers.compactMap { $0 }
      rest = rest.dropFirst()
    }
    return rest.isEmpty ? owner : nil
  }

  /// The founders that the mark of a folder tells of; nil where there is no mark, or none that tells.
  public static func founders(in path: String) -> [UInt32]? {
    guard let folder = try? OpenFile.directory(path), let mark = try? text(folder) else { return nil }
    return owner(in: mark)?.founders
  }

  /// Writes the mark, whole or not at all.
  private static func mark(_ claim: DataFolderClaim) throws(SystemError) {
    try makeDirectories(claim.path)
    let folder = try OpenFile.directory(claim.path)
    let text =
      ([firstLine, "service: \(claim.owner.service)"] + (claim.owner.node.map { ["node: \($0)"] } ?? [])
      + (claim.owner.founders.map { ["founders: \(DataFolderOwner.text($0))"] } ?? [])).joined(separator: "\n") + "\n"
    // `FileDisk` takes away what is left under such a name.
    let draft = ".new-mark"
    let file = try folder.openChild(draft, O_RDWR | O_CREAT | O_TRUNC)
    try file.write(Array(text.utf8), at: 0)
    try file.syncData()
    try folder.rename(draft, to: markName)
    try folder.syncAll()
  }
}
