// A small durable key-value store: the node that proves the seam in both worlds.
//
// PUT /keys/{key} (the body is the value) → 204, GET → 200 or 404, DELETE → 204. Guarantees: an answered write survives
// any crash; a read never shows what a crash could take back (its answer waits for the sync of all that was written
// before it). Fault model: that of the journal and the twin file. The state is snapshotted when the journal outgrows
// `journalLimitBytes`, so that neither grows without bound but with the number of keys.

import Durable
import Vocabulary
import Wire

/// The store.
public struct KeyValueStore: Machine {

  static let routes = RouteTable<Method>([
    .init(.put, "/keys/{key}", .put), .init(.get, "/keys/{key}", .get), .init(.delete, "/keys/{key}", .delete),
  ])

  private let journalLimitBytes: Int
  private var values: [ExactName: [UInt8]] = [:]
  private var journal: Journal?
  private var snapshot: TwinFile?
  /// A snapshot was saved that holds all before `position`; once the disk is durable up to `durable` the journal before
  /// it may go.
  private var discarding: (position: JournalPosition, durable: DiskPosition)?

  /// A store that has not started.
  public init(journalLimitBytes: Int = 1 << 20) { self.journalLimitBytes = journalLimitBytes }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(JournalError) {
      let loaded = try TwinFile.load(stem: "snapshot", from: turn.disk)
      snapshot = loaded.file
      var values: [ExactName: [UInt8]] = [:]
      var covered = JournalPosition(0)
      if let state = loaded.state {
        guard let decoded = Self.decode(state) else {
          throw .damaged(FileName(fixed: "snapshot"), offset: 0, "not a snapshot of the store")
        }
        (values, covered) = decoded
      }
      let recovered = try Journal.recover(from: turn.disk, segmentBytes: max(4_096, journalLimitBytes / 4)) {
        (location, payload) throws(JournalError) in
        if location.position >= covered { try Self.replay(payload, location, &values) }
      }
      guard recovered.journal.start <= covered || loaded.state == nil else {
        throw .damaged(FileName(fixed: "journal"), offset: 0, "the journal begins behind the end of the snapshot")
      }
      self.values = values
      journal = recovered.journal
      turn.observe(.journalRecovered, subject: UInt64(recovered.recovery.records), value: UInt64(recovered.recovery.tornBytes))
    } catch {
      throw StartRefusal("the store cannot be recovered: \(error)")
    }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let exchange, let request):
      Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        turn.reply(exchange, try answer(match, request, &turn))
      }
    case .durable: discardOld(&turn)
    case .response, .failed, .abandoned, .message, .timer, .completed, .stream: break
    }
  }

  private mutating func answer(
    _ match: RouteTable<Method>.Match, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) -> Response {
    let key = match.parameter("key")
    switch match.route {
    case .put:
      try write(key, request.body, &turn)
      return Response(status: 204)
    case .delete:
      try write(key, nil, &turn)
      return Response(status: 204)
    case .get, .head, .post, .patch, .options, .other:
      guard let value = values[ExactName(key)] else {
        return .failure(404, code: "NO_SUCH_KEY", message: "there is no value under this key")
      }
      return Response(status: 200, body: value)
    }
  }

  private mutating func write(_ key: String, _ value: [UInt8]?, _ turn: inout Turn) throws(RequestProblem) {
    var writer = ByteWriter(capacity: 16 + key.utf8.count + (value?.count ?? 0))
    writer.byte(value == nil ? 2 : 1)
    writer.prefixedString(key)
    writer.prefixedBytes(value ?? [])
    do throws(JournalError) {
      _ = try journal?.append(writer.finish(), to: turn.disk)
    } catch {
      throw RequestProblem(503, code: "NOT_STORED", message: "the value cannot be stored: \(error)")
    }
    values[ExactName(key)] = value
    snapshotIfLong(&turn)
  }

  // MARK: snapshots

  private mutating func snapshotIfLong(_ turn: inout Turn) {
    guard discarding == nil, let journal, journal.fileBytes > journalLimitBytes else { return }
    do throws(JournalError) {
      try self.journal?.rotate(on: turn.disk)
      let state = encode(covering: journal.end)
      try snapshot?.save(state, to: turn.disk)
    } catch {
      return  // A full disk: the journal goes on growing until there is room.
    }
    discarding = (journal.end, turn.notifyWhenDurable())
  }

  private mutating func discardOld(_ turn: inout Turn) {
    guard let pending = discarding, pending.durable <= turn.disk.durablePosition else { return }
    discarding = nil
    // What cannot be deleted now is deleted after the next snapshot.
    try? journal?.discard(before: pending.position, on: turn.disk)
  }

  private func encode(covering position: JournalPosition) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(position.bytes)
    writer.count(values.count)
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      writer.prefixedString(key.text)
      writer.prefixedBytes(value)
    }
    return writer.finish()
  }

  private static func decode(_ state: [UInt8]) -> ([ExactName: [UInt8]], JournalPosition)? {
    var reader = ByteReader(state)
    var values: [ExactName: [UInt8]] = [:]
    do throws(ByteError) {
      let position = try reader.varint()
      for _ in 0..<(try reader.count(minimumBytesEach: 2)) { values[ExactName(try reader.prefixedString())] = try reader.prefixedBytes() }
      try reader.expectEnd()
      return (values, JournalPosition(position))
    } catch {
      return nil
    }
  }

  private static func replay(
    _ payload: ArraySlice<UInt8>, _ location: JournalLocation, _ values: inout [ExactName: [UInt8]]
  ) throws(JournalError) {
    var reader = ByteReader(Array(payload))
    do throws(ByteError) {
      let kind = try reader.byte()
      let key = try reader.prefixedString()
      let value = try reader.prefixedBytes()
      values[ExactName(key)] = kind == 1 ? value : nil
    } catch {
      throw .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), "not a record of the store: \(error)")
    }
  }
}
