// The groups that a server has open, and which of them were touched since it last carried out what they ask for. A turn
// touches a few of hundreds: those alone are looked at when it ends, so that its cost does not grow with the number of
// groups.
//
// Whoever gets a group to change it touches it; nobody has to remember to say so.

import Vocabulary

/// The open groups of one server, by number from 0 on.
struct OpenGroups: RandomAccessCollection {
  private var groups: [RaftGroup] = []
  private var isTouched: [Bool] = []
  private var touched: [Int] = []

  var startIndex: Int { 0 }
  var endIndex: Int { groups.count }

  /// A group; to change it here is to touch it.
  subscript(index: Int) -> RaftGroup {
    _read { yield groups[index] }
    _modify {
      if !isTouched[index] {
        isTouched[index] = true
        touched.append(index)
      }
      yield &groups[index]
    }
  }

  /// Opens one more, which counts as touched.
  mutating func append(_ group: RaftGroup) {
    invariant(isTouched.count == groups.count, "\(isTouched.count) marks for \(groups.count) groups")
    isTouched.append(true)
    touched.append(groups.count)
    groups.append(group)
  }

  /// The numbers of the touched groups, in order; from here on none counts as touched.
  mutating func takeTouched() -> [Int] {
    let taken = touched.sorted()
    for number in taken { isTouched[number] = false }
    touched.removeAll(keepingCapacity: true)
    return taken
  }

  /// Lets a group say at the end of a turn what it has to send, and takes what it asks for, without touching it.
  mutating func settle(_ number: Int, _ now: Instant) -> [RaftAction] {
    invariant(!isTouched[number], "group \(number) settles and counts as touched")
    groups[number].flush(now)
    return groups[number].hasActions ? groups[number].takeActions() : []
  }
}
