// Request targets: decoding, refusals, and the accessors of routes. MONITORING-7, MONITORING-28.

import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct HTTPTargetTests {
  private func failure(_ target: String, limits: HTTPTargetLimits = HTTPTargetLimits()) -> HTTPTargetError? {
    do throws(HTTPTargetError) {
      _ = try HTTPTarget(target, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test func decodes() throws {
    let target = try HTTPTarget("/v1/con%20sume?partition=3&offset=12847&a=1%2B1+x&a=%C3%A9%0A&flag&empty=&p=a/b?c")
    #expect(target.segments == ["v1", "con sume"])
    #expect(!target.endsWithSlash)
    #expect(try target.item("partition") == "3")
    #expect(try target.integer("offset", in: 0...Int64.max) == 12847)
    #expect(target.allItems("a") == ["1+1 x", "é\n"])
    #expect(try target.item("flag") == "")
    #expect(try target.item("empty") == "")
    #expect(try target.item("p") == "a/b?c")
    #expect(try target.item("absent") == nil)
    #expect(try HTTPTarget("/").segments == [])
    #expect(try HTTPTarget("/?a=b").items == [NamedText("a", "b")])
    #expect(try HTTPTarget("/a/?").endsWithSlash)
    #expect(try HTTPTarget("/a?&&x=1&").items == [NamedText("x", "1")])
    #expect(try HTTPTarget("/a...b/.hidden").segments == ["a...b", ".hidden"])
    #expect(try HTTPTarget("/100%25+").segments == ["100%+"])
  }

  @Test func refusals() {
    let cases: [(String, HTTPTargetError)] = [
      ("", .notOriginForm), ("*", .notOriginForm), ("http://a/b", .notOriginForm), ("/a b", .forbiddenByte(0x20, offset: 2)),
      ("/a\u{0}", .forbiddenByte(0, offset: 2)), ("/é", .forbiddenByte(0xC3, offset: 1)), ("/a#b", .forbiddenByte(0x23, offset: 2)),
      ("/a\\b", .forbiddenByte(0x5C, offset: 2)), ("/%", .brokenEscape(offset: 1)), ("/%4", .brokenEscape(offset: 1)),
      ("/%zz", .brokenEscape(offset: 1)), ("/%2", .brokenEscape(offset: 1)), ("/a%2Fb", .forbiddenEscape(0x2F, offset: 2)),
      ("/a%5cb", .forbiddenEscape(0x5C, offset: 2)),
      ("/a%00", .forbiddenEscape(0, offset: 2)), ("/a%0a", .forbiddenEscape(0x0A, offset: 2)),
      ("/a?b=%00", .forbiddenEscape(0, offset: 5)), ("/a%7F", .forbiddenEscape(0x7F, offset: 2)), ("/%C3", .invalidUTF8(offset: 1)),
      ("/%C0%AE%C0%AE", .invalidUTF8(offset: 1)), ("/../a", .dotSegment(offset: 1)), ("/a/..", .dotSegment(offset: 3)),
      ("/%2e%2E/a", .dotSegment(offset: 1)), ("/a/%2e", .dotSegment(offset: 3)), ("/a/./b", .dotSegment(offset: 3)),
      ("//a", .emptySegment(offset: 1)), ("/a//b", .emptySegment(offset: 3)), ("/a?=1", .namelessItem(offset: 3)),
      ("/a?b=%4", .brokenEscape(offset: 5)), ("/%2%41", .brokenEscape(offset: 1)),
    ]
    for (target, error) in cases { #expect(failure(target) == error, "\(target)") }
    #expect(failure("/" + String(repeating: "a", count: 8192)) == .tooLong(maximumBytes: 8192))
    #expect(failure("/a/b/c", limits: HTTPTargetLimits(maximumSegments: 2)) == .tooManySegments(maximum: 2))
    #expect(failure("/?a&b&c", limits: HTTPTargetLimits(maximumItems: 2)) == .tooManyItems(maximum: 2))
  }

  @Test func accessorsRefuse() throws {
    let target = try HTTPTarget("/consume?a=1&a=2&n=x&m=-1&ofset=2&p=%2B5")
    #expect(throws: HTTPTargetError.duplicateItem("a")) { try target.item("a") }
    #expect(throws: HTTPTargetError.missingItem("z")) { try target.requiredItem("z") }
    #expect(throws: HTTPTargetError.invalidItem("n", expected: "an integer from 0 to 9")) { try target.integer("n", in: 0...9) }
    #expect(throws: HTTPTargetError.invalidItem("m", expected: "an integer from 0 to 9")) { try target.integer("m", in: 0...9) }
    #expect(throws: HTTPTargetError.invalidItem("p", expected: "an integer from 0 to 9")) { try target.integer("p", in: 0...9) }
    #expect(throws: HTTPTargetError.unknownItem("ofset", suggestion: "offset")) { try target.onlyItems(["a", "n", "m", "offset"]) }
  }

  @Test func randomTargetsNeverTrap() {
    let alphabet = Array("/%.2eEfF?&=+a0#\\\u{0}é")
    for seed in 0..<5000 as Range<UInt64> {
      var random = RandomStream(seed: seed)
      let target = "/" + String((0..<random.index(below: 30)).map { _ in alphabet[random.index(below: alphabet.count)] })
      guard let parsed = try? HTTPTarget(target) else { continue }
      for segment in parsed.segments {
        #expect(segment != ".." && segment != "." && !segment.isEmpty && !segment.utf8.contains(0x2F), "seed \(seed): \(target)")
      }
    }
  }
}
