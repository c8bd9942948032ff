// The medium that a turn is lent. One implementation is simulated, one is real files; both keep this contract.
//
// Fault model: what was written is volatile until the host has synced past its position. A crash keeps any subset of
// the unsynced sectors (512 bytes) of each file, and any prefix of the unsynced operations on names and lengths
// (create, rename, delete, truncate). Who needs order among what is not synced yet says `barrier`: what was asked
// before it, in whatever file, is durable before anything that is asked after it. A disk may be full (thrown by the
// write, in the turn), may fail to read (thrown), and may rot. A process that ends alone leaves all that it wrote to
// the operating system, synced or not; so a host syncs what it finds before it starts a machine: what `start` reads is
// durable. A failed write-out or sync is not thrown: the host discards the held effects and restarts the node; a sync
// is never retried. Limits: one file holds at most 2⁴⁰ bytes; a read in a turn is at most `maximumTurnReadBytes`; names
// are flat (no folders).

/// How far a node has written, over all its files, in operations since its start. Grows by one with each operation.
@frozen public struct DiskPosition: Hashable, Comparable, Sendable {
  /// Operations so far.
  public var value: UInt64

  /// The position after `value` operations.
  @inlinable public init(_ value: UInt64) { self.value = value }
  /// Before any operation.
  @inlinable public static var zero: DiskPosition { DiskPosition(0) }

  @inlinable public static func < (left: DiskPosition, right: DiskPosition) -> Bool { left.value < right.value }
}

/// The name of a file on a node's disk: 1–64 bytes of `a-z 0-9 . - _`, not starting with a dot.
public struct FileName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The name as text.
  public let text: String

  /// The name `text`, or nil where it breaks the rules above.
  public init?(_ text: String) {
    let bytes = text.utf8
    guard (1...64).contains(bytes.count), bytes.first != UInt8(ascii: ".") else { return nil }
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "_"):
        continue
      default: return nil
      }
    }
    self.text = text
  }

  /// A numbered name: `stem-0000000042.suffix`. `stem` and `suffix` are literals of our own, shorter than 20 bytes each
  /// and within the rules.
  public init(_ stem: StaticString, number: UInt64, suffix: StaticString) {
    let digits = String(number)
    let padding = String(repeating: "0", count: max(0, 10 - digits.count))
    text = "\(stem)-\(padding)\(digits).\(suffix)"
    invariant(FileName(text) != nil, "a numbered file name breaks the naming rules: \(text)")
  }

  /// A fixed name: a literal of our own within the rules.
  public init(fixed name: StaticString) {
    text = "\(name)"
    invariant(FileName(text) != nil, "a fixed file name breaks the naming rules: \(text)")
  }

  /// The number in a name made by `init(_:number:suffix:)` of the same stem and suffix, or nil.
  public func number(stem: StaticString, suffix: StaticString) -> UInt64? {
    let head = "\(stem)-"
    let tail = ".\(suffix)"
    guard text.hasPrefix(head), text.hasSuffix(tail), text.utf8.count > head.utf8.count + tail.utf8.count else { return nil }
    // The greatest number has none behind it: no file of ours has it.
    return UInt64(text.dropFirst(head.count).dropLast(tail.count)).flatMap { $0 < .max ? $0 : nil }
  }

  public static func < (left: FileName, right: FileName) -> Bool { left.text < right.text }
  /// The name as text.
  public var description: String { text }
}

/// Why a disk operation was not carried out. Nothing of it was carried out.
public enum DiskError: Error, Hashable, Sendable {
  /// No space is left for `neededBytes` more.
  case full(neededBytes: Int)
  /// The device could not read these bytes (EIO).
  case unreadable(FileName, offset: Int)
  /// There is no such file.
  case missing(FileName)
  /// A read beyond the end of the file, or longer than `maximumTurnReadBytes`, or a negative offset.
  case outOfBounds(FileName, offset: Int, count: Int)
  /// The life that asks is over: its lease of the disk was revoked.
  case revoked
}

/// The files of one node, lent to its turns. Writes are seen by later reads at once, and are durable once the host
/// synced them.
public protocol Disk: AnyObject {
  /// All files, sorted by name.
  func list() -> [FileName]
  /// Length in bytes, or nil where there is no such file.
  func size(of file: FileName) -> Int?
  /// `count` bytes from `offset`; at most `maximumTurnReadBytes` at a time.
  func read(_ file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8]
  /// Writes `bytes` at `offset`, creating or extending the file (a gap reads as zeros). Space is reserved before it
  /// returns.
  func write(_ file: FileName, at offset: Int, _ bytes: [UInt8]) throws(DiskError)
  /// Cuts or extends (with zeros) the file to `size` bytes.
  func truncate(_ file: FileName, to size: Int) throws(DiskError)
  /// Gives `file` the name `newName`, replacing a file of that name.
  func rename(_ file: FileName, to newName: FileName) throws(DiskError)
  /// Removes the file.
  func delete(_ file: FileName) throws(DiskError)
  /// Orders: whatever was asked so far, in all files, is durable before anything that is asked from here on. A sync
  /// then has several phases, each written and synced before the next, and `durablePosition` moves with each. Makes
  /// nothing durable itself.
  func barrier()
  /// How far this node has written.
  var position: DiskPosition { get }
  /// How far it is durable.
  var durablePosition: DiskPosition { get }
  /// Bytes that can still be reserved, or nil where the medium does not say.
  var availableBytes: Int? { get }
  /// Bytes that the largest refused write (`DiskError.full`) was short of room for, as long as there is still no room
  /// for it; nil where there is, or nothing was refused.
  var refusedBytes: Int? { get }
}

/// Free space of a node's disk below which an operator should make room: 16 MiB.
public let worryingFreeBytes = 16 << 20

/// The largest write that a disk refused for want of room; for implementations of `Disk`.
public struct RefusedWrite: Sendable {
  private var largestBytes = 0

  /// Nothing was refused.
  public init() {}

  /// A write that needs `bytes` more was refused.
  public mutating func note(_ bytes: Int) { largestBytes = max(largestBytes, bytes) }

  /// What `Disk.refusedBytes` is where `available` bytes are free. Room for it makes an end of it.
  public mutating func bytes(available: Int?) -> Int? {
    if largestBytes > 0, let available, available >= largestBytes { largestBytes = 0 }
    return largestBytes > 0 ? largestBytes : nil
  }
}

/// The longest read that a turn may make of its disk: 64 KiB.
public let maximumTurnReadBytes = 65_536

extension Disk {
  /// What an operator should know of the room that is left; nil where there is enough.
  public var shortage: String? {
    let free = availableBytes
    if let refused = refusedBytes {
      return "the disk is full: \(refused) bytes more were asked for, \(free ?? 0) are free; what needs room is refused"
    }
    guard let free, free < worryingFreeBytes else { return nil }
    return "the disk is \(free == 0 ? "full" : "nearly full"): \(free) bytes are free"
  }

  /// The whole of `file`, read in pieces; for recovery. `limitBytes` bounds it: a longer file is `outOfBounds`.
  public func readAll(_ file: FileName, limitBytes: Int) throws(DiskError) -> [UInt8] {
    guard let size = size(of: file) else { throw DiskError.missing(file) }
    guard size <= limitBytes else { throw DiskError.outOfBounds(file, offset: 0, count: size) }
    return try readLong(file, at: 0, count: size)
  }

  /// `count` bytes of `file` from `offset`, however many, read in pieces.
  public func readLong(_ file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      bytes += try read(file, at: offset + bytes.count, count: min(maximumTurnReadBytes, count - bytes.count))
    }
    return bytes
  }
}
