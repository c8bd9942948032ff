// One partition in memory: where each retained message lies in the journal, and the newest messages themselves.

import DequeModule
import Durable
import MonitoringAPI

/// One partition of the topic.
struct Partition {
  /// Where a message lies: its journal record, and its place among the record's messages.
  struct Place {
    var location: JournalLocation
    var index: UInt32
  }

  /// The first offset that is retained.
  private(set) var firstOffset: Int64 = 0
  /// Places of the messages from `firstOffset` on, without a gap.
  private var places = Deque<Place>()
  /// The newest messages; the last one has the offset `nextOffset - 1`.
  private var recent = Deque<StoredMessage>()
  /// Bytes of the values in `recent`.
  private(set) var recentBytes = 0

  /// The offset that the next message gets.
  var nextOffset: Int64 { firstOffset + Int64(places.count) }

  /// Adds a message at `nextOffset`; keeps it in memory as one of the newest, within `recentLimitBytes`.
  mutating func append(_ message: StoredMessage, at place: Place, recentLimitBytes: Int) {
    precondition(message.offset == nextOffset, "an offset that is not dense reached a partition")
    places.append(place)
    recent.append(message)
    recentBytes += message.value.count + message.key.utf8.count
    while recentBytes > recentLimitBytes, let oldest = recent.popFirst() {
      recentBytes -= oldest.value.count + oldest.key.utf8.count
    }
  }

  /// Where the message at `offset` lies; nil where it is not retained.
  func place(of offset: Int64) -> Place? {
    guard offset >= firstOffset, offset < nextOffset else { return nil }
    return places[Int(offset - firstOffset)]
  }

  /// The message at `offset` if it is among the newest.
  func recentMessage(at offset: Int64) -> StoredMessage? {
    let first = nextOffset - Int64(recent.count)
    guard offset >= first, offset < nextOffset else { return nil }
    return recent[Int(offset - first)]
  }

  /// Forgets messages that lie before `position` of the journal.
  mutating func forget(before position: JournalPosition) {
    while let first = places.first, first.location.position < position {
      places.removeFirst()
      firstOffset += 1
    }
    while recent.count > places.count, let oldest = recent.popFirst() {
      recentBytes -= oldest.value.count + oldest.key.utf8.count
    }
  }

  /// Moves an empty partition's next offset up to `offset`, for messages that were discarded before. False where that would go back.
  mutating func advance(to offset: Int64) -> Bool {
    guard offset >= nextOffset else { return false }
    if places.isEmpty {
      firstOffset = offset
      return true
    }
    return offset == nextOffset
  }
}
