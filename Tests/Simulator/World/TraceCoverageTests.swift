// What the trace hash covers: whatever one machine does otherwise, by a byte, in a place that nobody else may ever see,
// is another hash.

import ProvingGround
import Testing
import Vocabulary
import World

@Suite struct TraceCoverageTests {
  /// What differs between two worlds.
  enum Difference: CaseIterable, Sendable {
    case lostMessage, cancelledWake, heldMessage, requestHeader, requestDeadline, responseHeader, diskByte, diskOffset, fileName, renamed
    case streamBytes, closure, workFailure, workBytes, release, releasePosition
  }

  private struct Failing: Work {
    let file: String
    func run(_ files: any WorkFiles) throws(WorkFailure) -> Int { throw .damaged(FileName(fixed: "x"), file) }
  }

  private struct Giving: Work {
    let byte: UInt8
    func run(_ files: any WorkFiles) throws(WorkFailure) -> [UInt8] { [byte] }
  }

  /// The hash of a world in which a node does one thing in this way or in that.
  private func hash(_ difference: Difference, _ way: UInt8) -> String {
    let host = SimulatedHost(
      seed: 1,
      plans: [
        NodePlan("actor") {
          Scripted(
            onStart: { turn in
              do throws(DiskError) {
                switch difference {
                case .lostMessage: turn.message(to: NodeID(1), [way])
                case .cancelledWake: turn.cancelWake(turn.wake(after: .milliseconds(Int64(way) + 1)))
                case .heldMessage:
                  // It never leaves: the node ends before its sync does.
                  try turn.disk.write(FileName(fixed: "a"), at: 0, [1])
                  turn.message(to: NodeID(2), [way])
                case .requestHeader: _ = turn.call(Endpoint(NodeID(2)), Request(.get, "/", headers: ["a": "\(way)"]), .immediately)
                case .requestDeadline:
                  _ = turn.call(
                    Endpoint(NodeID(2)), Request(.get, "/", deadline: Deadline(turn.now + .seconds(Int64(way) + 1))), .immediately)
                case .responseHeader, .closure, .streamBytes: break
                case .diskByte: try turn.disk.write(FileName(fixed: "a"), at: 0, [way])
                case .diskOffset: try turn.disk.write(FileName(fixed: "a"), at: Int(way), [1])
                case .fileName: try turn.disk.write(way == 0 ? FileName(fixed: "a") : FileName(fixed: "b"), at: 0, [1])
                case .renamed:
                  try turn.disk.write(FileName(fixed: "a"), at: 0, [1])
                  try turn.disk.rename(FileName(fixed: "a"), to: way == 0 ? FileName(fixed: "b") : FileName(fixed: "c"))
                case .workFailure: _ = turn.compute(Failing(file: "\(way)"))
                case .workBytes: _ = turn.compute(Giving(byte: way))
                // Nothing is written: it leaves at the same moment either way.
                case .release: turn.message(to: NodeID(1), [1], way == 0 ? .immediately : .whenDurable)
                case .releasePosition:
                  try turn.disk.write(FileName(fixed: "a"), at: 0, [1])
                  try turn.disk.write(FileName(fixed: "a"), at: 1, [1])
                  turn.message(to: NodeID(1), [1], .after(DiskPosition(turn.disk.position.value - UInt64(way))))
                }
              } catch { turn.restart("\(error)") }
            },
            onEvent: { event, turn in
              switch event {
              case .request(let id, _):
                switch difference {
                case .closure, .streamBytes:
                  turn.accept(id, ResponseHead(status: 200))
                  if difference == .streamBytes { turn.send([id], [way], .immediately) }
                  turn.finish(id, difference == .closure && way == 1 ? .goingAway : .normal)
                case .lostMessage, .cancelledWake, .heldMessage, .requestHeader, .requestDeadline, .responseHeader, .diskByte, .diskOffset,
                  .fileName, .renamed, .workFailure, .workBytes, .release, .releasePosition:
                  turn.reply(id, Response(status: 200, headers: ["a": "\(way)"]))
                }
              case .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
              }
            })
        }, NodePlan("away") { Scripted() },
        NodePlan("caller", cost: .client) {
          Scripted(onStart: { turn in
            switch difference {
            case .responseHeader: _ = turn.call(Endpoint(NodeID(0)), Request(.get, "/"), .immediately)
            case .closure, .streamBytes: _ = turn.open(Endpoint(NodeID(0)), Request(.get, "/"))
            case .lostMessage, .cancelledWake, .heldMessage, .requestHeader, .requestDeadline, .diskByte, .diskOffset, .fileName, .renamed,
              .workFailure, .workBytes, .release, .releasePosition:
              break
            }
          })
        },
      ])
    host.plan([PlannedFault(at: .zero, for: .seconds(9), Partition(Links(from: [NodeID(0)], to: [NodeID(1)])))])
    if difference == .heldMessage { host.plan([PlannedFault(at: .microseconds(60), for: .seconds(9), ProcessCrash(of: NodeID(0)))]) }
    host.run(until: 0)
    host.startAll()
    host.run(until: 100_000_000)
    return host.traceHash.description
  }

  @Test(arguments: Difference.allCases) func aDifferenceAnywhereIsAnotherHash(_ difference: Difference) {
    #expect(hash(difference, 0) == hash(difference, 0))
    #expect(hash(difference, 0) != hash(difference, 1))
  }
}
