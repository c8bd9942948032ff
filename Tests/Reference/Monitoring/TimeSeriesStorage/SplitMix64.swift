// The tests' own source of chance: small, seeded, the same everywhere (Steele, Lea and Flood, OOPSLA 2014).

struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func chance(_ numerator: Int, of denominator: Int) -> Bool { below(denominator) < numerator }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

  mutating func text(maximumScalars: Int) -> String {
    var text = ""
    for _ in 0..<below(maximumScalars + 1) {
      let bound: UInt32 = [0x20, 0x7F, 0x7F, 0x7F, 0x800, 0x10000, 0x110000][below(7)]
      if let scalar = Unicode.Scalar(UInt32(below(Int(bound)))) { text.unicodeScalars.append(scalar) }
    }
    return text
  }
}
