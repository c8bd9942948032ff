// The types of models that factories make, and the formats (interface versions N and N+1) in which each is known.

import Vocabulary
import Wire

/// A type of model.
public enum ModelType: String, Sendable, CaseIterable {
  /// A block of audio in, one of the same length out.
  case audioEffect = "audio-effect"
  /// A block of audio in, what it measures out.
  case audioAnalysis = "audio-analysis"
  /// A prompt in, a text out.
  case language

  /// The formats of its interface, oldest first.
  public static let formats: ClosedRange<Int64> = 1...2

  /// What a model of this type and format takes and gives.
  public func contract(format: Int64) -> TypedContract {
    let isNew = format > 1
    switch self {
    case .audioEffect:
      return TypedContract(
        input: [.init("pcm", .pcm16)] + (isNew ? [.init("drive_percent", .integer, isOptional: true)] : []),
        output: [.init("pcm", .pcm16)] + (isNew ? [.init("peak", .integer, isOptional: true)] : []))
    case .audioAnalysis:
      return TypedContract(
        input: [.init("pcm", .pcm16)],
        output: [.init("rms", .number), .init("peak", .integer)] + (isNew ? [.init("crossings", .integer, isOptional: true)] : []))
    case .language:
      return TypedContract(
        input: [.init("prompt", .text)] + (isNew ? [.init("max_tokens", .integer, isOptional: true)] : []),
        output: [.init("text", .text)] + (isNew ? [.init("tokens", .integer, isOptional: true)] : []))
    }
  }

  /// How long a task may take where nobody says it.
  public var usualTimeout: TimeSpan {
    switch self {
    case .audioEffect, .audioAnalysis: .seconds(1)
    case .language: .seconds(30)
    }
  }

  /// What a probe asks: the least that takes the way of a task.
  public var probeInput: JSON {
    switch self {
    case .audioEffect, .audioAnalysis: ["pcm": .string(PCM16.text([0, 1, -1, 2]))]
    case .language: ["prompt": "ping"]
    }
  }

  /// The type that a word of outside names.
  public static func named(_ text: String) -> ModelType? { allCases.first { sameBytes($0.rawValue, text) } }

  /// The words, for errors.
  public static var words: String { allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ") }
}

/// Blocks of samples as they stand in JSON: 16 bits each, signed, little-endian, in Base64.
public enum PCM16 {
  /// Most samples of a block: a second at 48 kHz.
  public static let maximumSamples = 48_000

  /// Samples as text.
  public static func text(_ samples: [Int16]) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(samples.count * 2)
    for sample in samples {
      let bits = UInt16(bitPattern: sample)
      bytes.append(UInt8(truncatingIfNeeded: bits))
      bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
    }
    return String(base64: bytes)
  }

  /// Samples of a text; nil where it is no block of whole samples, or a longer one than may be.
  public static func samples(_ text: String) -> [Int16]? {
    guard text.utf8.count <= (maximumSamples * 2 + 2) / 3 * 4, let bytes = Base64.bytes(of: text), bytes.count % 2 == 0,
      bytes.count <= maximumSamples * 2
    else { return nil }
    return stride(from: 0, to: bytes.count, by: 2).map { place in
      Int16(bitPattern: UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8)
    }
  }
}
