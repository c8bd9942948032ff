// Machines that work their disk hard, and know what it must hold.

import ProvingGround
import Vocabulary

/// What a disk must hold after a number of seeded operations.
struct DiskModel {
  private(set) var files: [FileName: [UInt8]] = [:]
  private var random: RandomStream

  init(seed: UInt64) { random = RandomStream(seed: seed) }

  /// One random operation on the model, and on `disk` where there is one. Returns what was wrong with the disk, or nil.
  mutating func step(_ disk: (any Disk)?) -> String? {
    let names = (0..<5).map { FileName("file", number: $0, suffix: "data") }
    let name = names[Int(random.below(5))]
    let other = names[Int(random.below(5))]
    do throws(DiskError) {
      switch random.below(20) {
      case 0:
        guard files[name] != nil else { return nil }
        files[name] = nil
        try disk?.delete(name)
      case 1, 2:
        guard let bytes = files[name] else { return nil }
        files[name] = nil
        files[other] = bytes
        try disk?.rename(name, to: other)
      case 3, 4:
        guard var bytes = files[name] else { return nil }
        let size = Int(random.below(UInt64(bytes.count + 200)))
        bytes = Array(bytes.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - bytes.count))
        files[name] = bytes
        try disk?.truncate(name, to: size)
      case 5...8:
        // Anywhere, also beyond the end.
        let bytes = random.bytes(Int(random.below(3_000)))
        let offset = Int(random.below(UInt64((files[name]?.count ?? 0) + 500)))
        put(bytes, at: offset, name)
        try disk?.write(name, at: offset, bytes)
      default:
        let bytes = random.bytes(1 + Int(random.below(400)))
        let offset = files[name]?.count ?? 0
        put(bytes, at: offset, name)
        try disk?.write(name, at: offset, bytes)
      }
      guard let expected = files[name] else { return nil }
      // Drawn with a disk and without one, so that both go the same way.
      let from = Int(random.below(UInt64(expected.count + 1)))
      let count = min(expected.count - from, 10_000)
      guard let disk else { return nil }
      if disk.size(of: name) != expected.count { return "\(name.text) has the wrong size" }
      if try disk.read(name, at: from, count: count) != Array(expected[from..<from + count]) { return "\(name.text) reads wrongly" }
      return nil
    } catch {
      return "\(error)"
    }
  }

  private mutating func put(_ bytes: [UInt8], at offset: Int, _ name: FileName) {
    var content = files[name] ?? []
    if content.count < offset + bytes.count { content += [UInt8](repeating: 0, count: offset + bytes.count - content.count) }
    content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    files[name] = content
  }

  /// Whether `disk` holds exactly this.
  func matches(_ disk: any Disk) -> Bool {
    guard disk.list() == files.keys.sorted() else { return false }
    for (name, bytes) in files {
      do throws(DiskError) {
        if try disk.readAll(name, limitBytes: 100_000_000) != bytes { return false }
      } catch { return false }
    }
    return true
  }
}

/// Makes `turns` turns of random operations; states probe 1 for the end (1 if all was right), probe 2 at each start: 1
/// if what an earlier life of the same seed and length left is right, 2 if there was nothing.
struct DiskWorker: Machine {
  private static let operationsPerTurn = 25
  private var model: DiskModel
  private let turns: Int
  private let seed: UInt64
  private var done = 0
  private var isRight = true

  init(seed: UInt64, turns: Int) {
    self.seed = seed
    self.turns = turns
    model = DiskModel(seed: seed)
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    if turn.disk.list().isEmpty {
      turn.observe(.probe, subject: 2, value: 2)
      _ = turn.wake(after: .zero)
    } else {
      var expected = DiskModel(seed: seed)
      for _ in 0..<turns * Self.operationsPerTurn { _ = expected.step(nil) }
      turn.observe(.probe, subject: 2, value: expected.matches(turn.disk) ? 1 : 0)
    }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      for number in 0..<Self.operationsPerTurn {
        if model.step(turn.disk) != nil { isRight = false }
        // What is asked in phases is read back as what is asked at once.
        if (number + done) % 7 == 0 { turn.disk.barrier() }
      }
      done += 1
      if done < turns { _ = turn.wake(after: .microseconds(100)) } else { turn.observe(.probe, subject: 1, value: isRight ? 1 : 0) }
    case .request, .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

/// Asks for what the contract of `Disk` refuses; states probe 1 for each refusal that is as it should be, and probe 0
/// at the end.
struct RefusalWorker: Machine {
  func start(_ turn: inout Turn) throws(StartRefusal) {
    let name = FileName(fixed: "a")
    let disk = turn.disk
    func refuses(_ expected: DiskError, _ body: () throws(DiskError) -> Void) -> Bool {
      do throws(DiskError) {
        try body()
        return false
      } catch {
        return error == expected
      }
    }
    let results = [
      refuses(.missing(name)) { () throws(DiskError) in _ = try disk.read(name, at: 0, count: 1) },
      refuses(.missing(name)) { () throws(DiskError) in try disk.truncate(name, to: 1) },
      refuses(.missing(name)) { () throws(DiskError) in try disk.rename(name, to: name) },
      refuses(.missing(name)) { () throws(DiskError) in try disk.delete(name) },
      refuses(.outOfBounds(name, offset: -1, count: 1)) { () throws(DiskError) in try disk.write(name, at: -1, [1]) },
      refuses(.outOfBounds(name, offset: .max, count: 1)) { () throws(DiskError) in try disk.write(name, at: .max, [1]) },
      refuses(.full(neededBytes: 100_001)) { () throws(DiskError) in try disk.write(name, at: 0, [UInt8](repeating: 1, count: 100_001)) },
      !refuses(.full(neededBytes: 0)) { () throws(DiskError) in try disk.write(name, at: 0, [UInt8](repeating: 1, count: 100_000)) },
      refuses(.full(neededBytes: 1)) { () throws(DiskError) in try disk.write(name, at: 100_000, [1]) },
      refuses(.full(neededBytes: 1)) { () throws(DiskError) in try disk.truncate(name, to: 100_001) },
      refuses(.outOfBounds(name, offset: 0, count: 65_537)) { () throws(DiskError) in _ = try disk.read(name, at: 0, count: 65_537) },
      refuses(.outOfBounds(name, offset: 99_999, count: 2)) { () throws(DiskError) in _ = try disk.read(name, at: 99_999, count: 2) },
      refuses(.outOfBounds(name, offset: -1, count: 2)) { () throws(DiskError) in _ = try disk.read(name, at: -1, count: 2) },
      refuses(.outOfBounds(name, offset: 0, count: -1)) { () throws(DiskError) in _ = try disk.read(name, at: 0, count: -1) },
      disk.availableBytes == 0,
    ]
    for (index, held) in results.enumerated() { turn.observe(.probe, subject: UInt64(index + 1), value: held ? 1 : 0) }
    turn.observe(.probe, subject: 0, value: results.allSatisfy { $0 } ? 1 : 0)
  }

  func handle(_ event: Event, _ turn: inout Turn) {}
}

/// Runs works: one that makes a file, one that is cancelled, one that fails; then checks what its turns see of them.
struct WorkWorker: Machine {
  private struct Doubling: Work {
    func run(_ files: any WorkFiles) throws(WorkFailure) -> Int {
      let bytes = try files.read(FileName(fixed: "source"), at: 0, count: files.size(of: FileName(fixed: "source")) ?? 0)
      try files.create(FileName(fixed: "product"), bytes + bytes)
      return bytes.count
    }
  }

  private struct Endless: Work {
    func run(_ files: any WorkFiles) throws(WorkFailure) -> Never {
      while !files.isCancelled {}
      throw .cancelled
    }
  }

  private struct Clashing: Work {
    func run(_ files: any WorkFiles) throws(WorkFailure) -> Int {
      try files.create(FileName(fixed: "source"), [])
      return 0
    }
  }

  private var doubling: WorkTicket<Int>?
  private var endless: WorkTicket<Never>?
  private var clashing: WorkTicket<Int>?

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(DiskError) { try turn.disk.write(FileName(fixed: "source"), at: 0, [1, 2, 3]) } catch { throw StartRefusal("\(error)") }
    doubling = turn.compute(Doubling())
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .completed(let id, let outcome) = event else { return }
    if case .success(let count) = doubling?.result(of: outcome, id) {
      do throws(DiskError) {
        let bytes = try turn.disk.read(FileName(fixed: "product"), at: 0, count: 6)
        turn.observe(.probe, subject: 1, value: count == 3 && bytes == [1, 2, 3, 1, 2, 3] ? 1 : 0)
      } catch { turn.observe(.probe, subject: 1) }
      let work = turn.compute(Endless())
      turn.cancelCompute(work)
      endless = work
    }
    if case .failure(let failure) = endless?.result(of: outcome, id) {
      turn.observe(.probe, subject: 2, value: failure == .cancelled ? 1 : 0)
      clashing = turn.compute(Clashing())
    }
    if case .failure(.damaged) = clashing?.result(of: outcome, id) {
      turn.observe(.probe, subject: 3, value: turn.disk.list().map(\.text) == ["product", "source"] ? 1 : 0)
    }
  }
}
