// Reading a request out of a JSON tree, with errors that name the place: `metrics[3].value: expected a finite number,
// found a string`.
//
// A `JSONField` is a value and the way to it. The way is kept as two inline steps behind a chain of earlier ones, so
// that the common shapes (`metrics[3].value`) allocate once per array and not per member; text is made of it only on
// error. Limits on counts and lengths are arguments, since every API has its own. Serves MONITORING-1, -6, -12, -13,
// -19, -23.

import Vocabulary

/// One step of the way to a field.
@usableFromInline
enum JSONStep: Sendable {
  case member(String)
  case element(Int)
}

/// Steps that lie further back than the two which a field holds itself.
@usableFromInline
final class JSONPathNode: Sendable {
  let before: JSONPathNode?
  let step: JSONStep

  init(_ before: JSONPathNode?, _ step: JSONStep) {
    self.before = before
    self.step = step
  }
}

/// A name with a text, of an object whose values are all strings.
public struct NamedText: Sendable, Equatable {
  /// The name.
  public var name: String
  /// The text.
  public var text: String

  /// A pair.
  @inlinable
  public init(_ name: String, _ text: String) {
    self.name = name
    self.text = text
  }

  /// The same bytes in both.
  public static func == (left: NamedText, right: NamedText) -> Bool { sameBytes(left.name, right.name) && sameBytes(left.text, right.text) }
}

/// A JSON value together with the way to it.
public struct JSONField: Sendable {
  /// The value.
  public let value: JSON
  private let chain: JSONPathNode?
  private let stepBeforeLast: JSONStep?
  private let lastStep: JSONStep?

  /// The whole document.
  public init(_ document: JSON) {
    value = document
    chain = nil
    stepBeforeLast = nil
    lastStep = nil
  }

  private init(value: JSON, chain: JSONPathNode?, stepBeforeLast: JSONStep?, lastStep: JSONStep) {
    self.value = value
    self.chain = chain
    self.stepBeforeLast = stepBeforeLast
    self.lastStep = lastStep
  }

  // MARK: Objects

  /// The member with this name. Throws when this is no object, or has no such member.
  public func member(_ name: String) throws(FieldMistake) -> JSONField {
    if let field = try optionalMember(name) { return field }
    throw missing(name)
  }

  /// The member with this name, which may be `null`. Throws when this is no object, or has no such member.
  public func nullableMember(_ name: String) throws(FieldMistake) -> JSONField {
    for member in try members() where sameBytes(member.name, name) { return child(member.value, .member(name)) }
    throw missing(name)
  }

  /// The error at the place where the member should be.
  private func missing(_ name: String) -> FieldMistake { child(.null, .member(name)).mismatch("a value", found: "none") }

  /// The member with this name, nil when it is missing or `null`. Throws when this is no object.
  public func optionalMember(_ name: String) throws(FieldMistake) -> JSONField? {
    for member in try members() where sameBytes(member.name, name) {
      if case .null = member.value { return nil }
      return child(member.value, .member(name))
    }
    return nil
  }

  /// Refuses any member whose name is not listed, and proposes the nearest listed one.
  public func onlyMembers(_ names: [String]) throws(FieldMistake) {
    for member in try members() where !names.contains(where: { sameBytes($0, member.name) }) {
      let known = names.isEmpty ? "no members" : "only the members " + names.map(quoted).joined(separator: ", ")
      var found = quoted(member.name)
      if let near = nearestName(to: member.name, among: names) { found += " (did you mean \(quoted(near))?)" }
      throw child(member.value, .member(member.name)).mismatch(known, found: found)
    }
  }

  /// An object whose values are all strings, as pairs in source order. Throws beyond the limits, which count members
  /// and bytes of UTF-8.
  public func stringMap(
    maximumMembers: Int, maximumNameBytes: Int = 256, maximumTextBytes: Int = 1024, minimumNameBytes: Int = 1
  ) throws(FieldMistake) -> [NamedText] {
    let members = try members()
    guard members.count <= maximumMembers else {
      throw mismatch("at most \(counted(maximumMembers, "member"))", found: "\(members.count)")
    }
    var result: [NamedText] = []
    result.reserveCapacity(members.count)
    for member in members {
      let nameBytes = member.name.utf8.count
      guard nameBytes <= maximumNameBytes, nameBytes >= minimumNameBytes else {
        throw mismatch("names of \(minimumNameBytes) to \(maximumNameBytes) bytes", found: "one of \(counted(nameBytes, "byte"))")
      }
      let field = child(member.value, .member(member.name))
      result.append(NamedText(member.name, try field.string(maximumBytes: maximumTextBytes)))
    }
    return result
  }

  /// The members in source order, each as a field. Throws when this is no object or has too many.
  public func fields(maximum: Int) throws(FieldMistake) -> [(name: String, field: JSONField)] {
    let members = try members()
    guard members.count <= maximum else { throw mismatch("at most \(counted(maximum, "member"))", found: "\(members.count)") }
    return members.map { ($0.name, child($0.value, .member($0.name))) }
  }

  private func members() throws(FieldMistake) -> [JSON.Member] {
    guard case .object(let members) = value else { throw mismatch("an object") }
    return members
  }

  // MARK: Arrays

  /// The elements of an array. Throws when this is no array or has fewer or more elements than allowed.
  public func elements(maximum: Int, minimum: Int = 0) throws(FieldMistake) -> JSONElements {
    guard case .array(let elements) = value else { throw mismatch("an array") }
    guard elements.count <= maximum else { throw mismatch("at most \(counted(maximum, "element"))", found: "\(elements.count)") }
    guard elements.count >= minimum else { throw mismatch("at least \(counted(minimum, "element"))", found: "\(elements.count)") }
    return JSONElements(elements: elements, chain: foldedChain())
  }

  // MARK: Leaves

  /// Text of a length within limits, in bytes of UTF-8.
  public func string(maximumBytes: Int, minimumBytes: Int = 0) throws(FieldMistake) -> String {
    guard case .string(let text) = value else { throw mismatch("a string") }
    let count = text.utf8.count
    guard count >= minimumBytes else {
      throw mismatch(minimumBytes == 1 ? "a string that is not empty" : "a string of at least \(minimumBytes) bytes", found: length(count))
    }
    guard count <= maximumBytes else { throw mismatch("a string of at most \(counted(maximumBytes, "byte"))", found: length(count)) }
    return text
  }

  /// A number, rounded to the nearest double. Throws for one that is too large for a double, or so small that it would
  /// become zero; with `integersExact`, for numbers that a client hands in, also for an integer that no double holds
  /// (all up to 2^53 are held): it would come back as another one. Written with a point or an exponent it is rounded
  /// all the same.
  public func finiteDouble(integersExact: Bool = false) throws(FieldMistake) -> Double {
    switch value {
    case .double(let double) where double.isFinite: return double
    case .integer(let integer):
      let double = Double(integer)
      if integersExact, integer.magnitude > 1 << 53, Int64(exactly: double) != integer { throw inexact(String(integer)) }
      return double
    case .decimal(let decimal):
      guard let double = decimal.representableDouble else {
        throw mismatch("a number within the range of a 64-bit double", found: quoted(decimal.spelling))
      }
      if integersExact, decimal.isSpelledAsInteger, !decimal.isInteger(exactly: double) { throw inexact(decimal.spelling) }
      return double
    case .double: throw mismatch("a finite number", found: "one that is not")
    case .null, .bool, .string, .array, .object: throw mismatch("a finite number")
    }
  }

  private func inexact(_ spelling: String) -> FieldMistake {
    mismatch("an integer that a 64-bit double holds exactly (written with \".0\" behind it, it is rounded)", found: quoted(spelling))
  }

  /// An integer within a range. A number with an integral value, such as `5.0` or `1e3`, is taken too when it is exact.
  public func integer(in range: ClosedRange<Int64> = Int64.min...Int64.max) throws(FieldMistake) -> Int64 {
    let integer: Int64
    switch value {
    case .integer(let exact): integer = exact
    case .double(let double):
      // Not `Int64(exactly:)`: it pulls in the mathematical library for one truncation.
      guard double >= -0x1p63, double < 0x1p63, Double(Int64(double)) == double else { throw mismatch("an integer", found: "\(double)") }
      integer = Int64(double)
    case .decimal(let decimal):
      guard decimal.isInteger else { throw mismatch("an integer", found: quoted(decimal.spelling)) }
      guard let exact = decimal.exactInteger else {
        throw mismatch("an integer from \(range.lowerBound) to \(range.upperBound)", found: quoted(decimal.spelling))
      }
      integer = exact
    case .null, .bool, .string, .array, .object: throw mismatch("an integer")
    }
    guard range.contains(integer) else {
      throw mismatch("an integer from \(range.lowerBound) to \(range.upperBound)", found: "\(integer)")
    }
    return integer
  }

  /// A boolean.
  public func bool() throws(FieldMistake) -> Bool {
    guard case .bool(let bool) = value else { throw mismatch("a boolean") }
    return bool
  }

  /// One of the named words, as the case of an enum.
  public func word<Word: RawRepresentable & CaseIterable>(_ type: Word.Type) throws(FieldMistake) -> Word where Word.RawValue == String {
    guard case .string(let text) = value else { throw mismatch("a string") }
    if let word = Word(rawValue: text) { return word }
    let names = Word.allCases.map(\.rawValue)
    var found = quoted(text)
    if let near = nearestName(to: text, among: names) { found += " (did you mean \(quoted(near))?)" }
    throw mismatch("one of " + names.map(quoted).joined(separator: ", "), found: found)
  }

  // MARK: Errors and paths

  /// The way to this field, such as `metrics[3].value`; empty for the whole document.
  public var path: String {
    var steps: [JSONStep] = []
    if let lastStep { steps.append(lastStep) }
    if let stepBeforeLast { steps.append(stepBeforeLast) }
    var node = chain
    while let current = node {
      steps.append(current.step)
      node = current.before
    }
    var text = ""
    for step in steps.reversed() {
      switch step {
      case .element(let index): text += "[\(index)]"
      case .member(let name) where isPlain(name): text += text.isEmpty ? name : ".\(name)"
      case .member(let name): text += "[\(quoted(name))]"
      }
    }
    return text
  }

  /// An error at this field: for a room's own rules, worded as the built-in ones. Without `found`, the kind of the
  /// value.
  @inline(never)
  public func mismatch(_ expected: String, found: String? = nil) -> FieldMistake {
    FieldMistake(path: path, expected: expected, found: found ?? value.kind)
  }

  private func child(_ value: JSON, _ step: JSONStep) -> JSONField {
    guard let lastStep else { return JSONField(value: value, chain: chain, stepBeforeLast: nil, lastStep: step) }
    guard stepBeforeLast != nil else { return JSONField(value: value, chain: chain, stepBeforeLast: lastStep, lastStep: step) }
    return JSONField(value: value, chain: foldedChain(), stepBeforeLast: nil, lastStep: step)
  }

  /// The chain with this field's own steps at its end.
  private func foldedChain() -> JSONPathNode? {
    var folded = chain
    if let stepBeforeLast { folded = JSONPathNode(folded, stepBeforeLast) }
    if let lastStep { folded = JSONPathNode(folded, lastStep) }
    return folded
  }

  fileprivate static func element(_ value: JSON, _ index: Int, chain: JSONPathNode?) -> JSONField {
    JSONField(value: value, chain: chain, stepBeforeLast: nil, lastStep: .element(index))
  }
}

/// The elements of a JSON array, each as a field with its path.
public struct JSONElements: RandomAccessCollection, Sendable {
  private let elements: [JSON]
  private let chain: JSONPathNode?

  fileprivate init(elements: [JSON], chain: JSONPathNode?) {
    self.elements = elements
    self.chain = chain
  }

  /// 0.
  public var startIndex: Int { 0 }
  /// How many there are.
  public var endIndex: Int { elements.count }
  /// The element at a place.
  public subscript(position: Int) -> JSONField { .element(elements[position], position, chain: chain) }
}

private func counted(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }

private func length(_ bytes: Int) -> String { bytes == 0 ? "an empty one" : "one of \(counted(bytes, "byte"))" }

private func isPlain(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.count <= 64
    && name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
}
