// What a life of a node holds of its disk. The host revokes it before it drops the machine: nothing that a dying value
// does (a buffer that is flushed when it goes, a library's own tidying up) reaches the files of the next life.

/// A disk that is lent to one life of a node, until it is revoked.
public final class DiskLease: Disk {
  private let medium: any Disk
  /// Whether the life is over: from then on nothing is carried out, and whatever can throw throws `DiskError.revoked`.
  public private(set) var isRevoked = false

  /// A lease of `medium`.
  public init(of medium: any Disk) { self.medium = medium }

  /// Ends the lease, for good.
  public func revoke() { isRevoked = true }

  private func hold() throws(DiskError) {
    if isRevoked { throw .revoked }
  }

  public func list() -> [FileName] { isRevoked ? [] : medium.list() }
  public func size(of file: FileName) -> Int? { isRevoked ? nil : medium.size(of: file) }
  public func read(_ file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    try hold()
    return try medium.read(file, at: offset, count: count)
  }
  public func write(_ file: FileName, at offset: Int, _ bytes: [UInt8]) throws(DiskError) {
    try hold()
    try medium.write(file, at: offset, bytes)
  }
  public func truncate(_ file: FileName, to size: Int) throws(DiskError) {
    try hold()
    try medium.truncate(file, to: size)
  }
  public func rename(_ file: FileName, to newName: FileName) throws(DiskError) {
    try hold()
    try medium.rename(file, to: newName)
  }
  public func delete(_ file: FileName) throws(DiskError) {
    try hold()
    try medium.delete(file)
  }
  public func barrier() {
    if !isRevoked { medium.barrier() }
  }
  public var position: DiskPosition { medium.position }
  public var durablePosition: DiskPosition { medium.durablePosition }
  public var availableBytes: Int? { medium.availableBytes }
  public var refusedBytes: Int? { medium.refusedBytes }
}
