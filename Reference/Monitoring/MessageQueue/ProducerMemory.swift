// What the broker remembers of producers, so that a request that is sent again is stored once.
//
// For each producer the newest `maximumRuns` runs of sequences and where they lie; for all, the `maximumProducers` that were used last.
// A run is consecutive sequences at consecutive offsets of one partition: mostly one request. A sequence that is not in a run is new,
// unless it is not above the greatest that was ever forgotten of its producer: then it cannot be told and is refused. Limit: a
// producer that was forgotten, because more than `maximumProducers` others were used since, is taken for a new one.

import DequeModule
import MonitoringAPI

/// The memory of producers' sequences.
struct ProducerMemory {
  /// Consecutive sequences at consecutive offsets.
  struct Run: Equatable {
    var firstSequence: Int64
    var count: Int64
    var place: RecordPlace

    func place(of sequence: Int64) -> RecordPlace? {
      guard sequence >= firstSequence, sequence - firstSequence < count else { return nil }
      return RecordPlace(partition: place.partition, offset: place.offset + (sequence - firstSequence))
    }

    func isContinued(by sequence: Int64, at next: RecordPlace) -> Bool {
      sequence == firstSequence + count && next.partition == place.partition && next.offset == place.offset + count
    }
  }

  /// One producer.
  struct Entry: Equatable {
    var producer: String
    /// Oldest first.
    var runs: Deque<Run>
    /// The greatest sequence that was forgotten; −1 where none was.
    var greatestForgotten: Int64 = -1
    var lastUse: UInt64 = 0
    /// The greatest sequence that was ever remembered.
    var greatest: Int64 = -1

    init(producer: String, runs: Deque<Run>, greatestForgotten: Int64 = -1) {
      self.producer = producer
      self.runs = runs
      self.greatestForgotten = greatestForgotten
      greatest = max(greatestForgotten, runs.map { $0.firstSequence + $0.count - 1 }.max() ?? -1)
    }

    static func == (left: Entry, right: Entry) -> Bool {
      left.producer == right.producer && left.runs == right.runs && left.greatestForgotten == right.greatestForgotten
    }
  }

  /// What is known of a sequence.
  enum Knowledge: Equatable {
    /// It is new.
    case new
    /// Its message lies here.
    case stored(RecordPlace)
    /// It is older than what is remembered, and cannot be told from a new one.
    case tooOld
  }

  static let maximumRuns = 1_024
  static let maximumProducers = 16_384

  private var entries: [String: Entry] = [:]
  private var uses: UInt64 = 0

  /// What is known of a producer's sequence.
  func knowledge(of identity: ProducerSequence) -> Knowledge {
    guard let entry = entries[identity.producer] else { return .new }
    // The hot path: a producer counts upwards.
    if identity.sequence > entry.greatest { return .new }
    // Newest first: a repetition mostly follows soon.
    for run in entry.runs.reversed() {
      if let place = run.place(of: identity.sequence) { return .stored(place) }
    }
    return identity.sequence <= entry.greatestForgotten ? .tooOld : .new
  }

  /// Remembers where a producer's message lies.
  mutating func remember(_ identity: ProducerSequence, at place: RecordPlace) {
    uses += 1
    if entries[identity.producer] == nil { forgetSome() }
    entries[identity.producer, default: Entry(producer: identity.producer, runs: [])].remember(identity.sequence, at: place, use: uses)
  }

  /// All that is remembered, least recently used first.
  var all: [Entry] { entries.values.sorted { $0.lastUse < $1.lastUse } }

  /// Takes back what `all` gave.
  mutating func restore(_ entries: [Entry]) {
    self.entries.removeAll()
    for var entry in entries {
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
  mutating func remember(_ sequence: Int64, at place: RecordPlace, use: UInt64) {
    lastUse = use
    greatest = max(greatest, sequence)
    if let last = runs.last, last.isContinued(by: sequence, at: place) {
      runs[runs.count - 1].count += 1
      return
    }
    if runs.count == ProducerMemory.maximumRuns, let oldest = runs.popFirst() {
      greatestForgotten = max(greatestForgotten, oldest.firstSequence + oldest.count - 1)
    }
    runs.append(ProducerMemory.Run(firstSequence: sequence, count: 1, place: place))
  }
}
