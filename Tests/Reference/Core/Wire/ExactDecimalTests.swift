// Numbers that are neither 64-bit integers nor doubles: they come back as they were sent, and are compared exactly.

import TestChance
import Testing
import Vocabulary
import Wire

struct ExactDecimalTests {
  private func number(_ text: String) throws -> JSON { try JSON(parsing: text) }

  @Test(arguments: [
    "0", "-0.0", "0.0", "75.5", "75.50", "1.0", "1.00", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551614", "18446744073709551615", "18446744073709551616", "3.0e-400", "1e400", "-1e999", "1E5",
    "1e5", "1e+05", "1e-07", "1e-7", "0.1", "0.10000000000000001", "0.30000000000000004", "0.00001", "0.0001", "123456789012345.6",
    "1234567890123456.7", "100000000000000000000", "1e22", "1e+22", "5e-324", "4.9e-324", "2.2250738585072014e-308",
    "1.7976931348623157e+308",
    "1.7976931348623159e308", "0.1234567890123456789", "9007199254740993.0", "-0", "0e5",
  ])
  func everyNumberIsWrittenAsItWasRead(_ text: String) throws {
    #expect(try number(text).serializedText() == text)
  }

  @Test func randomNumbersAreWrittenAsTheyWereRead() throws {
    var random = RandomStream(seed: 4)
    for round in 0..<20_000 {
      var text = random.below(2) == 0 ? "" : "-"
      for place in 0..<(1 + random.below(22)) { text += String(place == 0 ? 1 + random.below(9) : random.below(10)) }
      if random.below(2) == 0 {
        text += "."
        for _ in 0..<(1 + random.below(22)) { text += String(random.below(10)) }
      }
      if random.below(3) == 0 { text += ["e", "E", "e+", "e-"][Int(random.below(4))] + String(random.below(400)) }
      #expect(try number(text).serializedText() == text, "round \(round)")
    }
  }

  @Test func numbersAreOrderedExactly() throws {
    let ordered = [
      "-1e999", "-9223372036854775809", "-9223372036854775808", "-10.01", "-10.001", "-1e-400", "0", "3.0e-400", "1e-324", "5e-324", "0.1",
      "0.10000000000000001", "1", "9007199254740992", "9007199254740992.5", "9007199254740993", "9223372036854775807",
      "9223372036854775808",
      "18446744073709551614", "18446744073709551615", "1e999",
    ]
    let numbers = try ordered.map { try #require(try number($0).exactNumber) }
    for (place, one) in numbers.enumerated() {
      for (otherPlace, other) in numbers.enumerated() {
        #expect((one < other) == (place < otherPlace), "\(ordered[place]) < \(ordered[otherPlace])")
        #expect((one == other) == (place == otherPlace), "\(ordered[place]) == \(ordered[otherPlace])")
      }
    }
  }

  @Test func spellingsOfOneNumberAreEqual() throws {
    for spellings in [["75", "75.0", "7.5e1", "750e-1", "75.000"], ["0", "0.0", "0e9"], ["1e400", "10e399", "1.0E400"], ["-5", "-5.0"]] {
      for one in spellings {
        for other in spellings { #expect(try number(one).isSameNumber(as: number(other)), "\(one) and \(other)") }
      }
    }
  }

  @Test func whatIsNotTheSameNumberIsTold() throws {
    for (one, other) in [
      ("18446744073709551614", "18446744073709551615"), ("9223372036854775807", "9223372036854775808"), ("3.0e-400", "0.0"),
      ("1e999", "2e999"),
      ("9007199254740993", "9007199254740992.0"), ("0.1234567890123456789", "0.12345678901234568"), ("-0.0", "0"), ("1e400", "1e401"),
      ("18446744073709551615", "1.8446744073709552e+19"), ("5e-324", "0"), ("1", "-1"),
    ] {
      #expect(try !number(one).isSameNumber(as: number(other)), "\(one) and \(other)")
      // The other way round a double is asked for, and a service may print more of its digits than are needed.
      if one != "0.1234567890123456789" { #expect(try !number(other).isSameNumber(as: number(one)), "\(other) and \(one)") }
    }
    // A service that keeps doubles may print more digits than are needed.
    #expect(try number("0.1").isSameNumber(as: number("0.10000000000000001")))
    #expect(try number("0.10000000000000001").isSameNumber(as: number("0.1")))
    #expect(try number("2.2250738585072011e-308").isSameNumber(as: number("2.225073858507201e-308")))
    #expect(try !number("0.100000000000000001").isSameNumber(as: number("0.1")))
  }

  @Test func decodingRefusesWhatNoDoubleOrIntegerHolds() throws {
    func problem(_ text: String, _ read: (JSONField) throws -> Void) -> String? {
      do {
        try read(JSONField(try number(text)))
        return nil
      } catch { return "\(error)" }
    }
    for text in ["1e400", "-1e999", "3.0e-400"] {
      #expect(problem(text) { _ = try $0.finiteDouble() }?.contains("within the range of a 64-bit double") == true, "\(text)")
    }
    for text in ["9007199254740993", "-9007199254740993", "18446744073709551615", "100000000000000000000000001", "9223372036854775807"] {
      #expect(problem(text) { _ = try $0.finiteDouble(integersExact: true) }?.contains("holds exactly") == true, "\(text)")
      #expect(problem(text) { _ = try $0.finiteDouble() } == nil, "\(text)")
    }
    for text in [
      "9007199254740992", "18446744073709551616", "100000000000000000000", "9223372036854775808", "-9223372036854775808", "0", "-0",
      "9007199254740993.0", "18446744073709551615e0", "1" + String(repeating: "0", count: 308),
    ] {
      #expect(problem(text) { _ = try $0.finiteDouble(integersExact: true) } == nil, "\(text)")
    }
    #expect(try JSONField(number("1.50")).finiteDouble() == 1.5)
    #expect(try JSONField(number("0.1234567890123456789")).finiteDouble() == 0.12345678901234568)
    #expect(try JSONField(number("1e3")).integer() == 1_000)
    #expect(try JSONField(number("5.0")).integer() == 5)
    #expect(try JSONField(number("9223372036854775807.0")).integer() == .max)
    #expect(try JSONField(number("-9.223372036854775808e18")).integer() == .min)
    #expect(problem("9223372036854775808") { _ = try $0.integer() } != nil)
    #expect(problem("18446744073709551615") { _ = try $0.integer(in: 0...10) }?.contains("from 0 to 10") == true)
    #expect(problem("1.50") { _ = try $0.integer() } != nil)
  }
}
