// A fault that changed nothing did not happen, and the record of it says so: of every kind that needs something to come
// to it, once in a world in which nothing does and once in one in which everything does.

import Kernel
import Testing
import Vocabulary
import World

@Suite struct FaultsInVain {
  private static let (first, second) = (NodeID(0), NodeID(1))
  private static let links = Links(from: [first], to: [second])
  private static let file = FileName(fixed: "file")

  /// Every kind that changes nothing by itself.
  private static var faults: [any Fault] {
    [
      BitRot(of: first), Partition(links), Partition(Links(from: [first], to: [second], bothWays: false)),
      LinkImpairment(.loss, links, probability: 0.5), LinkImpairment(.duplication, links, probability: 0.5),
      LinkImpairment(.reordering, links, probability: 0.5), LinkImpairment(.forging, links, probability: 0.5),
      LinkImpairment(.replaying, links, probability: 0.5), LinkImpairment(.reflecting, links, probability: 0.5),
      SlowLink(links, extraLatency: .milliseconds(5)), SlowLink(links, extraLatency: .zero, bytesPerSecond: 1_000_000),
      SlowDisk(of: first, factor: 2), FullDisk(of: first), FailingSync(of: first, probability: 0.5),
      UnreadableDisk(of: first, probability: 0.5), HiddenName(of: second), NameRebinding(of: second, to: first),
      SlowNames(by: .milliseconds(5)),
    ]
  }

  /// Two nodes. Where they are busy the first writes, reads, and calls and tells the other every 10 ms.
  private static func host(isBusy: Bool) throws -> SimulatedHost {
    let called = Callee.destination(try Destination("http://second.internal", namedBy: .operator))
    let host = SimulatedHost(
      seed: 1,
      plans: [
        NodePlan("first") {
          Scripted(
            onStart: { if isBusy { _ = $0.wake(after: .milliseconds(10)) } },
            onEvent: { event, turn in
              guard case .timer = event else { return }
              try? turn.disk.write(file, at: turn.disk.size(of: file) ?? 0, [1, 2, 3])
              _ = try? turn.disk.read(file, at: 0, count: 3)
              turn.message(to: second, [1], .immediately)
              _ = turn.call(called, Request(.get, "/"), .immediately)
              _ = turn.wake(after: .milliseconds(10))
            })
        },
        NodePlan("second") {
          Scripted(onEvent: { event, turn in if case .request(let id, _) = event { turn.reply(id, Response(status: 200)) } })
        },
      ])
    return host
  }

  private static func happened(_ fault: any Fault, isBusy: Bool) throws -> Bool {
    let host = try host(isBusy: isBusy)
    host.plan([PlannedFault(at: .milliseconds(200), for: .milliseconds(400), fault)])
    host.startAll()
    host.run(until: 1_000_000_000)
    return host.faultRecords[0].happened
  }

  @Test func whatNothingCameToDidNotHappen() throws {
    for fault in Self.faults { #expect(try !Self.happened(fault, isBusy: false), "\(fault)") }
  }

  @Test func whatSomethingCameToHappened() throws {
    for fault in Self.faults { #expect(try Self.happened(fault, isBusy: true), "\(fault)") }
  }

  /// What comes before a fault or after it is not touched by it, and of two that overlap each tells its own.
  @Test func eachFaultTellsItsOwn() {
    let late = PlannedFault(at: .milliseconds(2_000), for: .milliseconds(10), Partition(tickerToListener))
    let idle = PlannedFault(
      at: .milliseconds(200), for: .milliseconds(400), Partition(Links(from: [NodeID(1)], to: [NodeID(0)], bothWays: false)))
    let lesser = PlannedFault(at: .milliseconds(200), for: .milliseconds(400), Partition(tickerToListener))
    #expect(flyTicker(under: [late, idle, lesser]).host.faultRecords.map(\.happened) == [false, false, true])
  }

  /// Only what stands still, or runs wrong, does so without anything that comes.
  @Test func aPauseOfWhatIsDownAndAClockThatKeepsTimeDidNotHappen() throws {
    let host = try Self.host(isBusy: false)
    host.plan([
      PlannedFault(at: .milliseconds(100), for: .milliseconds(800), ProcessKill(of: Self.first)),
      PlannedFault(at: .milliseconds(200), for: .milliseconds(400), ProcessPause(of: Self.first, for: .milliseconds(400))),
      PlannedFault(at: .milliseconds(200), for: .milliseconds(400), ProcessPause(of: Self.second, for: .milliseconds(400))),
      PlannedFault(at: .milliseconds(200), for: .milliseconds(400), ClockDrift(of: Self.second, partsPerBillion: 0)),
      PlannedFault(at: .milliseconds(200), for: .milliseconds(400), ClockJump(of: Self.second, by: .zero)),
      PlannedFault(at: .milliseconds(200), for: .milliseconds(400), ClockJump(of: Self.second, by: .seconds(1))),
    ])
    host.startAll()
    host.run(until: 1_000_000_000)
    #expect(host.faultRecords.map(\.happened) == [true, false, true, false, false, true])
  }

  /// A crash that found nothing to rot is a crash: no damage excuses the node.
  @Test(arguments: [false, true]) func aCrashTellsWhetherAnythingRotted(_ isBusy: Bool) throws {
    let host = try Self.host(isBusy: isBusy)
    host.plan([PlannedFault(at: .milliseconds(200), for: .milliseconds(400), RottingCrash(of: Self.first, bits: 3))])
    host.startAll()
    host.run(until: 1_000_000_000)
    let record = host.faultRecords[0]
    #expect(record.happened)
    #expect(record.spoils == (isBusy ? [Self.first] : []))
    #expect(record.label == "crash of first, \(isBusy ? "3 bits rot" : "no file was there to rot")")
  }

  /// The trace tells it too.
  @Test func theTraceTellsWhatDidNotHappen() throws {
    final class Sink: TraceSink {
      var lines: [String] = []
      func trace(at time: Int64, node: NodeID, _ line: @autoclosure () -> String) { lines.append(line()) }
    }
    let (host, sink) = (try Self.host(isBusy: false), Sink())
    host.traceSink = sink
    host.plan([
      PlannedFault(at: .milliseconds(200), BitRot(of: Self.first)),
      PlannedFault(at: .milliseconds(200), for: .milliseconds(400), Partition(Self.links)),
    ])
    host.startAll()
    host.run(until: 1_000_000_000)
    #expect(sink.lines.filter { $0.hasPrefix("fault did not happen") }.count == 2)
    #expect(!sink.lines.contains { $0.hasPrefix("fault ends") })
  }
}
