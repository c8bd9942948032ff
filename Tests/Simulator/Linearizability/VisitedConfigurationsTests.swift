// Which configurations a search enters: of two that differ in what may be left out, the one in which more was placed is
// no news.

import Testing

@testable import Linearizability

@Suite struct VisitedConfigurationsTests {
  /// What is placed of 2 required operations and 130 others.
  private func placed(_ required: Int, _ others: [Int]) -> PlacedSet {
    var placed = PlacedSet(isRequired: [true, true] + Array(repeating: false, count: 130))
    for operation in 0..<required { placed.insert(operation) }
    for other in others { placed.insert(2 + other) }
    return placed
  }

  @Test func moreOfTheOthersIsNoNews() {
    var visited = VisitedConfigurations<Int>()
    func enter(_ state: Int, _ required: Int, _ others: [Int]) -> Bool {
      let placed = placed(required, others)
      return visited.enter(placed.configuration(state), placed.others)
    }
    #expect(enter(1, 1, [3, 100]))
    #expect(!enter(1, 1, [3, 100]))
    #expect(!enter(1, 1, [3, 100, 129]))
    #expect(!enter(1, 1, [3, 5, 100]))
    // Others, less of them, another state, more of what is required.
    #expect(enter(1, 1, [3]))
    #expect(enter(1, 1, [100]))
    #expect(enter(2, 1, [3, 100]))
    #expect(enter(1, 2, [3, 100]))
    #expect(!enter(1, 1, [3, 64]))
    #expect(enter(1, 1, [4, 64]))
    #expect(enter(1, 1, []))
    #expect(!enter(1, 1, [7]))
  }
}
