// Letters: what all groups of a server have to say to another one, in one message of the host. The byte format is on
// the page RaftLetter.md.

import Vocabulary
import Wire

/// Reads letters.
enum RaftLetter {
  /// The first byte of a letter: the version of its format.
  static let version: UInt8 = 1

  /// The messages in a letter. Throws where any of it does not read.
  static func messages(in bytes: [UInt8]) throws(ByteError) -> [(GroupID, RaftMessage)] {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == Self.version else { throw ByteError(offset: 0, expected: "a letter of version \(Self.version)", found: "\(version)") }
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

/// Letters that are being written.
struct RaftOutbox {
  private struct Letter {
    var to: ServerID
    var utterance: Utterance
    var writer: ByteWriter
  }

  /// A handful mostly: one for each server and manner of speaking.
  private var letters: [Letter] = []
  /// Bytes beyond which nothing more is put into a letter: what travels together is lost together.
  private static let fullBytes = 4 << 20

  /// Puts a message into the letter to a server.
  mutating func put(_ message: RaftMessage, _ group: GroupID, to server: ServerID, _ utterance: Utterance) {
    let place: Int
    // What was put in later is said later: only the last letter of a kind may still be open.
    if let open = letters.lastIndex(where: { $0.to == server && $0.utterance == utterance }),
      letters[open].writer.bytes.count < Self.fullBytes
    {
      place = open
    } else {
      place = letters.count
      var writer = ByteWriter(capacity: 256)
      writer.byte(RaftLetter.version)
      letters.append(Letter(to: server, utterance: utterance, writer: writer))
    }
    letters[place].writer.varint(UInt64(group.value))
    message.write(to: &letters[place].writer)
  }

  /// Forgets what was put.
  mutating func removeAll() { letters.removeAll(keepingCapacity: true) }

  /// Hands the letters to the host. `lastState` is the place on the disk behind which every vote and term is written.
  mutating func send(_ turn: inout Turn, lastState: DiskPosition, _ node: (ServerID) -> NodeID?) {
    guard !letters.isEmpty else { return }
    for letter in letters {
      guard let to = node(letter.to) else { continue }
      let release: Release =
        switch letter.utterance {
        case .afterState: .after(lastState)
        case .afterAll: .whenDurable
        case .recklessly: .immediately
        }
      turn.message(to: to, letter.writer.bytes, release)
    }
    letters.removeAll(keepingCapacity: true)
  }
}
