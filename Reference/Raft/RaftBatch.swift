// Batches: what all groups of a server have to say to another one, in one message of the host. The byte format is on
// the page RaftBatch.md.

import Vocabulary
import Wire

/// Reads batches.
enum RaftBatch {
  /// The first byte of a batch: the version of its format.
  static let version: UInt8 = 1

  /// The messages in a batch. Throws where any of it does not read.
  static func messages(in bytes: [UInt8]) throws(ByteError) -> [(GroupID, RaftMessage)] {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == Self.version else { throw ByteError(offset: 0, expected: "a batch of version \(Self.version)", found: "\(version)") }
    var messages: [(GroupID, RaftMessage)] = []
    while !reader.isAtEnd {
      let offset = reader.position
      let number = try reader.varint()
      guard let group = UInt16(exactly: number) else { throw ByteError(offset: offset, expected: "a group's number", found: "\(number)") }
      messages.append((GroupID(group), try RaftMessage(from: &reader)))
    }
    return messages
  }
}

/// Batches that are being written.
struct RaftOutbox {
  private struct Batch {
    var to: ServerID
    var condition: SendCondition
    var writer: ByteWriter
  }

  /// A handful mostly: one for each server and manner of speaking.
  private var batches: [Batch] = []
  /// Bytes beyond which nothing more is put into a batch: what travels together is lost together.
  private static let fullBytes = 4 << 20

  /// Puts a message into the batch to a server.
  mutating func put(_ message: RaftMessage, _ group: GroupID, to server: ServerID, _ condition: SendCondition) {
    let place: Int
    // What was put in later is said later: only the last batch of a kind may still be open.
    if let open = batches.lastIndex(where: { $0.to == server && $0.condition == condition }),
      batches[open].writer.bytes.count < Self.fullBytes
    {
      place = open
    } else {
      place = batches.count
      var writer = ByteWriter(capacity: 256)
      writer.byte(RaftBatch.version)
      batches.append(Batch(to: server, condition: condition, writer: writer))
    }
    invariant(
      batches[place].to == server && batches[place].condition == condition,
      "a message to \(server), \(condition), in a batch to \(batches[place].to), \(batches[place].condition)")
    batches[place].writer.varint(UInt64(group.value))
    message.write(to: &batches[place].writer)
  }

  /// Forgets what was put.
  mutating func removeAll() { batches.removeAll(keepingCapacity: true) }

  /// Hands the batches to the host. `lastState` is the place on the disk behind which every vote and term is written.
  mutating func send(_ turn: inout Turn, lastState: DiskPosition, _ node: (ServerID) -> NodeID?) {
    guard !batches.isEmpty else { return }
    for batch in batches {
      guard let to = node(batch.to) else { continue }
      let release: Release =
        switch batch.condition {
        case .afterState: .after(lastState)
        case .afterAll: .whenDurable
        case .immediately: .immediately
        }
      turn.message(to: to, batch.writer.bytes, release)
    }
    batches.removeAll(keepingCapacity: true)
  }
}
