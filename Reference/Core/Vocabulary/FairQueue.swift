// A queue that is fair between owners: they take turns, and each owner's elements come first in, first out. Both hosts
// give works to their cores by it, so that a node with a hundred works holds up another's first by one work, not by a
// hundred.
//
// Limits: it is not bounded; who puts in bounds what it asks for. An operation costs time in the number of owners that
// have something in it.

/// Elements of several owners who take turns.
public struct FairQueue<Owner: Equatable, Element> {
  private var lines: [(owner: Owner, elements: ArraySlice<Element>)] = []

  /// An empty queue.
  public init() {}

  /// Whether nothing waits.
  public var isEmpty: Bool { lines.isEmpty }

  /// How many elements wait.
  public var count: Int { lines.reduce(0) { $0 + $1.elements.count } }

  /// Puts an element behind all others of its owner.
  public mutating func append(_ element: Element, of owner: Owner) {
    if let line = lines.firstIndex(where: { $0.owner == owner }) {
      lines[line].elements.append(element)
    } else {
      lines.append((owner, [element]))
    }
  }

  /// Takes the first element of the owner whose turn it is; nil where nothing waits.
  public mutating func popFirst() -> Element? {
    guard !lines.isEmpty else { return nil }
    var line = lines.removeFirst()
    let element = line.elements.popFirst()
    invariant(element != nil, "one of \(lines.count + 1) owners of a fair queue has a place in it and nothing that waits")
    if !line.elements.isEmpty { lines.append(line) }
    return element
  }

  /// Takes out the elements of an owner that `isMeant` says, in order.
  public mutating func remove(of owner: Owner, where isMeant: (Element) -> Bool) -> [Element] {
    guard let line = lines.firstIndex(where: { $0.owner == owner }) else { return [] }
    let taken = lines[line].elements.filter(isMeant)
    lines[line].elements.removeAll(where: isMeant)
    if lines[line].elements.isEmpty { lines.remove(at: line) }
    return taken
  }
}

extension FairQueue: Sendable where Owner: Sendable, Element: Sendable {}
