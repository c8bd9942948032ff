// The protocol of Redis: what is read of it, in whatever pieces it comes; that what is written reads back; hostile bytes.

import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct RESPTests {
  /// All values of a text, fed in pieces of so many bytes.
  private func values(_ bytes: [UInt8], piece: Int = .max, _ limits: RESPLimits = RESPLimits()) throws -> [RESPValue] {
    var reader = RESPReader(limits)
    var found: [RESPValue] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      reader.feed(rest.prefix(piece))
      rest = rest.dropFirst(piece)
      while let value = try reader.next() { found.append(value) }
    }
    #expect(!reader.isWithinValue)
    return found
  }

  private func value(_ text: String) throws -> RESPValue? { try values(Array(text.utf8)).first }

  @Test func everyKindIsRead() throws {
    #expect(try value("+OK\r\n") == .simple(Array("OK".utf8)))
    #expect(try value("-ERR no\r\n") == .failure(Array("ERR no".utf8)))
    #expect(try value("!6\r\nERR\r\nx\r\n") == .failure(Array("ERR\r\nx".utf8)))
    #expect(try value(":-9223372036854775808\r\n") == .integer(.min))
    #expect(try value(":+5\r\n") == .integer(5))
    #expect(try value("$5\r\na\r\nb\u{0}\r\n") == .bytes(Array("a\r\nb\u{0}".utf8)))
    #expect(try value("$0\r\n\r\n") == .bytes([]))
    #expect(try value("=7\r\ntxt:abc\r\n") == .bytes(Array("abc".utf8)))
    for text in ["$-1\r\n", "*-1\r\n", "_\r\n"] { #expect(try value(text) == .null) }
    #expect(try value("#t\r\n") == .boolean(true) && value("#f\r\n") == .boolean(false))
    #expect(
      try value(",-1.5e3\r\n") == .double(-1_500) && value(",inf\r\n") == .double(.infinity) && value(",-inf\r\n") == .double(-.infinity))
    guard case .double(let number)? = try value(",nan\r\n") else { throw RESPTestFailure() }
    #expect(number.isNaN)
    #expect(try value("(-123456789012345678901234567890\r\n") == .number(Array("-123456789012345678901234567890".utf8)))
    #expect(try value("*2\r\n*1\r\n:1\r\n*0\r\n") == .array([.array([.integer(1)]), .array([])]))
    #expect(try value("%1\r\n+a\r\n~2\r\n:1\r\n:2\r\n") == .map([.simple([97]), .set([.integer(1), .integer(2)])]))
    #expect(try value(">2\r\n+message\r\n$1\r\nx\r\n") == .push([.simple(Array("message".utf8)), .bytes([120])]))
  }

  @Test func attributesAreLeftOut() throws {
    #expect(try value("|1\r\n+ttl\r\n:5\r\n*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n|0\r\n:2\r\n") == .array([.integer(1), .integer(2)]))
  }

  @Test func whatIsWrittenReadsBackInWhateverPieces() throws {
    var random = RandomStream(seed: 1, name: "resp")
    for _ in 0..<300 {
      let all = (0...random.below(5)).map { _ in Self.draw(&random, depth: 0) }
      var bytes: [UInt8] = []
      for value in all { value.write(into: &bytes) }
      for piece in [1, 2, 7, 64, Int.max] { #expect(try values(bytes, piece: piece) == all) }
    }
  }

  private static func draw(_ random: inout RandomStream, depth: Int) -> RESPValue {
    let bytes = random.bytes(Int(random.below(20)))
    let line = bytes.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
    func some(_ random: inout RandomStream) -> [RESPValue] { (0..<random.below(4)).map { _ in draw(&random, depth: depth + 1) } }
    switch random.below(depth < 4 ? 12 : 8) {
    case 0: return .simple(line)
    case 1: return .failure(line)
    case 2: return .integer(Int64(bitPattern: random.next()))
    case 3: return .bytes(bytes)
    case 4: return .null
    case 5: return .boolean(random.chance(0.5))
    case 6: return .double(Double(Int64(bitPattern: random.next())) / 1_024)
    case 7: return .number(Array("\(random.next())".utf8))
    case 8: return .array(some(&random))
    case 9:
      let pairs = some(&random)
      return .map(pairs + pairs)
    case 10: return .set(some(&random))
    case _: return .push(some(&random))
    }
  }

  @Test(arguments: [
    "x\r\n", "\r\n", ":\r\n", ":1.5\r\n", ":9223372036854775808\r\n", ": 1\r\n", "$-2\r\n", "$1\r\nab\r\n", "$x\r\n", "$?\r\n", "*-2\r\n",
    "*?\r\n", "#x\r\n",
    "_x\r\n", ",0x1p3\r\n", ",\r\n", "(1a\r\n", "(-\r\n", "=3\r\nabc\r\n", "=5\r\ntxtab\r\n", "+a\rb\r\n", "%-1\r\n", ":--1\r\n",
  ])
  func whatIsNoValueIsRefusedAndNothingIsReadBehindIt(_ text: String) throws {
    var reader = RESPReader()
    reader.feed(Array(text.utf8))
    #expect(throws: RESPMistake.self) { try reader.next() }
    reader.feed(Array("+OK\r\n".utf8))
    #expect(throws: RESPMistake.self) { try reader.next() }
    #expect(reader.waitingBytes == 0)
  }

  @Test func boundsHoldBeforeAnythingIsKept() throws {
    let limits = RESPLimits(maximumBytes: 100, maximumElements: 10, maximumDepth: 3)
    func refuses(_ text: String) {
      var reader = RESPReader(limits)
      reader.feed(Array(text.utf8))
      #expect(throws: RESPMistake.self, "\(text.prefix(40))") { try reader.next() }
    }
    refuses("$101\r\n")
    refuses("$9223372036854775807\r\n")
    refuses("*11\r\n")
    refuses("*9223372036854775807\r\n")
    refuses("%6\r\n")
    refuses("%9223372036854775807\r\n")
    refuses("*1\r\n*1\r\n*1\r\n*1\r\n")
    refuses("*5\r\n*6\r\n")
    refuses("*3\r\n" + String(repeating: "$40\r\n" + String(repeating: "x", count: 40) + "\r\n", count: 3))
    refuses(String(repeating: "|1\r\n+a\r\n+b\r\n", count: 20))
    var reader = RESPReader()
    reader.feed([UInt8](repeating: UInt8(ascii: "+"), count: 70_000))
    #expect(throws: RESPMistake.self) { try reader.next() }
    // What one value took does not count for the next.
    #expect(
      try values(Array(String(repeating: "*2\r\n$30\r\n" + String(repeating: "x", count: 30) + "\r\n:1\r\n", count: 50).utf8), limits).count
        == 50)
  }

  @Test func anyBytesAreReadOrRefused() {
    var random = RandomStream(seed: 2, name: "resp")
    var refused = 0
    let signs = Array("+-:$*_#,(!=%~>|\r\n0123456789tf".utf8)
    for _ in 0..<3_000 {
      var reader = RESPReader(RESPLimits(maximumBytes: 2_000, maximumElements: 100, maximumDepth: 5))
      for _ in 0...random.below(5) {
        reader.feed(
          (0..<random.below(40)).map { _ in
            random.chance(0.9) ? signs[Int(random.below(UInt64(signs.count)))] : UInt8(truncatingIfNeeded: random.next())
          })
        do { while let value = try reader.next() { #expect(Self.count(value) <= 101) } } catch { refused += 1 }
      }
    }
    #expect(refused > 1_000)
  }

  private static func count(_ value: RESPValue) -> Int { 1 + (value.elements ?? []).map(count).reduce(0, +) }

  @Test func valuesAreAskedForByWhatTheyAre() {
    #expect(RESPValue.bytes(Array("-12".utf8)).wholeNumber == -12 && RESPValue.integer(5).wholeNumber == 5)
    #expect(RESPValue.bytes(Array("1.5".utf8)).wholeNumber == nil && RESPValue.null.wholeNumber == nil)
    #expect(RESPValue.simple([1]).content == [1] && RESPValue.failure([1]).content == nil && RESPValue.map([]).elements == nil)
  }
}

private struct RESPTestFailure: Error {}
