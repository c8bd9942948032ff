// The JSON parser and writer: examples of RFC 8259, refusals with their places, and round trips of random trees.
// MONITORING-1.

import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct JSONTests {
  private func problem(_ text: String, limits: JSONLimits = JSONLimits()) -> String? { problem(Array(text.utf8), limits: limits) }

  private func problem(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) -> String? {
    do throws(TextMistake) {
      _ = try JSON(parsing: bytes, limits: limits)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func seedBody() throws {
    let text = #"{"metrics":[{"name":"cpu_usage","value":75.5,"type":"gauge"}]}"#
    let tree = try JSON(parsing: text)
    #expect(tree == ["metrics": [["name": "cpu_usage", "value": 75.5, "type": "gauge"]]])
    #expect(try tree.serializedText() == text)
    #expect(tree["metrics"] != nil)
    #expect(tree["metric"] == nil)
  }

  @Test func values() throws {
    let cases: [(String, JSON)] = [
      ("null", .null), (" true\r\n", .bool(true)), ("false", .bool(false)), ("0", .integer(0)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("1.0", .double(1)), ("0.1", .double(0.1)), ("-0.0", .double(-0.0)), ("5e-324", .double(.leastNonzeroMagnitude)),
      ("1.7976931348623157e+308", .double(.greatestFiniteMagnitude)), ("9007199254740993", .integer(9_007_199_254_740_993)),
      ("[]", []), ("{}", [:]), ("[ ]", []), ("{\t}", [:]),
      (#""""#, ""), (#""\"\\\/\b\f\n\r\t\u0041\u00e9\uD83D\uDE00""#, "\"\\/\u{8}\u{C}\n\r\tAé😀"), ("\"é😀\"", "é😀"),
      (#""\u0000""#, "\u{0}"), ("[1,[2,[3]]]", [1, [2, [3]]]), (#"{"a":{"b":null}}"#, ["a": ["b": nil]]),
      ("\"0123456789abcdefghi\\n0123456789\"", "0123456789abcdefghi\n0123456789"),
    ]
    for (text, value) in cases { #expect(try JSON(parsing: text) == value, "\(text)") }
  }

  /// Numbers that are spelled otherwise than their double would be: they keep their spelling, and read as the nearest
  /// double.
  @Test func numbersReadAsTheNearestDouble() throws {
    let cases: [(String, Double)] = [
      ("-0", -0.0), ("9223372036854775808", 0x1p63), ("-9223372036854775809", -0x1p63), ("1e3", 1000), ("1E+2", 100), ("-1.5e-3", -0.0015),
      ("123456789012345678901234567890", 123_456_789_012_345_677_877_719_597_056), ("1e-400", 0), ("-1e-400", -0.0), ("0e999999999", 0),
      ("1.7976931348623157e308", .greatestFiniteMagnitude), ("9007199254740993.0", 0x1p53), ("1e400", .infinity), ("-1e400", -.infinity),
    ]
    for (text, double) in cases {
      guard case .decimal(let decimal) = try JSON(parsing: text) else {
        Issue.record("\(text) has lost its spelling")
        continue
      }
      #expect(decimal.spelling == text)
      #expect(decimal.nearestDouble.bitPattern == double.bitPattern, "\(text)")
    }
  }

  @Test func refusals() {
    let cases: [(String, String)] = [
      ("", "line 1, column 1: expected a value, found the end of the text"),
      (#"{"ä":1,"value"}"#, #"line 1, column 15: expected ':' after the name "value", found '}'"#),
      ("{\n  \"a\" 1}", #"line 2, column 7: expected ':' after the name "a", found '1'"#),
      ("[1,]", "line 1, column 4: expected a value after ',', found ']'"),
      (#"{"a":1,}"#, "line 1, column 8: expected a name in double quotes after ',', found '}'"),
      ("{a:1}", "line 1, column 2: expected a name in double quotes or '}', found 'a'"),
      ("[1 2]", "line 1, column 4: expected ',' or ']' after an array element, found '2'"),
      (#"{"a":1 "b"}"#, #"line 1, column 8: expected ',' or '}' after the value of "a", found '"'"#),
      ("1 2", "line 1, column 3: expected the end of the text, found '2'"),
      ("nul", "line 1, column 1: expected null"),
      ("NaN", "line 1, column 1: expected a value, found 'N'"),
      ("Infinity", "line 1, column 1: expected a value, found 'I'"),
      ("-", "line 1, column 2: expected a digit, found the end of the text"),
      ("-a", "line 1, column 2: expected a digit, found 'a'"),
      ("01", "line 1, column 1: a number must not have leading zeros"),
      ("-01", "line 1, column 2: a number must not have leading zeros"),
      ("1.", "line 1, column 3: expected a digit after '.', found the end of the text"),
      (".5", "line 1, column 1: expected a value, found '.'"),
      ("+1", "line 1, column 1: expected a value, found '+'"),
      ("1e", "line 1, column 3: expected a digit in the exponent, found the end of the text"),
      ("1e+", "line 1, column 4: expected a digit in the exponent, found the end of the text"),
      ("-1e99999999999999999999", "line 1, column 4: an exponent beyond 999999999"),
      ("1E-1000000000", "line 1, column 4: an exponent beyond 999999999"),
      ("\"abc", "line 1, column 1: a string without its closing '\"'"),
      ("\"a\\", "line 1, column 3: the text ends within an escape"),
      ("\"a\nb\"", "line 1, column 3: control character U+000A in a string: write it as an escape"),
      (#""\x""#, #"line 1, column 2: unknown escape: expected one of \" \\ \/ \b \f \n \r \t \u"#),
      (#""\u12G4""#, #"line 1, column 6: expected four hexadecimal digits after \u"#),
      (#""\u12"#, #"line 1, column 6: expected four hexadecimal digits after \u"#),
      (#""\uD83D""#, "line 1, column 2: high surrogate U+D83D without a low surrogate behind it"),
      (#""\uD83D\u0041""#, "line 1, column 2: high surrogate U+D83D followed by U+0041, no low surrogate"),
      (#""\uDE00""#, "line 1, column 2: low surrogate U+DE00 without a high surrogate before it"),
      (#"{"a":1,"b":2,"a":3}"#, #"line 1, column 14: the name "a" occurs twice in one object"#),
      (#"{"a":1,"\u0061":3}"#, #"line 1, column 8: the name "a" occurs twice in one object"#),
      ("'a'", "line 1, column 1: expected a value, found '''"), ("// x", "line 1, column 1: expected a value, found '/'"),
      ("\u{FEFF}1", "line 1, column 1: expected a value, found a byte order mark (U+FEFF)"),
    ]
    for (text, message) in cases { #expect(problem(text) == message, "\(text)") }
  }

  @Test func invalidUTF8IsRefused() {
    let bad: [[UInt8]] = [
      [0x80], [0xC3], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
      [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xFE], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
    ]
    for bytes in bad {
      #expect(problem([0x22, 0x61] + bytes + [0x22]) == "line 1, column 3: invalid UTF-8 in a string", "\(bytes)")
      #expect(problem([0x22, 0x5C, 0x6E] + bytes + [0x22]) == "line 1, column 4: invalid UTF-8 in a string", "\(bytes)")
    }
    // A letter cut by an escape is no letter.
    #expect(problem([0x22, 0xC3, 0x5C, 0x6E, 0xA9, 0x22]) == "line 1, column 2: invalid UTF-8 in a string")
  }

  @Test func limits() {
    let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
    #expect(problem(deep) == "line 1, column 65: nested more than 64 levels deep")
    #expect(problem(String(deep.dropFirst().dropLast())) == nil)
    #expect(problem(String(repeating: "[", count: 1_000_000)) == "line 1, column 65: nested more than 64 levels deep")
    let greedy = JSONLimits(maximumDepth: .max)
    #expect(problem(String(repeating: "[", count: 1_000_000), limits: greedy) == "line 1, column 513: nested more than 512 levels deep")
    #expect(problem("[1,2]", limits: JSONLimits(maximumValues: 2)) == "line 1, column 4: more than 2 values")
    #expect(problem("[1,2]", limits: JSONLimits(maximumBytes: 4)) == "line 1, column 1: the text has 5 bytes, more than the 4 allowed")
    let long = String(repeating: "1", count: 30)
    #expect(
      problem(long, limits: JSONLimits(maximumNumberBytes: 29)) == "line 1, column 1: a number of 30 bytes, more than the 29 allowed")
  }

  @Test func longObjectsRefuseDuplicatesToo() throws {
    var names = (0..<1000).map { "\"n\($0)\":\($0)" }
    #expect(problem("{" + names.joined(separator: ",") + "}") == nil)
    names[999] = "\"n500\":0"
    #expect(problem("{" + names.joined(separator: ",") + "}") == #"line 1, column 1: the name "n500" occurs twice in one object"#)
    names[999] = "\"n3\":0"
    let seventeen = names[0..<16].joined(separator: ",")
    #expect(problem("{" + seventeen + ",\"n3\":0}") == #"line 1, column 1: the name "n3" occurs twice in one object"#)
    // Canonically equal names are different names: JSON compares code points.
    #expect(problem("{\"\u{E9}\":1,\"e\u{301}\":2}") == nil)
    #expect(JSON.string("\u{E9}") != JSON.string("e\u{301}"))
  }

  @Test func writerRefusesWrongJSON() {
    func mistake(_ calls: (inout JSONWriter) -> Void) -> JSONWriteError? {
      var writer = JSONWriter()
      calls(&writer)
      do throws(JSONWriteError) {
        _ = try writer.finish()
        return nil
      } catch {
        return error
      }
    }
    #expect(mistake { $0.value(Double.nan) } == .numberNotFinite(byteOffset: 0))
    #expect(mistake { $0.value(JSON.array([.double(.infinity)])) } == .numberNotFinite(byteOffset: 1))
    #expect(mistake { $0.valueOrNull(.nan) } == nil)
    #expect(mistake { _ in } == .empty)
    #expect(mistake { $0.beginArray() } == .unfinished(openContainers: 1))
    #expect(mistake { $0.endArray() } == .endOutOfPlace(byteOffset: 0))
    #expect(
      mistake {
        $0.beginArray()
        $0.endObject()
      } == .endOutOfPlace(byteOffset: 1))
    #expect(
      mistake {
        $0.beginObject()
        $0.value(1)
        $0.endObject()
      } == .nameMissing(byteOffset: 1))
    #expect(
      mistake {
        $0.beginObject()
        $0.name("a")
        $0.endObject()
      } == .endOutOfPlace(byteOffset: 5))
    #expect(mistake { $0.name("a") } == .nameOutOfPlace("a"))
    #expect(
      mistake {
        $0.value(1)
        $0.value(2)
      } == .secondRoot(byteOffset: 1))
    #expect(mistake { $0.value(["a": 1, "a": 2] as JSON) } == .duplicateName("a"))
    #expect(
      mistake { writer in
        for _ in 0..<513 { writer.beginArray() }
        for _ in 0..<513 { writer.endArray() }
      } == .tooDeep)
    #expect(
      mistake { writer in
        for _ in 0..<512 { writer.beginArray() }
        for _ in 0..<512 { writer.endArray() }
      } == nil)
    var tree = JSON.null
    for _ in 0..<600 { tree = .array([tree]) }
    #expect(throws: JSONWriteError.tooDeep) { try tree.serialized() }
  }

  @Test func writerAppendsAndEscapes() throws {
    var writer = JSONWriter(appendingTo: [0x41])
    writer.beginObject()
    writer.member("a\"\\\n\u{1}\u{7F}é", "\u{0}\u{8}\u{C}\r\t/\u{1F}")
    writer.member("i", Int64.min)
    writer.member("u", JSON.double(-0.0))
    writer.name("n")
    writer.value(UInt64.max)
    writer.member("b", true)
    writer.member("d", 1e16)
    writer.endObject()
    let expected = #"A{"a\"\\\n\u0001"# + "\u{7F}" + #"é":"\u0000\b\f\r\t/\u001f","i":-9223372036854775808,"u":-0.0,"#
    #expect(String(decoding: try writer.finish(), as: UTF8.self) == expected + #""n":18446744073709551615,"b":true,"d":1e+16}"#)
  }

  @Test(arguments: 0..<300 as Range<UInt64>) func randomTreesRoundTrip(seed: UInt64) throws {
    var random = RandomStream(seed: seed)
    let tree = randomTree(&random, depth: 0)
    let bytes = try tree.serialized()
    #expect(try JSON(parsing: bytes) == tree, "seed \(seed)")
    #expect(try JSON(parsing: bytes).serialized() == bytes, "seed \(seed)")
  }

  @Test func randomDoublesRoundTrip() throws {
    var random = RandomStream(seed: 7)
    for _ in 0..<20_000 {
      let double = Double(bitPattern: random.next())
      guard double.isFinite else { continue }
      let parsed = try JSON(parsing: double.description)
      #expect(parsed == .double(double), "\(double)")
      // The quick way must agree with the library's correctly rounded conversion.
      let digits = String(random.next() % 100_000_000_000_000_000)
      let short = "\(digits.prefix(1 + random.index(below: 17))).\(random.index(below: 1000))e\(random.index(below: 60) - 30)"
      let trimmed = short.drop { $0 == "0" }
      let text = trimmed.first == "." ? "0" + trimmed : String(trimmed)
      #expect(try JSON(parsing: text).exactNumber?.nearestDouble.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
  }

  @Test func mutatedTextsNeverTrap() throws {
    var (read, refused) = (0, 0)
    let text = Array(#"{"metrics":[{"name":"cpu\u00e9\uD83D\uDE00é","value":-75.5e-3,"t":{"a":[1,2,null,true,false]}}]}"#.utf8)
    for seed in 0..<5000 as Range<UInt64> {
      var random = RandomStream(seed: seed)
      var bytes = text
      for _ in 0...random.index(below: 3) {
        let place = random.index(below: bytes.count)
        switch random.index(below: 4) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.removeSubrange(place...)
        case 2: bytes.insert(bytes[random.index(below: bytes.count)], at: place)
        default: bytes[place] ^= 1 << UInt8(random.index(below: 8))
        }
        if bytes.isEmpty { bytes = [0x5B] }
      }
      if let tree = try? JSON(parsing: bytes) {
        read += 1
        // What was read has a form.
        let written = try tree.serialized()
        #expect(try JSON(parsing: written) == tree, "seed \(seed)")
      } else {
        refused += 1
      }
    }
    #expect(read > 100 && refused > 100)
  }

  private func randomTree(_ random: inout RandomStream, depth: Int) -> JSON {
    switch random.index(below: depth > 5 ? 6 : 9) {
    case 0: return .null
    case 1: return .bool(random.chance(1, of: 2))
    case 2: return .integer(Int64(bitPattern: random.next()) >> Int64(random.index(below: 64)))
    case 3:
      let double = Double(bitPattern: random.next())
      return .double(double.isFinite ? double : 0.5)
    case 4: return .double(Double(random.index(below: 100_000)) / 100)
    case 5: return .string(random.text(maximumScalars: 30))
    case 6, 7: return .array((0..<random.index(below: 5)).map { _ in randomTree(&random, depth: depth + 1) })
    default:
      let count = random.chance(1, of: 10) ? 20 : random.index(below: 5)
      return .object((0..<count).map { JSON.Member("\($0)" + random.text(maximumScalars: 8), randomTree(&random, depth: depth + 1)) })
    }
  }
}
