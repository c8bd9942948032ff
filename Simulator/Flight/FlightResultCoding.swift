// A flight's result as bytes, for the pipe between the process that flew it and the one that reports it. Both are of one
// program: the format is no file's, has no version, and is not on a page.

import Checking
import Kernel
import Load
import Vocabulary
import Wire
import World

extension FlightResult {
  /// The bytes that `init(decoding:)` reads.
  public func encoded() -> [UInt8] {
    var out = ByteWriter(capacity: 4_096 + requests.count * 20)
    out.prefixedString(scenario)
    out.fixed(seed)
    out.optional(mutant)
    out.prefixedString(verdict.rawValue)
    out.byte(traceHash == nil ? 0 : 1)
    out.fixed(traceHash?.value ?? 0)
    out.list(systemHashes) { out, one in
      out.prefixedString(one.system)
      out.fixed(one.hash.value)
    }
    out.list(systemNodes) { out, one in
      out.prefixedString(one.system)
      out.fixed(UInt16(clamping: one.nodes.lowerBound))
      out.fixed(UInt16(clamping: one.nodes.upperBound))
    }
    out.list(judgements) { out, one in
      out.prefixedString(one.checker)
      out.list(one.requirements) { $0.prefixedString($1) }
      out.list(one.violations) { out, violation in
        out.byte(violation.at == nil ? 0 : 1)
        out.zigzag(violation.at?.nanoseconds ?? 0)
        out.prefixedString(violation.summary)
      }
      out.prefixedString(one.examined)
      out.zigzag(Int64(one.examinedCount))
    }
    out.list(faults) { out, one in
      out.prefixedString(one.label)
      out.zigzag(one.beganAt.nanoseconds)
      out.zigzag(one.endedAt.nanoseconds)
      out.byte(one.happened ? 1 : 0)
      out.reach(one.reach)
      out.list(one.spoils) { $0.fixed($1.index) }
      out.byte(one.cutFrom == nil ? 0 : 1)
      out.zigzag(one.cutFrom?.nanoseconds ?? 0)
    }
    out.list(requests) { out, one in
      out.fixed(one.node.index)
      out.zigzag(one.intendedAt.nanoseconds)
      out.zigzag(one.latency.nanoseconds)
      out.byte(UInt8(truncatingIfNeeded: one.outcome.rawValue))
    }
    out.zigzag(simulated.nanoseconds)
    out.zigzag(Int64(turns))
    out.list(requirements) { $0.prefixedString($1) }
    out.prefixedString(timing.rawValue)
    out.optional(series?.rawValue)
    out.optional(costs?.name)
    out.optional(costs?.origin)
    out.optional(ownCommand)
    return out.finish()
  }

  /// Reads what `encoded` wrote. Throws where it is something else.
  public init(decoding bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    let scenario = try reader.prefixedString()
    let seed: UInt64 = try reader.fixed()
    let mutant = try reader.optionalString()
    let verdict = try reader.value(Verdict.self)
    let isHashed = try reader.byte() != 0
    let hash = TraceHash(value: try reader.fixed())
    let traceHash = isHashed ? hash : nil
    let systemHashes = try reader.list { reader throws(ByteError) in
      (system: try reader.prefixedString(), hash: TraceHash(value: try reader.fixed()))
    }
    let systemNodes = try reader.list { reader throws(ByteError) in
      let (system, first, end) = (try reader.prefixedString(), Int(try reader.fixed() as UInt16), Int(try reader.fixed() as UInt16))
      guard first <= end else { throw ByteError(offset: 0, expected: "the numbers of nodes in order", found: "\(first), \(end)") }
      return (system: system, nodes: first..<end)
    }
    let judgements = try reader.list { reader throws(ByteError) in
      Judgement(
        checker: try reader.prefixedString(), requirements: try reader.list { reader throws(ByteError) in try reader.prefixedString() },
        violations: try reader.list { reader throws(ByteError) in
          let isTimed = try reader.byte() == 1
          let at = Instant(nanoseconds: try reader.zigzag())
          return Violation(at: isTimed ? at : nil, try reader.prefixedString())
        }, examined: try reader.prefixedString(), examinedCount: Int(try reader.zigzag()))
    }
    let faults = try reader.list { reader throws(ByteError) in
      var span = FaultSpan(
        label: try reader.prefixedString(), beganAt: Instant(nanoseconds: try reader.zigzag()),
        endedAt: Instant(nanoseconds: try reader.zigzag()), happened: try reader.byte() == 1, reach: try reader.reach())
      span.spoils = try reader.list { reader throws(ByteError) in NodeID(try reader.fixed()) }
      let isCut = try reader.byte() == 1
      let planned = TimeSpan(nanoseconds: try reader.zigzag())
      span.cutFrom = isCut ? planned : nil
      return span
    }
    let requests = try reader.list { reader throws(ByteError) in
      TimedRequest(
        node: NodeID(try reader.fixed()), intendedAt: Instant(nanoseconds: try reader.zigzag()),
        latency: TimeSpan(nanoseconds: try reader.zigzag()), outcome: LoadOutcome(rawValue: UInt64(try reader.byte())) ?? .failed)
    }
    let simulated = TimeSpan(nanoseconds: try reader.zigzag())
    let turns = Int(try reader.zigzag())
    self.init(
      scenario: scenario, seed: seed, mutant: mutant, verdict: verdict, traceHash: traceHash, judgements: judgements, faults: faults,
      requests: requests, simulated: simulated, turns: turns,
      requirements: try reader.list { reader throws(ByteError) in try reader.prefixedString() }, timing: try reader.value(Timing.self))
    self.systemHashes = systemHashes
    self.systemNodes = systemNodes
    series = try reader.optionalString().flatMap { SeriesOrigin(rawValue: $0) }
    let (name, origin) = (try reader.optionalString(), try reader.optionalString())
    if let name, let origin { costs = (name, origin) }
    ownCommand = try reader.optionalString()
    try reader.expectEnd()
  }
}

extension ByteWriter {
  fileprivate mutating func list<Element>(_ elements: [Element], _ write: (inout ByteWriter, Element) -> Void) {
    count(elements.count)
    for element in elements { write(&self, element) }
  }

  fileprivate mutating func optional(_ text: String?) {
    byte(text == nil ? 0 : 1)
    if let text { prefixedString(text) }
  }

  fileprivate mutating func reach(_ reach: FaultReach) {
    func nodes(_ kind: UInt8, _ nodes: [NodeID]) {
      byte(kind)
      list(nodes) { $0.fixed($1.index) }
    }
    func links(_ kind: UInt8, _ links: [FaultReach.Link]) {
      byte(kind)
      list(links) {
        $0.fixed($1.from.index)
        $0.fixed($1.to.index)
      }
    }
    switch reach {
    case .nothing: byte(0)
    case .stops(let stricken): nodes(1, stricken)
    case .hampers(let stricken): nodes(2, stricken)
    case .clocks(let stricken): nodes(3, stricken)
    case .cuts(let cut): links(4, cut)
    case .blurs(let blurred): links(5, blurred)
    case .names(let stricken): nodes(6, stricken)
    }
  }
}

extension ByteReader {
  fileprivate mutating func list<Element>(
    _ read: (inout ByteReader) throws(ByteError) -> Element
  ) throws(ByteError) -> [Element] {
    let count = try count()
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for _ in 0..<count { elements.append(try read(&self)) }
    return elements
  }

  fileprivate mutating func optionalString() throws(ByteError) -> String? { try byte() == 1 ? try prefixedString() : nil }

  fileprivate mutating func value<Value: RawRepresentable<String>>(_ type: Value.Type) throws(ByteError) -> Value {
    let text = try prefixedString()
    guard let value = Value(rawValue: text) else { throw ByteError(offset: 0, expected: "a \(type)", found: text) }
    return value
  }

  fileprivate mutating func reach() throws(ByteError) -> FaultReach {
    func nodes(_ reader: inout ByteReader) throws(ByteError) -> [NodeID] {
      try reader.list { reader throws(ByteError) in NodeID(try reader.fixed()) }
    }
    func links(_ reader: inout ByteReader) throws(ByteError) -> [FaultReach.Link] {
      try reader.list { reader throws(ByteError) in FaultReach.Link(from: NodeID(try reader.fixed()), to: NodeID(try reader.fixed())) }
    }
    let kind = try byte()
    switch kind {
    case 0: return .nothing
    case 1: return .stops(try nodes(&self))
    case 2: return .hampers(try nodes(&self))
    case 3: return .clocks(try nodes(&self))
    case 4: return .cuts(try links(&self))
    case 5: return .blurs(try links(&self))
    case 6: return .names(try nodes(&self))
    default: throw ByteError(offset: 0, expected: "a fault's reach", found: "\(kind)")
    }
  }
}
