// Time-series storage: takes points out of the queue and from clients, keeps them, and gives them back by measurement,
// time and tags.
//
// Guarantees: an answered write is durable; each message of the queue is stored once, whatever crashes, since points
// and offset are one journal record; of two points of one series and time the last written one stays; late and future
// points are taken like any other; a query sees every point that was stored before it, also while a flush runs; a query
// never gives wrong points. Fault model: crashes at any moment, torn and lost unsynced writes (see Journal), a full
// disk (consuming pauses, /write is 503, nothing is lost), damaged blocks (500, by file and byte), a damaged journal,
// manifest or index (the node does not start), a queue that is slow, away, or answers nonsense (tried again with
// backoff), messages that are no points or of series beyond the limit (handed to the queue's topic `metrics.set-aside`
// before they are passed over, and counted: what was acknowledged does not vanish). Limits: queries run in the turn;
// segments are not compacted yet; the catalogue and the segments' indices are held in memory. Parts: +Starting,
// +Consuming, +Writing, +Flushing, +Queries. Requirements: MONITORING-9, 12, 13, 15.

import Durable
import MonitoringAPI
import Resilience
import Vocabulary
import Wire

/// How storage is set up.
public struct TimeSeriesStorageConfiguration: Sendable {
  /// Where the queue is; nil for a storage that only takes writes.
  public var queue: Endpoint?
  /// Values in the memtable at which it is flushed.
  public var flushRows = 262_144
  /// Values in the memtable, while the one before it is still being flushed, at which no more are taken.
  public var maximumRows = 1_048_576
  /// Series beyond which points of new ones are refused, or set aside where the queue has acknowledged them.
  public var maximumSeries = 1_000_000
  /// Points in one answer beyond which a query is refused.
  public var maximumAnswerPoints = StorageAPI.maximumAnswerPoints
  /// Bytes of one answer beyond which a query is refused.
  public var maximumAnswerBytes = StorageAPI.maximumAnswerBytes
  /// Points at which a page of an answer ends.
  public var pagePoints = StorageAPI.pagePoints
  /// Bytes at which a page of an answer ends.
  public var pageBytes = StorageAPI.pageBytes
  /// Length of one journal segment in bytes.
  public var journalSegmentBytes = 8 << 20
  /// Where other brokers of the queue are: any of them is asked where the one before failed.
  public var otherBrokers: [Endpoint] = []
  /// Messages fetched at once from a partition.
  public var pollCount = 1_000
  /// How long a poll waits at the queue for a first message; at least 1 ms.
  public var pollWait = TimeSpan.seconds(5)
  /// How much longer than its wait a poll may take.
  public var pollMargin = TimeSpan.seconds(2)
  /// Waits before what failed is tried again.
  public var backoff = Backoff(base: .milliseconds(50), cap: .seconds(2))

  /// The defaults, with the queue at `queue`.
  public init(queue: Endpoint?) { self.queue = queue }
}

/// The storage service.
public struct TimeSeriesStorage: Machine {
  enum Route {
    case write, query, series, health
  }

  static let routes = RouteTable<Route>(
    [
      .init(.post, "/write", .write), .init(.post, "/query", .query), .init(.get, "/series", .series), .init(.get, "/health", .health),
    ], alsoBelow: APIVersion.segment)

  /// What to do once the queue has answered.
  enum Next {
    case polled(partition: Int, offset: Int64, since: Instant)
    case handedOver(HandingOver)
    case topicCreated(HandingOver)
  }

  /// Messages of a partition of which some cannot be kept: those go to another topic first.
  struct HandingOver {
    let partition: Int
    /// The offset of the first message.
    let offset: Int64
    let messages: [ConsumedMessage]
    /// Offsets of messages that are there by now, in order.
    var done: [Int64]
    /// Offsets of messages that are on their way, in order.
    var underWay: [Int64]
  }

  /// What a wake is for.
  enum Wake {
    case poll(partition: Int)
    case flush
  }

  /// Where the fetching of one partition stands.
  enum FetchPhase {
    /// A poll is under way, or the handing over of what it brought and cannot be kept.
    case polling
    /// Waits for its wake.
    case waiting
  }

  /// One partition of the queue.
  struct Partition {
    /// The offset from which to go on.
    var nextOffset: Int64 = 0
    /// Failures in a row.
    var failures = 0
    var phase = FetchPhase.waiting
    /// Records that are handed over in one request, at most: fewer while one is looked for that is refused.
    var handingLimit = QueueAPI.maximumRecords
  }

  /// A memtable on its way into a segment, and what the manifest will say of the time at which it was frozen.
  struct Frozen {
    var table: Memtable
    var number: UInt64
    var position: JournalPosition
    var nextOffsets: [Int64]
    var skippedMessages: Int
    var lostMessages: Int64
  }

  /// Where a flush stands.
  enum FlushPhase {
    /// Nothing is frozen.
    case idle
    /// A work writes the file.
    case writing(WorkTicket<FlushResult>)
    /// The file could not be written; a wake tries again.
    case waitingToWrite
    /// The file is durable, but the manifest could not be written; a wake tries again.
    case waitingToName(FlushResult)
  }

  let configuration: TimeSeriesStorageConfiguration
  var calls = Calls<Next>()
  var catalogue = SeriesCatalogue()
  var memtable = Memtable()
  var frozen: Frozen?
  var flushPhase = FlushPhase.idle
  var flushFailures = 0
  /// Oldest first.
  var segments: [Segment] = []
  var manifest: Manifest
  var manifestFile: TwinFile?
  var journal: Journal?
  /// The manifest on its way to the disk; once that is durable the journal before `position` can go.
  var discarding: (position: JournalPosition, durable: DiskPosition)?
  var partitions: [Partition]
  var wakes: [TimerID: Wake] = [:]
  /// Messages that were no points, or of series beyond the limit.
  var skippedMessages = 0
  /// Messages that the queue had discarded before they were fetched.
  var lostMessages: Int64 = 0

  /// A storage that has not started.
  public init(_ configuration: TimeSeriesStorageConfiguration) {
    self.configuration = configuration
    manifest = Manifest(partitions: QueueAPI.partitionCount)
    partitions = Array(repeating: Partition(), count: QueueAPI.partitionCount)
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: StorageAPI.maximumBodyBytes) }

  // MARK: events

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let completions) = calls.settle(event, &turn) {
      for completion in completions {
        switch completion.next {
        case .polled(let partition, let offset, let since):
          polled(partition, offset: offset, since: since, completion.outcome, &turn)
        case .handedOver(let work): handedOver(work, completion.outcome, &turn)
        case .topicCreated(let work): topicCreated(work, completion.outcome, &turn)
        }
      }
      return
    }
    switch event {
    case .request(let exchange, let request):
      Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        try take(match, exchange, request, &turn)
      }
    case .timer(let timer):
      switch wakes.removeValue(forKey: timer) {
      case .poll(let partition): poll(partition, &turn)
      case .flush: retryFlush(&turn)
      case nil: break
      }
    case .completed(let work, let outcome): flushed(work, outcome, &turn)
    case .durable: discardJournal(&turn)
    case .response, .failed, .abandoned, .message, .stream: break
    }
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    switch match.route {
    case .write: try write(exchange, request, &turn)
    case .query: try query(exchange, request, &turn)
    case .series: turn.reply(exchange, seriesAnswer())
    case .health: turn.reply(exchange, health(turn.disk), .immediately)
    }
  }

  // MARK: storing

  /// Whether the memtable is full while the one before it is not yet in a segment.
  var isBehind: Bool { frozen != nil && memtable.rows >= configuration.maximumRows }

  /// Journals a record. Nothing is kept where this throws.
  mutating func append(_ record: StorageRecord, _ turn: borrowing Turn) throws(JournalError) {
    guard let location = try journal?.append(record.encoded(), to: turn.disk) else { throw .notHeld(JournalPosition(0)) }
    _ = location
  }

  /// Puts a batch that is in the journal into the memtable. Throws where a series' key cannot be read, which only a
  /// damaged record has.
  mutating func add(_ batch: PointBatch, keepsFirst: Bool = false) throws(ByteError) {
    var numbers: [Int] = []
    numbers.reserveCapacity(batch.series.count)
    for key in batch.series { numbers.append(try catalogue.enter(key)) }
    memtable.add(batch, numbers: numbers, keepsFirst: keepsFirst)
  }

  /// How many series of the batch are new.
  func newSeriesCount(_ batch: PointBatch) -> Int { batch.series.reduce(0) { $0 + (catalogue.number(of: $1) == nil ? 1 : 0) } }
}
