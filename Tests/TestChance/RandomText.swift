// What tests of parsers and formats draw from a random stream beyond numbers: places in arrays, odds, and texts of
// awkward characters.

import Vocabulary

extension RandomStream {
  /// A place in `0 ..< bound`, for arrays and counts.
  public mutating func index(below bound: Int) -> Int { Int(below(UInt64(bound))) }

  /// True `numerator` times of `denominator`.
  public mutating func chance(_ numerator: Int, of denominator: Int) -> Bool { index(below: denominator) < numerator }

  /// Text of at most so many scalars: controls, ASCII, two, three and four bytes of UTF-8.
  public mutating func text(maximumScalars: Int) -> String {
    var text = ""
    for _ in 0..<index(below: maximumScalars + 1) {
      let bound: UInt32 = [0x20, 0x7F, 0x7F, 0x7F, 0x800, 0x10000, 0x110000][index(below: 7)]
      if let scalar = Unicode.Scalar(UInt32(index(below: Int(bound)))) { text.unicodeScalars.append(scalar) }
    }
    return text
  }
}
