// The planted bugs of the relational store. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// An answer does not wait for the disk.
  public static let storeAnswersEarly = store(
    "answers-before-durable", "a transaction is answered before it is on the disk")
  /// A read shows what a crash can take back.
  public static let storeReadsEarly = store("reads-before-durable", "a read does not wait for what it shows to be on the disk")
  /// A condition that is not met undoes nothing.
  public static let storeKeepsHalf = store(
    "keeps-half", "what was done before a condition that is not met stays done", also: "store/transactions/expectations")
  /// A step is done twice.
  public static let storeAppliesTwice = store(
    "applies-twice", "each sixteenth transaction is carried out twice, where it can be", also: "store/transactions/at-once")
  /// Tenants are one.
  public static let storeMixesTenants = Mutant(
    "store/mixes-tenants", "all tenants are taken for one", breaks: ["STORE-5"], caughtBy: ["store/tenants/are-apart"])

  private static func store(_ name: String, _ summary: String, also contractCase: String? = nil) -> Mutant {
    Mutant(
      "store/\(name)", summary, breaks: ["STORE-4"],
      caughtBy: ["transactions are serializable"] + (contractCase.map { [$0] } ?? []))
  }
}

/// The planted bugs of the store.
public let storeMutants: [Mutant] = [.storeAnswersEarly, .storeReadsEarly, .storeKeepsHalf, .storeAppliesTwice, .storeMixesTenants]
