// All the texts that a search has come by, as one tree: a node is a text, its parent the text without what was appended
// last. Appending shares the whole beginning, so a text that grew for a long time costs one node for each append, not a
// copy.
//
// Equal texts are one node, so a state is a number: "ab" and then "c" gives the node that "a" and then "bc" gave. A new
// node is looked up by its length and a hash of its bytes, and then compared byte by byte, back to where the two have
// the same parent; hashes alone decide nothing.
//
// Nodes are never freed before the tree is.

/// What a key of a key-value store holds: a text in a tree of texts, or nothing.
public struct KeyValueState: Hashable, Sendable {
  var node: Int
}

/// Texts that share their beginnings.
struct TextTree: Sendable {
  private struct Node {
    var parent: Int
    /// What was appended last, by its number.
    var piece: Int
    /// In bytes.
    var length: Int
    var hash: UInt64
  }

  private struct Child: Hashable {
    var parent: Int
    var piece: Int
  }

  private struct Print: Hashable {
    var length: Int
    var hash: UInt64
  }

  private var pieces: [[UInt8]] = [[]]
  private var nodes = [Node(parent: 0, piece: 0, length: 0, hash: 0)]
  // All of these are asked only, never gone through.
  private var pieceNumbers: [HistoryValue: Int] = [:]
  private var children: [Child: Int] = [:]
  private var alike: [Print: [Int]] = [:]

  /// Nothing, which is not the same as an empty text.
  static var absent: KeyValueState { KeyValueState(node: 0) }

  /// A text's length in bytes; 0 of nothing.
  func length(_ node: Int) -> Int { nodes[node].length }

  /// The text without what was appended last; itself where it is nothing.
  func parent(_ node: Int) -> Int { nodes[node].parent }

  /// What was appended last.
  func lastPiece(_ node: Int) -> [UInt8] { pieces[nodes[node].piece] }

  /// The text behind an append. From nothing it is the piece itself.
  mutating func appending(_ value: HistoryValue, to state: KeyValueState) -> KeyValueState {
    let piece = number(of: value)
    // Nothing becomes an empty text; any text stays what it is.
    if pieces[piece].isEmpty, state != Self.absent { return state }
    let child = Child(parent: state.node, piece: piece)
    if let node = children[child] { return KeyValueState(node: node) }
    var hash = nodes[state.node].hash
    for byte in pieces[piece] { hash = hash &* 0x100_0000_01B3 &+ UInt64(byte) &+ 1 }
    let length = nodes[state.node].length + pieces[piece].count
    let candidates = alike[Print(length: length, hash: hash)] ?? []
    nodes.append(Node(parent: state.node, piece: piece, length: length, hash: hash))
    let new = nodes.count - 1
    for candidate in candidates where isSame(candidate, new) {
      nodes.removeLast()
      children[child] = candidate
      return KeyValueState(node: candidate)
    }
    children[child] = new
    alike[Print(length: length, hash: hash), default: []].append(new)
    return KeyValueState(node: new)
  }

  /// Whether a state is this text.
  func isText(_ state: KeyValueState, _ value: HistoryValue) -> Bool {
    guard state != Self.absent, nodes[state.node].length == value.text.utf8.count else { return false }
    var text = value.text
    return text.withUTF8 { bytes in
      var node = state.node
      var end = bytes.count
      while node != 0 {
        let piece = pieces[nodes[node].piece]
        end -= piece.count
        for (index, byte) in piece.enumerated() where bytes[end + index] != byte { return false }
        node = nodes[node].parent
      }
      return true
    }
  }

  /// A state's bytes.
  func bytes(_ state: KeyValueState) -> [UInt8] {
    var chain: [Int] = []
    var node = state.node
    while node != 0 {
      chain.append(nodes[node].piece)
      node = nodes[node].parent
    }
    return chain.reversed().flatMap { pieces[$0] }
  }

  private mutating func number(of value: HistoryValue) -> Int {
    if let number = pieceNumbers[value] { return number }
    pieces.append(Array(value.text.utf8))
    pieceNumbers[value] = pieces.count - 1
    return pieces.count - 1
  }

  /// Whether two texts of the same length have the same bytes.
  private func isSame(_ one: Int, _ other: Int) -> Bool {
    var left = one
    var right = other
    // How much of the last piece is not compared yet.
    var leftOpen = lastPiece(left).count
    var rightOpen = lastPiece(right).count
    while left != right || leftOpen != rightOpen {
      if leftOpen == 0, left != 0 {
        left = nodes[left].parent
        leftOpen = lastPiece(left).count
      } else if rightOpen == 0, right != 0 {
        right = nodes[right].parent
        rightOpen = lastPiece(right).count
      } else {
        let count = min(leftOpen, rightOpen)
        guard count > 0 else { return leftOpen == rightOpen }
        let mine = lastPiece(left)[(leftOpen - count)..<leftOpen]
        guard mine.elementsEqual(lastPiece(right)[(rightOpen - count)..<rightOpen]) else { return false }
        leftOpen -= count
        rightOpen -= count
      }
    }
    return true
  }
}
