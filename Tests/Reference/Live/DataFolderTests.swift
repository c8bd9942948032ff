// Folders say whose they are: those of others are refused, and nothing is written then.

import Foundation
import Hosting
import Live
import Testing

@Suite struct DataFolderTests {
  private let first = DataFolderOwner(service: "message queue", node: "broker 1")
  private let second = DataFolderOwner(service: "message queue", node: "broker 2")
  private let platform = DataFolderOwner(service: "monitoring platform")

  private func problem(_ claims: DataFolderClaim...) -> String? {
    do throws(DataFolderProblem) {
      try DataFolders.claim(claims)
      return nil
    } catch {
      return error.description
    }
  }

  private func names(_ path: String) -> [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  @Test func aFolderIsMadeMarkedAndTakenAgainByItsOwnerAlone() throws {
    let directory = TemporaryDirectory()
    let path = "\(directory.path)/a/b"
    #expect(problem(DataFolderClaim(path, first)) == nil)
    #expect(
      try String(contentsOfFile: "\(path)/.windtunnel", encoding: .utf8) == "windtunnel-data 1\nservice: message queue\nnode: broker 1\n")
    #expect(problem(DataFolderClaim(path, first)) == nil)
    #expect(
      problem(DataFolderClaim(path, second))
        == "\(path) is the data folder of the message queue, broker 1, not of the message queue, broker 2")
    #expect(
      problem(DataFolderClaim(path, platform))
        == "\(path) is the data folder of the message queue, broker 1, not of the monitoring platform")
    #expect(names(path) == [".windtunnel"])
  }

  @Test func aFolderKeepsItsFounders() throws {
    let directory = TemporaryDirectory()
    let path = "\(directory.path)/a"
    let cluster = DataFolderOwner(service: "message queue", node: "broker 1", founders: [3, 1, 2])
    #expect(DataFolders.founders(in: path) == nil)
    #expect(problem(DataFolderClaim(path, cluster)) == nil)
    #expect(DataFolders.founders(in: path) == [1, 2, 3])
    #expect(problem(DataFolderClaim(path, cluster)) == nil)
    let alone = DataFolderOwner(service: "message queue", node: "broker 1", founders: [1])
    #expect(problem(DataFolderClaim(path, alone)) == "\(path) belongs to a cluster with the founders 1,2,3, not 1")
    // A mark of before tells of none, and is written anew.
    let old = "\(directory.path)/b"
    #expect(problem(DataFolderClaim(old, first)) == nil)
    #expect(problem(DataFolderClaim(old, alone)) == nil)
    #expect(DataFolders.founders(in: old) == [1])
    let joined = "\(directory.path)/c"
    #expect(problem(DataFolderClaim(joined, DataFolderOwner(service: "message queue", node: "broker 4", founders: []))) == nil)
    #expect(DataFolders.founders(in: joined) == [])
  }

  /// A crash, or a full disk, while the folder was marked for the first time.
  @Test func aDraftThatWasLeftBehindIsNobodys() throws {
    let directory = TemporaryDirectory()
    let path = "\(directory.path)/a"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Data("windtunnel-da".utf8).write(to: URL(fileURLWithPath: "\(path)/.new-mark"))
    #expect(problem(DataFolderClaim(path, first)) == nil)
    #expect(names(path) == [".windtunnel"])
  }

  @Test func nothingIsWrittenWhereOneOfSeveralIsRefused() throws {
    let directory = TemporaryDirectory()
    try FileManager.default.createDirectory(atPath: "\(directory.path)/used", withIntermediateDirectories: false)
    try "x".write(toFile: "\(directory.path)/used/letter.txt", atomically: false, encoding: .utf8)
    let refusal = problem(
      DataFolderClaim("\(directory.path)/new", platform), DataFolderClaim(directory.path + "/used", first),
      DataFolderClaim("\(directory.path)/newer", second))
    #expect(refusal?.contains("is not empty (letter.txt) and nothing says that it is a data folder of the message queue, broker 1") == true)
    #expect(names(directory.path) == ["used"] && names("\(directory.path)/used") == ["letter.txt"])
    #expect(problem(DataFolderClaim("\(directory.path)/used/letter.txt", first))?.contains("cannot be used") == true)
  }

  @Test func whatIsRecognisedWithoutAMarkIsAdopted() throws {
    let directory = TemporaryDirectory()
    try "x".write(toFile: "\(directory.path)/journal-0000000001.log", atomically: false, encoding: .utf8)
    let owner = second
    let recognising: @Sendable (String, [String]) -> DataFolderOwner? = { _, names in names == ["journal-0000000001.log"] ? owner : nil }
    #expect(
      problem(DataFolderClaim(directory.path, first, unmarkedOwner: recognising))?.contains("broker 2, not of the message queue, broker 1")
        == true)
    #expect(names(directory.path) == ["journal-0000000001.log"])
    #expect(problem(DataFolderClaim(directory.path, second, unmarkedOwner: recognising)) == nil)
    #expect(names(directory.path) == [".windtunnel", "journal-0000000001.log"])
    #expect(problem(DataFolderClaim(directory.path, second)) == nil, "it is marked now")
  }

  @Test(arguments: [
    "", "windtunnel-data 1\n", "windtunnel-data 2\nservice: message queue\nnode: broker 1\n",
    "windtunnel-data 1\nservice: message queue\nnode: broker 1",
    "windtunnel-data 1\nservice: message queue\nbroker 1\n", "windtunnel-data 1\nservice: message queue\nnode: broker 1\nmore: 1\n",
    "windtunnel-data 1\nservice: message queue\n" + String(repeating: "x", count: 2_000) + "\n",
  ])
  func aMarkThatDoesNotReadIsARefusal(text: String) throws {
    let directory = TemporaryDirectory()
    try text.write(toFile: "\(directory.path)/.windtunnel", atomically: false, encoding: .utf8)
    #expect(problem(DataFolderClaim(directory.path, first))?.contains("is not a mark that this version knows") == true)
    #expect(names(directory.path) == [".windtunnel"])
  }

  @Test func aFreshFileSystemIsEmpty() throws {
    let directory = TemporaryDirectory()
    try FileManager.default.createDirectory(atPath: "\(directory.path)/lost+found", withIntermediateDirectories: false)
    #expect(problem(DataFolderClaim(directory.path, first)) == nil)
  }
}
