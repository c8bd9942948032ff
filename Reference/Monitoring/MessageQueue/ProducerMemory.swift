// What a partition remembers of its producers, so that a batch that is sent again is stored once.
//
// For each producer its epoch, and the newest `maximumRuns` runs of sequences and where they lie; of all producers
// those that were used last, as many as `maximumProducers` and `maximumBytes` allow: all of it stands in one snapshot.
// A run is consecutive sequences at consecutive offsets: mostly many batches. A sequence that is not in a run is new,
// unless it is not above the greatest that was ever forgotten of its producer: then it cannot be told and is refused.
// Limit: a producer that was forgotten, because so many others were used since, is taken for a new one. Not before
// `rememberedProducers` others were used in its partition, if their names have up to 90 bytes: at 1,000 requests a
// second, each a producer of its own (as those of ingestion are) and spread over the 12 partitions, that is more than
// five minutes. Part of the replicated state: every replica must come to the same, so nothing here looks at a clock.
// Requirements: MONITORING-6, 10.

import DequeModule
import MonitoringAPI
import Vocabulary
import Wire

/// The memory of producers' sequences.
struct ProducerMemory: Equatable {
  /// Consecutive sequences at consecutive offsets.
  struct Run: Equatable {
    var firstSequence: Int64
    var count: Int64
    var offset: Int64

    func offset(of sequence: Int64) -> Int64? {
      guard sequence >= firstSequence, sequence - firstSequence < count else { return nil }
      return offset + (sequence - firstSequence)
    }
  }

  /// One producer.
  struct Entry: Equatable {
    /// Its newest incarnation that was heard.
    var epoch: Int64 = 0
    /// Oldest first.
    var runs = Deque<Run>()
    /// The greatest sequence that was forgotten; −1 where none was.
    var greatestForgotten: Int64 = -1
    /// The greatest sequence that was ever remembered; −1 where none was.
    var greatest: Int64 = -1
    var lastUse: UInt64 = 0

    mutating func remember(_ sequence: Int64, count: Int64, at offset: Int64) {
      invariant(count >= 1, "\(count) records from sequence \(sequence) on are remembered")
      // Nothing here adds one to the greatest sequence that there can be.
      greatest = max(greatest, sequence + (count - 1))
      if let last = runs.last, sequence - last.firstSequence == last.count, offset - last.offset == last.count {
        runs[runs.count - 1].count += count
        return
      }
      if runs.count == ProducerMemory.maximumRuns, let oldest = runs.popFirst() {
        greatestForgotten = max(greatestForgotten, oldest.firstSequence + (oldest.count - 1))
      }
      runs.append(Run(firstSequence: sequence, count: count, offset: offset))
    }
  }

  /// What is known of a sequence.
  enum Knowledge: Equatable {
    /// It is new.
    case new
    /// Its record lies at this offset.
    case stored(Int64)
    /// It is older than what is remembered, and cannot be told from a new one.
    case tooOld
  }

  static let maximumRuns = 1_024
  static let maximumProducers = 32_768
  /// Bytes that all producers may take in a snapshot, at most: with `KeptRecords.maximumBytes` less than the 16 MiB of
  /// one.
  static let maximumBytes = 19 << 18
  /// How many producers with names of up to 90 bytes are remembered at least: what is left when some were forgotten.
  static let rememberedProducers = maximumProducers / 8 * 7

  /// By the bytes of the producers' names: names that look alike are different.
  private var entries: [[UInt8]: Entry] = [:]
  private var uses: UInt64 = 0
  /// What the entries take in a snapshot, about.
  private var byteCount = 0

  /// What an entry takes in a snapshot, about: numbers of three to nine bytes each.
  private static func bytes(_ producer: [UInt8], _ entry: Entry) -> Int { producer.count + 32 + 24 * entry.runs.count }

  /// Whether nobody is remembered.
  var isEmpty: Bool { entries.isEmpty }

  /// The newest epoch of a producer that was heard; nil where it is not known.
  func epoch(of producer: String) -> Int64? { entries[Array(producer.utf8)]?.epoch }

  /// Whether all sequences of a batch are above all that is known: the hot path, since a producer counts upwards.
  func areNew(_ identity: BatchIdentity) -> Bool {
    guard let entry = entries[Array(identity.producer.utf8)] else { return true }
    return identity.epoch > entry.epoch || identity.sequence(at: 0) > entry.greatest
  }

  /// What is known of a producer's sequence.
  func knowledge(of sequence: Int64, _ identity: BatchIdentity) -> Knowledge {
    guard let entry = entries[Array(identity.producer.utf8)], identity.epoch <= entry.epoch else { return .new }
    if sequence > entry.greatest { return .new }
    // Newest first: a repetition mostly follows soon.
    for run in entry.runs.reversed() {
      if let offset = run.offset(of: sequence) { return .stored(offset) }
    }
    return sequence <= entry.greatestForgotten ? .tooOld : .new
  }

  /// Remembers where records of a producer lie: `count` consecutive sequences at consecutive offsets. A new epoch
  /// begins a new count.
  mutating func remember(_ sequence: Int64, count: Int64, _ identity: BatchIdentity, at offset: Int64) {
    uses += 1
    let producer = Array(identity.producer.utf8)
    var entry = take(producer) ?? Entry(epoch: identity.epoch)
    if identity.epoch > entry.epoch { entry = Entry(epoch: identity.epoch) }
    entry.remember(sequence, count: count, at: offset)
    entry.lastUse = uses
    put(entry, producer)
    if entries.count > Self.maximumProducers || byteCount > Self.maximumBytes { forgetSome() }
  }

  /// What is remembered of one producer, to be given back by `restore`.
  func entry(of producer: String) -> Entry? { entries[Array(producer.utf8)] }

  /// Remembers of a producer what `entry(of:)` gave.
  mutating func restore(_ entry: Entry?, of producer: String) {
    let producer = Array(producer.utf8)
    _ = take(producer)
    if let entry { put(entry, producer) }
  }

  private mutating func take(_ producer: [UInt8]) -> Entry? {
    guard let entry = entries.removeValue(forKey: producer) else { return nil }
    byteCount -= Self.bytes(producer, entry)
    invariant(
      byteCount >= 0 && (!entries.isEmpty || byteCount == 0), "\(byteCount) bytes of \(entries.count) producers are remembered")
    return entry
  }

  private mutating func put(_ entry: Entry, _ producer: [UInt8]) {
    byteCount += Self.bytes(producer, entry)
    entries[producer] = entry
  }

  /// Makes room in steps of an eighth, so that the sorting is paid by many.
  private mutating func forgetSome() {
    for (producer, _) in inOrderOfUse {
      guard entries.count > Self.rememberedProducers || byteCount > Self.maximumBytes / 8 * 7 else { return }
      _ = take(producer)
    }
    invariant(entries.count <= Self.maximumProducers, "\(entries.count) producers are remembered where \(Self.maximumProducers) may be")
  }

  /// Least recently used first.
  private var inOrderOfUse: [(key: [UInt8], value: Entry)] { entries.sorted { $0.value.lastUse < $1.value.lastUse } }

  // MARK: bytes

  /// Writes all that is remembered, least recently used first.
  func write(to writer: inout ByteWriter) {
    writer.count(entries.count)
    for (producer, entry) in inOrderOfUse {
      writer.prefixedBytes(producer)
      writer.varint(UInt64(entry.epoch))
      writer.zigzag(entry.greatestForgotten)
      writer.zigzag(entry.greatest)
      writer.count(entry.runs.count)
      for run in entry.runs {
        writer.varint(UInt64(run.firstSequence))
        writer.varint(UInt64(run.count))
        writer.varint(UInt64(run.offset))
      }
    }
  }

  /// Nothing remembered.
  init() {}

  /// Reads what `write` wrote.
  init(from reader: inout ByteReader) throws(ByteError) {
    for _ in 0..<(try reader.count(minimumBytesEach: 5)) {
      let producer = try reader.prefixedString(maximumBytes: QueueAPI.maximumProducerBytes)
      var entry = Entry(epoch: try reader.integer())
      entry.greatestForgotten = try reader.zigzag()
      entry.greatest = try reader.zigzag()
      for _ in 0..<(try reader.count(minimumBytesEach: 3)) {
        let run = Run(firstSequence: try reader.integer(), count: try reader.integer(), offset: try reader.integer())
        guard run.count >= 1, run.firstSequence <= Int64.max - (run.count - 1), run.offset <= Int64.max - run.count else {
          throw ByteError(offset: reader.position, expected: "a run of sequences below 2^63", found: "\(run)")
        }
        entry.runs.append(run)
      }
      uses += 1
      entry.lastUse = uses
      restore(entry, of: producer)
    }
  }

  static func == (left: ProducerMemory, right: ProducerMemory) -> Bool {
    left.inOrderOfUse.elementsEqual(right.inOrderOfUse) { $0.key == $1.key && $0.value.isSame(as: $1.value) }
  }
}

extension ProducerMemory.Entry {
  /// Whether it is the same but for the count of uses, which starts anew with each life.
  func isSame(as other: Self) -> Bool {
    epoch == other.epoch && runs == other.runs && greatestForgotten == other.greatestForgotten && greatest == other.greatest
  }
}
