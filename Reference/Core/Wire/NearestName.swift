// "Did you mean …?": the known name that is nearest to a misspelt one.
//
// Bounded: names longer than 64 bytes are not compared, so that a sender cannot buy quadratic work.

/// The first known name that differs in the case of ASCII letters alone, or else within two edits (insert, delete,
/// replace or swap neighbours) of a name; nil when there is none, or when the edits would replace half of the name.
/// Compared byte by byte.
public func nearestName(to name: String, among known: [String]) -> String? {
  let written = Array(name.utf8)
  guard !written.isEmpty, written.count <= 64 else { return nil }
  if let same = known.first(where: { $0.utf8.elementsEqual(written) { lowercase($0) == lowercase($1) } }) { return same }
  var best: (name: String, distance: Int)?
  for candidate in known {
    let bytes = Array(candidate.utf8)
    guard bytes.count <= 64, abs(bytes.count - written.count) <= 2 else { continue }
    let distance = editDistance(written, bytes)
    guard distance <= 2, distance * 2 < max(bytes.count, written.count) else { continue }
    if let found = best, found.distance <= distance { continue }
    best = (candidate, distance)
  }
  return best?.name
}

private func lowercase(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }

/// Damerau's distance in its restricted form (no byte is edited twice).
private func editDistance(_ one: [UInt8], _ other: [UInt8]) -> Int {
  var rowBeforeLast: [Int] = []
  var lastRow = Array(0...other.count)
  for (line, byte) in one.enumerated() {
    var row = [line + 1]
    for (column, otherByte) in other.enumerated() {
      var cost = min(row[column] + 1, lastRow[column + 1] + 1, lastRow[column] + (byte == otherByte ? 0 : 1))
      if line > 0, column > 0, byte == other[column - 1], one[line - 1] == otherByte {
        cost = min(cost, rowBeforeLast[column - 1] + 1)
      }
      row.append(cost)
    }
    rowBeforeLast = lastRow
    lastRow = row
  }
  return lastRow[other.count]
}
