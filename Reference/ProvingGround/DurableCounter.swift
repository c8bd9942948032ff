// A counter that survives: the smallest durable service. It proves output commit, recovery, and the figures of a bare
// host.
//
// POST /increment answers 200 with the new value in decimal; the value is on the disk before the answer leaves. GET
// /value answers the value. GET /accepted and POST /accepted answer 202 with no body and touch nothing. Anything else
// is 404. File format, `counter.log`: records of 16 bytes, the value and its complement, both little-endian. Fault
// model: a torn tail is cut off at the start; a value is kept as the largest whole record.

import Vocabulary

extension Mutant {
  /// The answer does not wait for the disk.
  public static let counterAnswersEarly = Mutant(
    "counter/answers-early", "the answer to an increment leaves before its record is durable", breaks: [], caughtBy: [])
}

/// The counter.
public struct DurableCounter: Machine {
  private static let file = FileName(fixed: "counter.log")
  private static let recordBytes = 16
  private var value: UInt64 = 0
  private var sizeBytes = 0

  /// A counter that has not recovered yet.
  public init() {}

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    let size = turn.disk.size(of: Self.file) ?? 0
    do throws(DiskError) {
      var end = size - size % Self.recordBytes
      while end > 0 {
        let bytes = try turn.disk.read(Self.file, at: end - Self.recordBytes, count: Self.recordBytes)
        let stored = Self.integer(bytes[0..<8])
        if Self.integer(bytes[8..<16]) == ~stored {
          value = stored
          break
        }
        end -= Self.recordBytes
      }
      sizeBytes = end
      if end < size { try turn.disk.truncate(Self.file, to: end) }
    } catch {
      throw StartRefusal("\(Self.file): \(error)")
    }
    turn.observe(.journalRecovered, subject: value, value: UInt64(size - sizeBytes))
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let id, let request) = event else { return }
    switch (request.head.method, request.head.target) {
    case (.post, "/increment"):
      do throws(DiskError) {
        let next = value + 1
        try turn.disk.write(Self.file, at: sizeBytes, Self.bytes(next) + Self.bytes(~next))
        sizeBytes += Self.recordBytes
        value = next
        let release: Release = turn.planted.contains(.counterAnswersEarly) ? .immediately : .whenDurable
        turn.reply(id, Self.text(200, String(next)), release)
      } catch {
        turn.reply(id, Self.text(507, "\(error)"))
      }
    case (.get, "/value"): turn.reply(id, Self.text(200, String(value)))
    case (.get, "/accepted"), (.post, "/accepted"): turn.reply(id, Response(status: 202))
    default: turn.reply(id, Self.text(404, "no such resource"))
    }
  }

  private static func text(_ status: Int, _ body: String) -> Response {
    Response(status: status, headers: ["content-type": "text/plain"], body: Array(body.utf8))
  }

  private static func bytes(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) } }

  private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}
