// How a scripted language model behaves: how fast, how dear, and how often it fails, and by what.
//
// Each request has at most one fate beside being slow; the chances are tried in the order in which they stand here.
// Limits: shares are drawn for each request by itself, so bursts of failures come from faults and from the limits a
// minute; latencies are drawn anew for each token.

import ChatCompletions
import Kernel
import Vocabulary

/// The behaviour of a scripted language model.
public struct LanguageModelPlan: Sendable, Hashable {
  /// How often each thing befalls a request; 0 … 1.
  public struct Chances: Sendable, Hashable {
    /// Answered 500.
    public var serverErrors = 0.0
    /// Answered 503, with the time to come again.
    public var overloads = 0.0
    /// The content is refused: at once (400), or after some of the text.
    public var refusals = 0.0
    /// The stream is cut, or ends in order without its end, after some of the text.
    public var breaks = 0.0
    /// An error comes in the stream, after some of the text; one in two speaks of a rate limit.
    public var errorsInStream = 0.0
    /// The stream falls silent without a word, after some of the text.
    public var stalls = 0.0
    /// Bytes that are no part of the answer stand in the stream.
    public var garbage = 0.0
    /// An event comes twice.
    public var repeats = 0.0
    /// All is slower by `slowFactor`.
    public var slow = 0.0

    /// Nothing befalls any request.
    public init() {}
  }

  /// From the request to the first token.
  public var firstToken = Distribution.longTail(
    minimum: .milliseconds(120), median: .milliseconds(350), p99: .seconds(2), maximum: .seconds(5))
  /// From one token to the next.
  public var betweenTokens = Distribution.longTail(
    minimum: .milliseconds(8), median: .milliseconds(20), p99: .milliseconds(80), maximum: .milliseconds(400))
  /// What befalls requests.
  public var chances = Chances()
  /// By how much slow ones are slower; 1 … 1,000.
  public var slowFactor: Int64 = 10
  /// Requests that pass a minute, by a bucket that holds as many; nil for no limit.
  public var requestsPerMinute: Int64?
  /// Tokens, asked and answered, that pass a minute, likewise; nil for no limit.
  public var tokensPerMinute: Int64?
  /// Answers at once; further requests get 503.
  public var mostAtOnce = 1_024
  /// What a token of the prompt costs, in billionths of a dollar.
  public var promptTokenPrice: Int64 = 150
  /// What a token of the answer costs, in billionths of a dollar.
  public var completionTokenPrice: Int64 = 600
  /// What decides about the texts, beside the requests.
  public var seed: UInt64 = 0
  /// Whether events are numbered, so that a reader sees through those that come twice.
  public var numbersEvents = true
  /// The key that requests must have; nil for none.
  public var key: BearerKey?

  /// A model that is quick enough and never fails.
  public init() {}

  /// What an answer costs, in billionths of a dollar; saturating.
  public func cost(of usage: ChatUsage) -> Int64 {
    let (prompt, isPromptTooMuch) = usage.promptTokens.multipliedReportingOverflow(by: promptTokenPrice)
    let (answer, isAnswerTooMuch) = usage.completionTokens.multipliedReportingOverflow(by: completionTokenPrice)
    let (sum, isSumTooMuch) = prompt.addingReportingOverflow(answer)
    return isPromptTooMuch || isAnswerTooMuch || isSumTooMuch ? .max : sum
  }

  /// What befalls one request.
  enum Fate: Sendable, Hashable {
    case none, serverError, overload, refusedAtOnce
    case refused(after: Int)
    case cut(after: Int)
    case endsEarly(after: Int)
    case error(after: Int, isRateLimit: Bool)
    case stalls(after: Int)
    case garbage(after: Int)
    case repeated(event: Int)
  }

  /// Draws what befalls a request with an answer of so many pieces. What comes in the middle of a stream is nothing to
  /// an answer that is none: it then is as well cut.
  func fate(pieces: Int, isStreamed: Bool, _ random: inout RandomStream) -> Fate {
    if random.chance(chances.serverErrors) { return .serverError }
    if random.chance(chances.overloads) { return .overload }
    // Also behind the last piece, before the reason to end.
    let after = Int(random.below(UInt64(pieces) + 1))
    if random.chance(chances.refusals) { return random.chance(0.5) ? .refusedAtOnce : .refused(after: after) }
    if random.chance(chances.breaks) { return isStreamed && random.chance(0.5) ? .endsEarly(after: after) : .cut(after: after) }
    if random.chance(chances.errorsInStream) { return .error(after: after, isRateLimit: random.chance(0.5)) }
    if random.chance(chances.stalls) { return .stalls(after: after) }
    if random.chance(chances.garbage) { return .garbage(after: after) }
    if random.chance(chances.repeats) { return .repeated(event: after) }
    return .none
  }
}

/// What may pass a minute, as a bucket that holds a minute's worth and fills evenly. Integers only.
struct MinuteBudget: Sendable {
  /// The greatest limit: the arithmetic stays within 64 bits.
  static let greatest: Int64 = 100_000_000
  private static let minute: Int64 = 60_000_000_000

  private let limit: Int64
  /// What is left, times a minute's nanoseconds.
  private var left: Int64
  private var filledAt: Instant

  /// A full bucket.
  init(limit: Int64, at now: Instant) {
    self.limit = min(max(1, limit), Self.greatest)
    left = self.limit * Self.minute
    filledAt = now
  }

  /// How long until `count` may pass, or a whole bucket where that is less; zero for at once. Takes nothing.
  mutating func wait(for count: Int64, at now: Instant) -> TimeSpan {
    let age = min((now - filledAt).nanoseconds, Self.minute)
    left = min(limit * Self.minute, left + age * limit)
    filledAt = now
    let lack = min(count, limit) * Self.minute - left
    return lack <= 0 ? .zero : TimeSpan(nanoseconds: (lack + limit - 1) / limit)
  }

  /// Takes what `wait` let pass.
  mutating func take(_ count: Int64) { left -= min(count, limit) * Self.minute }
}
