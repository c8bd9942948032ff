// A node's disk in the simulated world: what its turns see, what is durable, and what a crash leaves.
//
// Fault model (the contract of `Disk`): operations are numbered; the host's sync makes all up to a position durable. A
// crash keeps a random prefix of the unsynced operations on names and lengths, and of each unsynced write a random set
// of its 512-byte sectors, so that writes are lost, torn and persisted out of order. Barriers divide what is unsynced
// into phases: a crash keeps such a part of the first, or all of it, and nothing of those behind, whose sync had not
// begun. Bit rot flips bits of what is durable. A full disk refuses the write that needs more space. An unreadable
// range throws until it is written anew. Limits: contents are held in memory twice (current and durable); misdirected
// writes are not modelled.

import Kernel
import Vocabulary

/// What the disks of one box lie on: its room is theirs together.
public final class DiskMedium {
  /// Its size in bytes.
  public let sizeBytes: Int
  /// How much of it can be used; faults lower it, and the least counts.
  public var capacityBytes: Int
  /// What faults leave to be used.
  var fullness = UnderWay<Int>() {
    didSet { capacityBytes = fullness.damages.reduce(sizeBytes, min) }
  }
  /// Bytes in use.
  public fileprivate(set) var usedBytes = 0
  /// The chance that a read throws `unreadable`; faults raise it, and the largest counts.
  public var readFailureProbability = 0.0
  /// Which shares of the reads faults let fail.
  var unreadableShares = UnderWay<Double>() {
    didSet { readFailureProbability = unreadableShares.damages.max() ?? 0 }
  }

  /// An empty medium.
  public init(capacityBytes: Int) {
    sizeBytes = capacityBytes
    self.capacityBytes = capacityBytes
  }

  /// Whether the next read fails by chance.
  fileprivate func failsRead(_ random: inout RandomStream) -> Bool {
    guard random.chance(readFailureProbability) else { return false }
    if unreadableShares.isOneIdle {
      let worst = readFailureProbability
      unreadableShares.act { $0 == worst }
    }
    return true
  }

  /// Whoever asks is told that there is less room than there would be for `bytes` in use.
  fileprivate func tellRoom(for bytes: Int) {
    if fullness.isOneIdle { fullness.act { $0 < bytes } }
  }
}

/// The files of one node on a simulated medium. They outlive the node's crashes.
public final class SimulatedDisk: Disk {
  final class Content {
    var current: [UInt8] = []
    var durable: [UInt8] = []
  }

  enum Operation {
    case write(file: Int, offset: Int, bytes: [UInt8])
    /// A work's own file; its sync is its own too.
    case appear(file: Int, bytes: [UInt8])
    case truncate(file: Int, size: Int)
    case create(FileName, file: Int)
    case rename(FileName, to: FileName)
    case delete(FileName, file: Int)
    /// Made durable before its turn, by its file's own sync.
    case settled
  }

  /// Length of a sector in bytes: what the medium writes whole or not at all.
  public static let sectorBytes = 512

  private var contents: [Int: Content] = [:]
  private var nextFile = 0
  private var names: [FileName: Int] = [:]
  private var durableNames: [FileName: Int] = [:]
  /// Unsynced operations in order; the last one has the number `position`.
  private var unsynced: [Operation] = []
  private var firstUnsynced: UInt64 = 1
  /// Where barriers stand among the unsynced operations: behind these positions, in order.
  private var barriers: [DiskPosition] = []
  /// Bytes of the medium that its files use.
  private var usedBytes = 0 {
    didSet {
      medium.usedBytes += usedBytes - oldValue
      invariant(
        usedBytes >= 0 && medium.usedBytes >= usedBytes, "files use \(usedBytes) bytes of the \(medium.usedBytes) in use of a medium")
    }
  }
  private var refused = RefusedWrite()
  private var unreadable: [(file: Int, range: Range<Int>)] = []

  /// How far this node has written.
  public private(set) var position = DiskPosition.zero
  /// How far it is durable.
  public private(set) var durablePosition = DiskPosition.zero
  /// What it lies on.
  public let medium: DiskMedium
  /// How much of the medium can be used, in bytes; a fault lowers it.
  public var capacityBytes: Int {
    get { medium.capacityBytes }
    set { medium.capacityBytes = newValue }
  }
  /// Bytes read since the host last asked; the cost model turns them into time.
  public private(set) var bytesReadInTurn = 0
  /// The hash of all that was written, named and deleted.
  private(set) var writesHash = TraceHash(seed: 0)
  /// Bytes that turns wrote and that are not synced yet; the cost model turns them into time. Those of a work's own file
  /// are not among them.
  public private(set) var unsyncedBytes = 0
  private var random: RandomStream

  /// An empty disk on `medium`, whose chance is `random`.
  public init(on medium: DiskMedium, random: RandomStream) {
    self.medium = medium
    self.random = random
  }

  /// An empty disk on a medium of its own, of `capacityBytes`.
  public convenience init(capacityBytes: Int = 1 << 40, random: RandomStream) {
    self.init(on: DiskMedium(capacityBytes: capacityBytes), random: random)
  }

  // MARK: what a turn sees

  public func list() -> [FileName] { names.keys.sorted() }

  public func size(of file: FileName) -> Int? { names[file].flatMap { contents[$0] }?.current.count }

  public func read(_ file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    guard count <= maximumTurnReadBytes else { throw .outOfBounds(file, offset: offset, count: count) }
    return try readAnyLength(file, at: offset, count: count)
  }

  /// A read of any length, for tests.
  public func readAnyLength(_ file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    Array(try lendContent(of: file, at: offset, count: count)[offset..<offset + count])
  }

  /// The whole content of a file, of which `count` bytes from `offset` are read: so that what is read need not be
  /// copied.
  func lendContent(of file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    guard let identity = names[file], let content = contents[identity] else { throw .missing(file) }
    guard offset >= 0, count >= 0, offset <= content.current.count, count <= content.current.count - offset else {
      throw .outOfBounds(file, offset: offset, count: count)
    }
    let range = offset..<offset + count
    if medium.failsRead(&random) || unreadable.contains(where: { $0.file == identity && $0.range.overlaps(range) }) {
      throw .unreadable(file, offset: offset)
    }
    bytesReadInTurn += count
    return content.current
  }

  public func write(_ file: FileName, at offset: Int, _ bytes: [UInt8]) throws(DiskError) {
    guard offset >= 0, offset <= 1 << 40 else { throw .outOfBounds(file, offset: offset, count: bytes.count) }
    let size = size(of: file) ?? 0
    let growth = max(0, offset + bytes.count - size)
    try reserve(growth)
    let identity = names[file] ?? create(file)
    usedBytes += growth
    unsyncedBytes += bytes.count
    contents[identity]?.current.place(bytes, at: offset)
    if !unreadable.isEmpty {
      unreadable.removeAll { $0.file == identity && $0.range.lowerBound >= offset && $0.range.upperBound <= offset + bytes.count }
    }
    log(.write(file: identity, offset: offset, bytes: bytes))
  }

  private func create(_ file: FileName) -> Int {
    let identity = nextFile
    nextFile += 1
    names[file] = identity
    contents[identity] = Content()
    log(.create(file, file: identity))
    return identity
  }

  /// The file of a work appears, of which `syncFile` is the sync: it costs no other sync anything.
  func appear(_ file: FileName, _ bytes: [UInt8]) throws(DiskError) {
    try reserve(bytes.count)
    invariant(names[file] == nil, "a work's file appears in the place of another of \(names.count)")
    let identity = create(file)
    usedBytes += bytes.count
    contents[identity]?.current = bytes
    log(.appear(file: identity, bytes: bytes))
  }

  public func truncate(_ file: FileName, to size: Int) throws(DiskError) {
    guard let identity = names[file], let old = contents[identity]?.current.count else { throw .missing(file) }
    guard size >= 0, size <= 1 << 40 else { throw .outOfBounds(file, offset: size, count: 0) }
    try reserve(max(0, size - old))
    usedBytes += size - old
    contents[identity]?.current.resize(to: size)
    log(.truncate(file: identity, size: size))
  }

  public func rename(_ file: FileName, to newName: FileName) throws(DiskError) {
    guard let identity = names[file] else { throw .missing(file) }
    if file == newName { return }
    if let replaced = names[newName] { usedBytes -= contents[replaced]?.current.count ?? 0 }
    names[file] = nil
    names[newName] = identity
    log(.rename(file, to: newName))
  }

  public func delete(_ file: FileName) throws(DiskError) {
    guard let identity = names.removeValue(forKey: file) else { throw .missing(file) }
    usedBytes -= contents[identity]?.current.count ?? 0
    log(.delete(file, file: identity))
  }

  public func barrier() {
    guard isDirty, barriers.last != position else { return }
    invariant(
      barriers.last.map { $0 < position } ?? true, "a barrier at \(position.value) behind one at \(barriers.last?.value ?? 0)")
    barriers.append(position)
  }

  public var availableBytes: Int? {
    medium.tellRoom(for: medium.sizeBytes)
    return max(0, medium.capacityBytes - medium.usedBytes)
  }

  public var refusedBytes: Int? { refused.bytes(available: availableBytes) }

  private func reserve(_ bytes: Int) throws(DiskError) {
    guard bytes == 0 || medium.usedBytes + bytes <= medium.capacityBytes else {
      medium.tellRoom(for: medium.usedBytes + bytes)
      refused.note(bytes)
      throw .full(neededBytes: bytes)
    }
  }

  private func log(_ operation: Operation) {
    switch operation {
    case .write(let file, let offset, let bytes): mixWrite(file, offset, bytes)
    case .appear(let file, let bytes): mixWrite(file, 0, bytes)
    case .truncate(let file, let size): writesHash.mix(2 << 56 ^ UInt64(truncatingIfNeeded: file) << 32 ^ UInt64(truncatingIfNeeded: size))
    case .create(let name, _): writesHash.mix(name.text)
    case .rename(let name, let newName):
      writesHash.mix(name.text)
      writesHash.mix(newName.text)
    case .delete(let name, _):
      writesHash.mix(3)
      writesHash.mix(name.text)
    case .settled: break
    }
    unsynced.append(operation)
    position.value += 1
    invariant(
      position.value + 1 == firstUnsynced + UInt64(unsynced.count),
      "\(unsynced.count) operations from \(firstUnsynced) on are not synced, and the last is \(position.value)")
  }

  private func mixWrite(_ file: Int, _ offset: Int, _ bytes: [UInt8]) {
    writesHash.mix(1 << 56 ^ UInt64(truncatingIfNeeded: file) << 32 ^ UInt64(truncatingIfNeeded: offset))
    writesHash.mix(bytes)
  }

  // MARK: what the host does

  /// Whether something waits for a sync.
  public var isDirty: Bool { durablePosition < position }

  /// How far the next sync reaches: to the first barrier, else to the end.
  public var syncTarget: DiskPosition { barriers.first ?? position }

  /// Bytes that the next sync makes durable.
  public var bytesOfNextSync: Int {
    guard let first = barriers.first else { return unsyncedBytes }
    return Self.bytesToSync(unsynced[..<Int(first.value - firstUnsynced + 1)])
  }

  private static func bytesToSync(_ operations: ArraySlice<Operation>) -> Int {
    operations.reduce(0) { total, operation in
      if case .write(_, _, let bytes) = operation { total + bytes.count } else { total }
    }
  }

  /// How many syncs it takes until everything is durable.
  public var phaseCount: Int { barriers.count + (barriers.last == position ? 0 : 1) }

  /// Bytes of the medium in use, by this node's files and others'.
  public var used: Int { medium.usedBytes }

  /// Gives the bytes read since the last call and forgets them.
  public func takeBytesRead() -> Int {
    defer { bytesReadInTurn = 0 }
    return bytesReadInTurn
  }

  /// Makes all up to `limit` durable, which lies behind no barrier but the first.
  public func sync(upTo limit: DiskPosition) {
    invariant(limit <= syncTarget, "a sync up to \(limit.value), beyond what was written or a barrier: \(syncTarget.value)")
    guard limit > durablePosition else { return }
    if barriers.first == limit { barriers.removeFirst() }
    let count = Int(limit.value - firstUnsynced + 1)
    unsyncedBytes -= Self.bytesToSync(unsynced[..<count])
    for operation in unsynced[..<count] { persist(operation) }
    unsynced.removeFirst(count)
    firstUnsynced += UInt64(count)
    invariant(
      barriers.first.map { limit < $0 } ?? true, "synced up to \(limit.value) with a barrier at \(barriers.first?.value ?? 0)")
    durablePosition = limit
    passSettled()
    invariant(unsyncedBytes >= 0, "\(unsyncedBytes) bytes are left to be synced")
    collect()
  }

  /// Makes everything durable, phase by phase.
  public func syncAll() {
    while isDirty { sync(upTo: syncTarget) }
  }

  /// Drops what was not synced, except what the medium happened to keep.
  public func crash() {
    // How kind this crash is: nothing kept, everything kept, or anything between.
    let kindness: Double =
      switch random.below(4) {
      case 0: 0
      case 1: 1
      default: random.unit()
      }
    var namesKept = true
    // What stands behind a barrier is handed to the medium only once what stands before it is durable.
    let end = barriers.first.map { Int($0.value - firstUnsynced + 1) } ?? unsynced.count
    for operation in unsynced[..<end] {
      switch operation {
      case .write(let file, let offset, let bytes):
        persistSectors(of: bytes, at: offset, in: file, kindness: kindness)
      case .appear(let file, let bytes): persistSectors(of: bytes, at: 0, in: file, kindness: kindness)
      case .truncate, .create, .rename, .delete:
        namesKept = namesKept && random.chance(kindness)
        if namesKept { persist(operation) }
      case .settled: break
      }
    }
    unsynced.removeAll(keepingCapacity: true)
    barriers.removeAll()
    unsyncedBytes = 0
    // What the crash left is what the next life finds: nothing of it is in doubt any more.
    position.value += 1
    durablePosition = position
    firstUnsynced = position.value + 1
    invariant(
      durableNames.values.allSatisfy { contents[$0] != nil }, "a crash left a name of a file that is gone, of \(durableNames.count)")
    names = durableNames
    for content in contents.values { content.current = content.durable }
    usedBytes = names.values.reduce(0) { $0 + (contents[$1]?.current.count ?? 0) }
    collect()
  }

  private func persist(_ operation: Operation) {
    switch operation {
    case .write(let file, let offset, let bytes): contents[file]?.durable.place(bytes, at: offset)
    case .appear(let file, let bytes): contents[file]?.durable.place(bytes, at: 0)
    case .truncate(let file, let size): contents[file]?.durable.resize(to: size)
    case .create(let name, let file): durableNames[name] = file
    case .rename(let old, let new):
      durableNames[new] = durableNames[old]
      durableNames[old] = nil
    case .delete(let name, let file):
      // A new file of that name may be durable ahead of this, by a work's own sync.
      if durableNames[name] == file { durableNames[name] = nil }
    case .settled: break
    }
  }

  /// Makes one file durable, its name included, ahead of all else that waits: the sync of a work's own file. Where nothing
  /// else waits, no sync is needed any more, and effects may leave that waited for this one.
  public func syncFile(_ name: FileName) {
    guard let identity = names[name] else { return }
    for index in unsynced.indices {
      switch unsynced[index] {
      case .write(let file, _, let bytes) where file == identity:
        unsyncedBytes -= bytes.count
        settle(index)
      case .appear(let file, _) where file == identity, .truncate(let file, _) where file == identity,
        .create(_, let file) where file == identity:
        settle(index)
      case .write, .appear, .truncate, .create, .rename, .delete, .settled: continue
      }
    }
    passSettled()
  }

  /// What was made durable ahead of its turn waits for no sync, once all before it is durable.
  private func passSettled() {
    let count = unsynced.firstIndex { if case .settled = $0 { false } else { true } } ?? unsynced.count
    guard count > 0 else { return }
    unsynced.removeFirst(count)
    firstUnsynced += UInt64(count)
    durablePosition.value = firstUnsynced - 1
    barriers.removeAll { $0 <= durablePosition }
  }

  private func settle(_ index: Int) {
    persist(unsynced[index])
    unsynced[index] = .settled
  }

  private func persistSectors(of bytes: [UInt8], at offset: Int, in file: Int, kindness: Double) {
    var start = 0
    while start < bytes.count {
      let sectorEnd = ((offset + start) / Self.sectorBytes + 1) * Self.sectorBytes - offset
      let end = min(bytes.count, sectorEnd)
      if random.chance(kindness) { contents[file]?.durable.place(Array(bytes[start..<end]), at: offset + start) }
      start = end
    }
  }

  /// Drops contents that no name reaches. Works hold no files open in the simulated world.
  private func collect() {
    guard contents.count > names.count || contents.count > durableNames.count else { return }
    var reachable = Set(names.values)
    reachable.formUnion(durableNames.values)
    for operation in unsynced {
      if case .create(_, let file) = operation { reachable.insert(file) }
    }
    if reachable.count < contents.count { contents = contents.filter { reachable.contains($0.key) } }
  }

  // MARK: what faults do

  /// Flips `count` random bits of the durable and current content of files whose names start with `prefix`.
  /// Returns what was flipped, for the trace; empty where there was nothing to flip.
  public func rot(filesStartingWith prefix: String, bits count: Int) -> [(FileName, Int)] {
    let candidates = durableNames.keys.filter { $0.text.hasPrefix(prefix) }.sorted()
      .filter { (durableNames[$0].flatMap { contents[$0] }?.durable.count ?? 0) > 0 }
    guard !candidates.isEmpty else { return [] }
    var flipped: [(FileName, Int)] = []
    for _ in 0..<count {
      let name = candidates[Int(random.below(UInt64(candidates.count)))]
      guard let content = durableNames[name].flatMap({ contents[$0] }) else { continue }
      let offset = Int(random.below(UInt64(content.durable.count)))
      let mask = UInt8(1) << UInt8(random.below(8))
      content.durable[offset] ^= mask
      if offset < content.current.count { content.current[offset] ^= mask }
      flipped.append((name, offset))
    }
    return flipped
  }

  /// Makes a range of a file unreadable until it is written anew.
  public func spoil(_ file: FileName, range: Range<Int>) {
    if let identity = names[file] { unreadable.append((identity, range)) }
  }
}

extension [UInt8] {
  /// Overwrites from `offset` on, extending with zeros and then with `bytes` where needed.
  fileprivate mutating func place(_ bytes: [UInt8], at offset: Int) {
    if offset == count {
      append(contentsOf: bytes)
      return
    }
    if offset > count { append(contentsOf: repeatElement(0, count: offset - count)) }
    let overlap = Swift.min(bytes.count, count - offset)
    replaceSubrange(offset..<offset + overlap, with: bytes[..<overlap])
    append(contentsOf: bytes[overlap...])
  }

  /// Cuts, or extends with zeros.
  fileprivate mutating func resize(to size: Int) {
    if size < count { removeLast(count - size) } else { append(contentsOf: repeatElement(0, count: size - count)) }
  }
}
