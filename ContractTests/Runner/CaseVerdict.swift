// What a case came to: passed, failed (which step, what was expected, what was found), or not run. Not run is not a
// pass.

import Vocabulary

/// Why a case failed.
public struct CaseFailure: Sendable, Hashable {
  /// The step, from 1, and what it does: "step 2 (POST /produce)".
  public var step: String
  /// Its line in the file.
  public var line: Int
  /// What was expected.
  public var expected: String
  /// What was found.
  public var found: String
  /// Shell commands that repeat it, one to a line.
  public var commands: [String]
  /// Whether what failed is what the case asks for; else a service did what no service may, and nothing is shown of the
  /// case's requirements.
  public var isOfCase = true

  /// A failure.
  public init(step: String, line: Int, expected: String, found: String, commands: [String]) {
    self.step = step
    self.line = line
    self.expected = expected
    self.found = found
    self.commands = commands
  }
}

/// How a case ended.
public enum CaseOutcome: Sendable, Hashable {
  /// All was as expected.
  case passed
  /// Something was not.
  indirect case failed(CaseFailure)
  /// It could not be made, for this reason.
  case notRun(String)
}

/// What a case came to.
public struct CaseVerdict: Sendable, Hashable {
  /// The case's id.
  public var id: String
  /// The service that is judged.
  public var service: String
  /// How binding the case is.
  public var level: ContractLevel
  /// Ids of the requirements that it checks.
  public var requirements: [String]
  /// How it ended.
  public var outcome: CaseOutcome
  /// Answers that were judged.
  public var answers: Int
  /// How long it took, on the caller's clock.
  public var took: TimeSpan

  /// A verdict.
  public init(_ contractCase: ContractCase, _ outcome: CaseOutcome, answers: Int = 0, took: TimeSpan = .zero) {
    id = contractCase.id
    service = contractCase.service
    level = contractCase.level
    requirements = contractCase.requirements
    self.outcome = outcome
    self.answers = answers
    self.took = took
  }

  /// Whether all was as expected.
  public var passed: Bool { outcome == .passed }
}

/// Takes verdicts as they are reached. The caller tells it and asks it nothing, as a host's recorder.
public protocol VerdictBook: AnyObject, Sendable {
  /// A case ended.
  func note(_ verdict: CaseVerdict)
  /// All cases of one caller ended.
  func close()
}

/// How many cases of a service and level passed.
public struct ContractScore: Sendable, Hashable {
  /// The service.
  public var service: String
  /// The level.
  public var level: ContractLevel
  /// Cases that passed.
  public var passed = 0
  /// Cases that failed.
  public var failed = 0
  /// Cases that could not be made.
  public var notRun = 0
  /// All cases.
  public var total: Int { passed + failed + notRun }

  /// The scores of `verdicts`, by service in the order in which they come, then by level.
  public static func scores(_ verdicts: [CaseVerdict]) -> [ContractScore] {
    var scores: [ContractScore] = []
    for verdict in verdicts {
      let known = scores.firstIndex { $0.service == verdict.service && $0.level == verdict.level }
      var score = known.map { scores[$0] } ?? ContractScore(service: verdict.service, level: verdict.level)
      switch verdict.outcome {
      case .passed: score.passed += 1
      case .failed: score.failed += 1
      case .notRun: score.notRun += 1
      }
      if let known { scores[known] = score } else { scores.append(score) }
    }
    let services = scores.map(\.service)
    let levels = ContractLevel.allCases
    func order(_ score: ContractScore) -> (Int, Int) {
      (services.firstIndex(of: score.service) ?? 0, levels.firstIndex(of: score.level) ?? 0)
    }
    return scores.sorted { order($0) < order($1) }
  }
}
