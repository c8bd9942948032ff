// Binary records: what is written reads back, and whatever is cut or forged is refused at its offset. MONITORING-9.

import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct ByteReaderTests {
  @Test func knownBytes() throws {
    var writer = ByteWriter()
    writer.fixed(UInt32(0x0102_0304))
    writer.varint(300)
    writer.zigzag(-1)
    writer.zigzag(.min)
    writer.prefixedString("hé")
    writer.double(-0.0)
    writer.patch(UInt16(0xFFFF), at: 2)
    writer.patch(UInt64(0), at: writer.count - 7)
    let least = [UInt8](repeating: 0xFF, count: 9) + [1]
    #expect(writer.bytes == [4, 3, 0xFF, 0xFF, 0xAC, 2, 1] + least + [3, 0x68, 0xC3, 0xA9] + [0, 0, 0, 0, 0, 0, 0, 0x80])
    var reader = ByteReader(writer.finish())
    #expect(try reader.fixed(UInt32.self) == 0xFFFF_0304)
    #expect(try reader.varint() == 300)
    #expect(try reader.zigzag() == -1)
    #expect(try reader.zigzag() == .min)
    #expect(try reader.prefixedString() == "hé")
    #expect(try reader.double().sign == .minus)
    try reader.expectEnd()
  }

  @Test func refusals() {
    func problem(_ bytes: [UInt8], _ body: (inout ByteReader) throws(ByteError) -> Void) -> String? {
      var reader = ByteReader(bytes)
      do throws(ByteError) {
        try body(&reader)
        return nil
      } catch {
        #expect(reader.position == error.offset)
        return error.description
      }
    }
    #expect(
      problem([1, 2]) { (reader) throws(ByteError) in _ = try reader.fixed(UInt32.self) }
        == "byte 0: expected a 32-bit integer, found the end after 2 bytes")
    #expect(
      problem([1]) { (reader) throws(ByteError) in
        _ = try reader.byte()
        _ = try reader.byte()
      } == "byte 1: expected a byte, found the end after 0 bytes")
    #expect(
      problem([0x80, 0x80]) { (reader) throws(ByteError) in _ = try reader.varint() }
        == "byte 0: expected a varint, found the end after 2 bytes")
    let tooLong = [UInt8](repeating: 0xFF, count: 9) + [2]
    #expect(
      problem(tooLong) { (reader) throws(ByteError) in _ = try reader.varint() }
        == "byte 0: expected a varint of at most 64 bits, found a longer one")
    #expect(
      problem([0x80, 0x00]) { (reader) throws(ByteError) in _ = try reader.varint() }
        == "byte 0: expected a varint in its shortest form, found a longer one")
    #expect(
      problem([5, 1, 2]) { (reader) throws(ByteError) in _ = try reader.prefixedBytes() }
        == "byte 0: expected 5 bytes, found the end after 2")
    #expect(
      problem([2, 1, 2]) { (reader) throws(ByteError) in _ = try reader.prefixedBytes(maximumBytes: 1) }
        == "byte 0: expected at most 1 bytes, found a length of 2")
    #expect(
      problem([1, 0xFF]) { (reader) throws(ByteError) in _ = try reader.prefixedString() }
        == "byte 0: expected valid UTF-8, found other bytes")
    #expect(
      problem([0xFF, 0x7F, 1]) { (reader) throws(ByteError) in _ = try reader.count(minimumBytesEach: 8) }
        == "byte 0: expected a count that fits the bytes left, found 16383")
    #expect(problem([1]) { (reader) throws(ByteError) in try reader.expectEnd() } == "byte 0: expected the end, found 1 more bytes")
    #expect(problem([1]) { (reader) throws(ByteError) in try reader.skip(-1) } != nil)
    #expect(problem([1]) { (reader) throws(ByteError) in _ = try reader.raw(count: 2) } != nil)
    #expect(ByteReader([1, 2, 3], in: -5..<99).remaining == 3)
    #expect(ByteReader([1, 2, 3], in: 7..<9).isAtEnd)
  }

  @Test(arguments: 0..<200 as Range<UInt64>) func randomRecordsRoundTripAndCutsAreRefused(seed: UInt64) throws {
    var random = RandomStream(seed: seed)
    let number = random.next() >> UInt64(random.index(below: 64))
    let signed = Int64(bitPattern: random.next()) >> Int64(random.index(below: 64))
    let text = random.text(maximumScalars: 20)
    let blob = random.bytes(random.index(below: 40))
    var writer = ByteWriter()
    writer.varint(number)
    writer.zigzag(signed)
    writer.prefixedString(text)
    writer.prefixedBytes(blob)
    writer.fixed(number)
    let bytes = writer.finish()
    func read(_ bytes: [UInt8]) throws(ByteError) -> Bool {
      var reader = ByteReader(bytes)
      let first = try reader.varint() == number
      let second = try reader.zigzag() == signed
      let third = try reader.prefixedString().utf8.elementsEqual(text.utf8)
      let fourth = try reader.prefixedBytes() == blob
      let fifth = try reader.fixed(UInt64.self) == number
      try reader.expectEnd()
      return first && second && third && fourth && fifth
    }
    #expect(try read(bytes), "seed \(seed)")
    for cut in bytes.indices {
      #expect(throws: ByteError.self, "seed \(seed), cut \(cut)") { try read(Array(bytes[..<cut])) }
    }
  }
}
