// What the broker remembers of producers, so that a request that is sent again is stored once.
//
// For each producer the last `windowLength` sequences and where they lie; for all, the `maximumProducers` that were used last.
// A sequence older than a full window cannot be told from a new one and is refused. Limit: a producer that was forgotten, because
// more than `maximumProducers` others were used since, is taken for a new one.

import DequeModule
import MonitoringAPI

/// The memory of producers' sequences.
struct ProducerMemory {
  /// A sequence and where its message lies.
  struct Item: Equatable {
    var sequence: Int64
    var place: RecordPlace
  }

  /// One producer.
  struct Entry: Equatable {
    var producer: String
    /// Oldest first.
    var window: Deque<Item>
    var lastUse: UInt64 = 0
    /// The greatest sequence that was ever remembered.
    var greatest: Int64 = -1

    init(producer: String, window: Deque<Item>) {
      self.producer = producer
      self.window = window
      greatest = window.map(\.sequence).max() ?? -1
    }

    static func == (left: Entry, right: Entry) -> Bool { left.producer == right.producer && left.window == right.window }
  }

  /// What is known of a sequence.
  enum Knowledge: Equatable {
    /// It is new.
    case new
    /// Its message lies here.
    case stored(RecordPlace)
    /// It is older than all that is remembered of a full window.
    case tooOld
  }

  static let windowLength = 1_024
  static let maximumProducers = 16_384

  private var entries: [String: Entry] = [:]
  private var uses: UInt64 = 0

  /// What is known of a producer's sequence.
  func knowledge(of identity: ProducerSequence) -> Knowledge {
    guard let entry = entries[identity.producer], let first = entry.window.first else { return .new }
    // The hot path: a producer counts upwards.
    if identity.sequence > entry.greatest { return .new }
    let window = entry.window
    // Newest first: a repetition mostly follows soon.
    for item in window.reversed() where item.sequence == identity.sequence { return .stored(item.place) }
    return window.count == Self.windowLength && identity.sequence < first.sequence ? .tooOld : .new
  }

  /// Remembers where a producer's message lies.
  mutating func remember(_ identity: ProducerSequence, at place: RecordPlace) {
    uses += 1
    if entries[identity.producer] == nil { forgetSome() }
    entries[identity.producer, default: Entry(producer: identity.producer, window: [])].remember(
      Item(sequence: identity.sequence, place: place), use: uses)
  }

  /// All that is remembered, least recently used first.
  var all: [Entry] { entries.values.sorted { $0.lastUse < $1.lastUse } }

  /// Takes back what `all` gave.
  mutating func restore(_ entries: [Entry]) {
    self.entries.removeAll()
    for entry in entries {
      var entry = Entry(producer: entry.producer, window: entry.window)
      uses += 1
      entry.lastUse = uses
      self.entries[entry.producer] = entry
    }
  }

  /// Makes room in steps of an eighth, so that the sorting is paid by many.
  private mutating func forgetSome() {
    guard entries.count >= Self.maximumProducers else { return }
    for entry in all.prefix(Self.maximumProducers / 8) { entries[entry.producer] = nil }
  }
}

extension ProducerMemory.Entry {
  mutating func remember(_ item: ProducerMemory.Item, use: UInt64) {
    lastUse = use
    if window.count == ProducerMemory.windowLength { window.removeFirst() }
    window.append(item)
    greatest = max(greatest, item.sequence)
  }
}
