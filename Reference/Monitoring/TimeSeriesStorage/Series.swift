// Series: what a point belongs to. A series is a measurement with its tags; each of its fields is a column of points.
//
// A series' key is its one spelling as bytes: measurement, number of tags, then name and value of each tag by the order
// of `PointMessage` (without those that have no value), every text preceded by its length. Keys are compared by bytes,
// never as Swift strings, which would take texts of different composition for one. The catalogue gives each series a
// small number for this life of the node; numbers never leave it. Limits: the catalogue grows with the number of
// series; the service refuses new ones beyond its configured limit. Serves MONITORING-12, 13.

import MonitoringAPI
import Vocabulary
import Wire

/// The one spelling of a series.
struct SeriesKey: Hashable, Sendable {
  let bytes: [UInt8]

  /// The key of a measurement with tags that are sorted as in `PointMessage`.
  init(measurement: String, tags: [NamedText]) {
    var writer = ByteWriter(capacity: 16 + measurement.utf8.count + 32 * tags.count)
    writer.prefixedString(measurement)
    writer.count(tags.count)
    for tag in tags {
      writer.prefixedString(tag.name)
      writer.prefixedString(tag.text)
    }
    bytes = writer.finish()
  }

  /// A key that was read.
  init(_ bytes: [UInt8]) { self.bytes = bytes }
}

/// A series as its queries see it.
struct Series: Sendable {
  let measurement: String
  let tags: [NamedText]

  /// Reads a key. Throws where it is none.
  init(_ key: SeriesKey) throws(ByteError) {
    var reader = ByteReader(key.bytes)
    measurement = try reader.prefixedString()
    var tags: [NamedText] = []
    for _ in 0..<(try reader.count(minimumBytesEach: 2)) {
      let name = try reader.prefixedString()
      tags.append(NamedText(name, try reader.prefixedString()))
    }
    try reader.expectEnd()
    // Keys of earlier versions may hold tags without a value, or in another order.
    self.tags = PointMessage.canonical(tags)
  }

  /// Whether each filter's tag has the filter's value; a filter without a value is met by series that do not have its
  /// tag.
  func meets(_ filters: [NamedText]) -> Bool {
    filters.allSatisfy { filter in
      let tag = tags.first { sameBytes($0.name, filter.name) }
      return sameBytes(tag?.text ?? "", filter.text)
    }
  }

  /// The order of series in answers: by measurement, then tag by tag, all by bytes.
  func precedes(_ other: Series) -> Bool {
    if !sameBytes(measurement, other.measurement) { return measurement.utf8.lexicographicallyPrecedes(other.measurement.utf8) }
    for (mine, theirs) in zip(tags, other.tags) {
      if !sameBytes(mine.name, theirs.name) { return mine.name.utf8.lexicographicallyPrecedes(theirs.name.utf8) }
      if !sameBytes(mine.text, theirs.text) { return mine.text.utf8.lexicographicallyPrecedes(theirs.text.utf8) }
    }
    return tags.count < other.tags.count
  }
}

/// All series that the node knows, each with a number.
struct SeriesCatalogue: Sendable {
  private var numberOfKey: [SeriesKey: Int] = [:]
  /// By number.
  private(set) var series: [Series] = []
  /// By number.
  private(set) var keys: [SeriesKey] = []
  private var members: [ExactName: Members] = [:]

  /// The series of one measurement.
  private struct Members: Sendable {
    var numbers: [Int] = []
    /// Whether `numbers` stand in the order of answers. New series are put in their place by the next query.
    var areSorted = true
  }

  /// The number of a series that is known.
  func number(of key: SeriesKey) -> Int? { numberOfKey[key] }

  /// The number of a series, which is new or known. Throws where the key cannot be read.
  mutating func enter(_ key: SeriesKey) throws(ByteError) -> Int {
    if let number = numberOfKey[key] { return number }
    let entry = try Series(key)
    let canonical = SeriesKey(measurement: entry.measurement, tags: entry.tags)
    if let number = numberOfKey[canonical] {
      numberOfKey[key] = number
      return number
    }
    let number = series.count
    numberOfKey[canonical] = number
    numberOfKey[key] = number
    series.append(entry)
    keys.append(canonical)
    invariant(
      series.count == keys.count && numberOfKey.count >= series.count,
      "\(series.count) series, \(keys.count) keys and \(numberOfKey.count) numbers")
    members[ExactName(entry.measurement), default: Members()].numbers.append(number)
    members[ExactName(entry.measurement)]?.areSorted = false
    return number
  }

  /// The series of a measurement that meet all filters, in the order of answers.
  mutating func matching(_ measurement: String, _ filters: [NamedText]) -> [Int] {
    let measurement = ExactName(measurement)
    guard let known = members[measurement] else { return [] }
    if !known.areSorted {
      // Almost sorted mostly, which the library's sort makes use of.
      members[measurement] = Members(numbers: known.numbers.sorted { series[$0].precedes(series[$1]) })
    }
    return (members[measurement]?.numbers ?? []).filter { series[$0].meets(filters) }
  }

  /// Each measurement and how many series it has, by the bytes of its name.
  var measurements: [(name: String, seriesCount: Int)] {
    var counts: [[UInt8]: Int] = [:]
    for entry in series { counts[Array(entry.measurement.utf8), default: 0] += 1 }
    return counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }
  }
}
