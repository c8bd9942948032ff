// The words by which scenarios say how a language model of the outside world behaves, for the parts of all systems that
// ask one:
//
//     language model:
//       first token: 200ms..2s
//       between tokens: 10ms..60ms
//       refusals: 1%
//       breaks: 2%
//       requests a minute: 600
//
// All keys may be left out. A range of spans is drawn from evenly.

import Kernel
import Scenarios
import Vocabulary
import YAMLReading

extension LanguageModelPlan {
  /// The key under which a system's part finds it.
  public static let word = "language model"

  private static let shares: [(key: String, path: WritableKeyPath<Chances, Double> & Sendable)] = [
    ("server errors", \.serverErrors), ("overloads", \.overloads), ("refusals", \.refusals), ("breaks", \.breaks),
    ("errors in stream", \.errorsInStream), ("stalls", \.stalls), ("garbage", \.garbage), ("repeats", \.repeats), ("slow", \.slow),
  ]

  private static let others = [
    "first token", "between tokens", "slow factor", "requests a minute", "tokens a minute", "at once", "prompt price", "answer price",
  ]

  /// Reads how a model behaves. Prices are in dollars for a million tokens.
  public init(_ field: YAMLField) throws(TextMistake) {
    self.init()
    let members = try field.members(Self.others + Self.shares.map(\.key), of: "a language model")
    firstToken = try members.value("first token", or: firstToken) { field throws(TextMistake) in try Self.latency(field) }
    betweenTokens = try members.value("between tokens", or: betweenTokens) { field throws(TextMistake) in try Self.latency(field) }
    for (key, path) in Self.shares {
      chances[keyPath: path] = try members.value(key, or: 0) { field throws(TextMistake) in try field.share() }
    }
    slowFactor = try members.value("slow factor", or: slowFactor) { field throws(TextMistake) in
      Int64(try field.number("by how much slow answers are slower", in: 1...1_000))
    }
    let greatest = Int(MinuteBudget.greatest)
    requestsPerMinute = try members.value("requests a minute", or: nil) { field throws(TextMistake) in
      Int64(try field.number("how many requests pass a minute", in: 1...greatest))
    }
    tokensPerMinute = try members.value("tokens a minute", or: nil) { field throws(TextMistake) in
      Int64(try field.number("how many tokens pass a minute", in: 1...greatest))
    }
    mostAtOnce = try members.value("at once", or: mostAtOnce) { field throws(TextMistake) in
      try field.number("how many answers at once", in: 1...100_000)
    }
    promptTokenPrice = try members.value("prompt price", or: promptTokenPrice) { field throws(TextMistake) in try Self.price(field) }
    completionTokenPrice = try members.value("answer price", or: completionTokenPrice) { field throws(TextMistake) in
      try Self.price(field)
    }
  }

  private static func latency(_ field: YAMLField) throws(TextMistake) -> Distribution {
    try field.value("a latency of up to 10m, like 300ms, or 200ms..2s to draw it for each token") { text in
      guard let range = SpanText.drawn(text)?.range, range.lowerBound >= .zero, range.upperBound <= .minutes(10) else { return nil }
      return range.lowerBound == range.upperBound ? .fixed(range.lowerBound) : .uniform(range)
    }
  }

  /// Dollars for a million tokens, in billionths of a dollar for one.
  private static func price(_ field: YAMLField) throws(TextMistake) -> Int64 {
    try field.value("dollars for a million tokens, 0 to 1000000, like 0.15") { text in
      Double(text).flatMap { (0...1_000_000).contains($0) ? Int64(($0 * 1_000).rounded()) : nil }
    }
  }
}
