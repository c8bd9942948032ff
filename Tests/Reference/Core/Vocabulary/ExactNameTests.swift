// Names by their bytes: two that Swift takes for one text stay two. MONITORING-7, 12, 23.

import Testing
import Vocabulary

@Suite struct ExactNameTests {
  private let composed = "caf\u{E9}"
  private let decomposed = "cafe\u{301}"

  @Test func bytesDecideAboutEqualityHashAndOrder() {
    #expect(composed == decomposed, "what this is about")
    #expect(ExactName(composed) != ExactName(decomposed))
    #expect(ExactName(composed) == ExactName("caf\u{E9}"))
    let values = [ExactName(composed): 1, ExactName(decomposed): 2]
    #expect(values.count == 2 && values[ExactName(composed)] == 1 && values[ExactName(decomposed)] == 2)
    #expect(Set([ExactName(composed), ExactName(decomposed), ExactName(composed)]).count == 2)
    // By bytes `e` stands before the first byte of `é`; Swift has neither before the other.
    #expect(ExactName(decomposed) < ExactName(composed) && !(ExactName(composed) < ExactName(decomposed)))
    #expect(ExactName("") < ExactName("a") && ExactName("a") < ExactName("aa"))
    #expect(["b", composed, "", decomposed, "a"].map { ExactName($0) }.sorted().map(\.text.utf8.count) == [0, 1, 1, 6, 5])
  }

  @Test func equalNamesHaveOneHashWhateverTheirStorage() {
    let long = String(repeating: composed, count: 20)
    let sliced = String("x\(long)".dropFirst())
    #expect(ExactName(long) == ExactName(sliced) && ExactName(long).hashValue == ExactName(sliced).hashValue)
    #expect("\(ExactName(long))" == long)
  }
}
