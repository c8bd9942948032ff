// The effects of a turn, in order, in memory that is kept from turn to turn. Effects are moved in and moved out: on the
// simulator's hot path a copied effect costs two atomic operations on its payload's reference count.

/// A first-in-first-out buffer of effects.
public struct EffectBuffer: ~Copyable {
  @usableFromInline var storage: UnsafeMutablePointer<PendingEffect>
  @usableFromInline var capacity: Int
  /// The next effect to be taken.
  @usableFromInline var head = 0
  /// Behind the last effect that was appended.
  @usableFromInline var tail = 0

  /// An empty buffer.
  public init() {
    capacity = 16
    storage = .allocate(capacity: capacity)
  }

  deinit {
    (storage + head).deinitialize(count: tail - head)
    storage.deallocate()
  }

  /// Whether nothing is left to take.
  @inlinable public var isEmpty: Bool { head == tail }
  /// How many effects are left to take.
  @inlinable public var count: Int { tail - head }

  /// Appends an effect.
  @inlinable public mutating func append(_ effect: consuming PendingEffect) {
    if tail == capacity { grow() }
    (storage + tail).initialize(to: effect)
    tail += 1
  }

  /// Takes the oldest effect, or nil where none is left.
  @inlinable public mutating func next() -> PendingEffect? {
    if head == tail {
      head = 0
      tail = 0
      return nil
    }
    head += 1
    return (storage + (head - 1)).move()
  }

  /// Drops what is left.
  public mutating func removeAll() {
    (storage + head).deinitialize(count: tail - head)
    head = 0
    tail = 0
  }

  @usableFromInline mutating func grow() {
    let larger = UnsafeMutablePointer<PendingEffect>.allocate(capacity: capacity * 2)
    invariant(head <= tail && tail <= capacity, "effects from \(head) to \(tail) in a buffer of \(capacity)")
    (larger + head).moveInitialize(from: storage + head, count: tail - head)
    storage.deallocate()
    storage = larger
    capacity *= 2
  }
}
