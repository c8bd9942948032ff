// The simulated network: one directed link between each two nodes, with latency, loss, duplication, reordering,
// bandwidth and cuts.
//
// Fault model. Messages (consensus, gossip) travel as datagrams: they may be lost, repeated and reordered. Exchanges
// and streams travel over connections, as HTTP does: a lost packet is sent again after a time-out and so comes late;
// nothing is repeated; parts of one stream keep their order; after too many losses the connection breaks. What meets a
// cut is lost if it is a message; a part of an exchange waits in the sender's kernel and, when the cut heals, comes
// late or finds its connection broken, so that a request can arrive long after its caller gave up. What waits there is
// lost when the sender's machine loses power. Limits: fewer than 65,536 nodes; no shared bottleneck between links.

import Kernel
import Vocabulary

/// The condition of one directed link; also what one fault does to it.
public struct LinkCondition: Sendable {
  /// Share of packets that are lost, 0 … 1.
  public var lossProbability = 0.0
  /// Share of messages that arrive twice, 0 … 1.
  public var duplicateProbability = 0.0
  /// Share of messages that are held back behind later ones, 0 … 1.
  public var reorderProbability = 0.0
  /// This is added to its latency.
  public var extraLatency = TimeSpan.zero
  /// Bytes a second; 0 is unlimited.
  public var bytesPerSecond: Int64 = 0
  /// Chance that somebody without the key puts a frame of his own behind one that passes, 0 … 1.
  public var forgeProbability = 0.0
  /// Chance that somebody repeats a frame, or a whole session, behind one that passes.
  public var replayProbability = 0.0
  /// Chance that somebody sends a frame back to its sender.
  public var reflectProbability = 0.0
  /// How many cuts lie on the link; it carries only while there is none.
  public var cuts = 0

  /// A link in order.
  public init() {}

  /// Whether somebody meddles with what passes; all of it passes nonetheless.
  var isAttacked: Bool { forgeProbability > 0 || replayProbability > 0 || reflectProbability > 0 }

  var isPlain: Bool {
    lossProbability == 0 && duplicateProbability == 0 && reorderProbability == 0 && extraLatency == .zero && bytesPerSecond == 0
      && cuts == 0
  }

  /// What several faults make of a link: shares, latencies and cuts add up, and the least bandwidth counts.
  init(_ damages: [LinkCondition]) {
    for damage in damages {
      lossProbability += damage.lossProbability
      duplicateProbability += damage.duplicateProbability
      reorderProbability += damage.reorderProbability
      forgeProbability += damage.forgeProbability
      replayProbability += damage.replayProbability
      reflectProbability += damage.reflectProbability
      extraLatency = extraLatency + damage.extraLatency
      cuts += damage.cuts
      if damage.bytesPerSecond > 0 {
        bytesPerSecond = bytesPerSecond > 0 ? min(bytesPerSecond, damage.bytesPerSecond) : damage.bytesPerSecond
      }
    }
  }
}

/// What becomes of one packet.
enum Passage {
  /// It arrives at this virtual time; it had left its sender for good, after all that it was sent again, at `left`.
  case arrives(Int64, left: Int64)
  /// It arrives twice.
  case arrivesTwice(Int64, Int64)
  /// It is lost.
  case lost
  /// Its connection breaks; both ends hear of it at this virtual time.
  case breaks(Int64)
  /// It waits for the link to heal.
  case parked
}

/// All links of a world.
public struct Network: Sendable {
  struct Link {
    /// What faults do to it.
    var damages = UnderWay<LinkCondition>() {
      didSet {
        condition = LinkCondition(damages.damages)
        isPlain = condition.isPlain
      }
    }
    private(set) var condition = LinkCondition()
    private(set) var isPlain = true
    /// Whether it lies within one box: no network, so nothing breaks it.
    let isInner: Bool
    var busyUntil: Int64 = 0
    /// What the link's chance begins from, by the names of its ends.
    let seed: UInt64
    /// How many packets it has carried.
    var count: UInt64 = 0

    /// The chance of the next packet: the n-th on a link has the same whatever goes on elsewhere. Most packets need no
    /// more than these bits (SplitMix64's).
    mutating func next() -> UInt64 {
      count &+= 1
      var mixed = seed &+ count &* 0x9E37_79B9_7F4A_7C15
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  private var links: [Link]
  private let nodeCount: Int
  private let latency: Distribution
  private let loopback: TimeSpan

  /// Time after which a lost packet of a connection is sent again; doubles with each loss (RFC 6298 has at least 200 ms
  /// in practice).
  static let retransmission = TimeSpan.milliseconds(200)
  /// Losses in a row that break a connection.
  static let lossesThatBreak = 6

  /// Links in order between nodes, which are told by the digests of their identities (`NameDigest`); each packet's
  /// latency is drawn from `latency`.
  ///
  /// `boxes` are the numbers of the boxes in which they stand: what passes within one takes `loopback`.
  public init(nodes: [UInt64], boxes: [Int], latency: Distribution, loopback: TimeSpan, seed: UInt64) {
    nodeCount = nodes.count
    self.latency = latency
    self.loopback = loopback
    links = zip(nodes, boxes).flatMap { from, fromBox in
      zip(nodes, boxes).map { to, toBox in
        Link(isInner: fromBox == toBox, seed: RandomStream.first(seed, "link", number: from &* 0xD134_2543_DE82_EF95 ^ to))
      }
    }
  }

  /// The latency of a datacenter's network: 50 µs at the least, 100 µs in the middle, 500 µs at p99, 3 ms at most.
  public static let datacenter = Distribution.longTail(
    minimum: .microseconds(50), median: .microseconds(100), p99: .microseconds(500), maximum: .milliseconds(3))

  private func index(_ from: NodeID, _ to: NodeID) -> Int { Int(from.index) * nodeCount + Int(to.index) }

  /// The condition of the link between two nodes, in one direction.
  public func condition(from: NodeID, to: NodeID) -> LinkCondition { links[index(from, to)].condition }

  /// Whether the link lies within one box.
  public func isInner(from: NodeID, to: NodeID) -> Bool { links[index(from, to)].isInner }

  /// A fault does `damage` to the link between two nodes, in one direction; none to one within a box.
  mutating func begin(_ fault: Int, _ damage: LinkCondition, from: NodeID, to: NodeID) {
    let index = index(from, to)
    if links[index].isInner { return }
    invariant(
      damage.extraLatency >= .zero && damage.bytesPerSecond >= 0 && damage.cuts >= 0,
      "a fault makes of the link from \(from) to \(to): \(damage)")
    links[index].damages.begin(fault, damage)
  }

  /// The fault is over on the link between two nodes, in one direction.
  mutating func end(_ fault: Int, from: NodeID, to: NodeID) {
    let index = index(from, to)
    if !links[index].isInner { links[index].damages.end(fault) }
  }

  /// Whether a cut keeps something from passing from one node to another that is there to pass.
  mutating func cutsOff(from: NodeID, to: NodeID) -> Bool {
    let index = index(from, to)
    guard links[index].condition.cuts > 0 else { return false }
    act(index) { $0.cuts > 0 }
    return true
  }

  /// Whether a fault has changed anything on the link between two nodes, in one direction.
  func hasActed(_ fault: Int, from: NodeID, to: NodeID) -> Bool { links[index(from, to)].damages.hasActed(fault) }

  /// Faults of a share of this kind have done what they do to something on the link.
  mutating func act(_ share: WritableKeyPath<LinkCondition, Double>, from: NodeID, to: NodeID) {
    act(index(from, to)) { $0[keyPath: share] > 0 }
  }

  private mutating func act(_ index: Int, _ isOfThem: (LinkCondition) -> Bool) {
    if links[index].damages.isOneIdle { links[index].damages.act(isOfThem) }
  }

  /// What becomes of a datagram of `bytes` that leaves at `departure`.
  mutating func datagram(from: NodeID, to: NodeID, bytes: Int, departure: Int64) -> Passage {
    let index = index(from, to)
    let bits = links[index].next()
    if links[index].isPlain { return .arrives(departure + plainLatency(index, bits), left: departure) }
    var random = RandomStream(seed: bits)
    let condition = links[index].condition
    if cutsOff(from: from, to: to) { return .lost }
    if random.chance(condition.lossProbability) {
      act(index) { $0.lossProbability > 0 }
      return .lost
    }
    var arrival = transmit(index, bytes, departure) + slowed(drawLatency(index, &random), condition)
    if random.chance(condition.reorderProbability) {
      act(index) { $0.reorderProbability > 0 }
      arrival += slowed(drawLatency(index, &random), condition) * Int64(1 + random.below(8))
    }
    if random.chance(condition.duplicateProbability) {
      act(index) { $0.duplicateProbability > 0 }
      return .arrivesTwice(arrival, arrival + slowed(drawLatency(index, &random), condition) * Int64(1 + random.below(16)))
    }
    return .arrives(arrival, left: departure)
  }

  /// What becomes of a part of a connection of `bytes` that leaves at `departure`.
  mutating func segment(from: NodeID, to: NodeID, bytes: Int, departure: Int64) -> Passage {
    let index = index(from, to)
    let bits = links[index].next()
    if links[index].isPlain { return .arrives(departure + plainLatency(index, bits), left: departure) }
    var random = RandomStream(seed: bits)
    let condition = links[index].condition
    if cutsOff(from: from, to: to) { return .parked }
    var leaves = transmit(index, bytes, departure)
    var losses = 0
    while random.chance(condition.lossProbability) {
      losses += 1
      act(index) { $0.lossProbability > 0 }
      if losses == Self.lossesThatBreak { return .breaks(leaves) }
      leaves += Self.retransmission.nanoseconds << Int64(losses - 1)
    }
    return .arrives(leaves + slowed(drawLatency(index, &random), condition), left: leaves)
  }

  /// What becomes of a parked part when its link heals at `now`: it comes late, or its connection broke meanwhile.
  mutating func afterHeal(from: NodeID, to: NodeID, now: Int64) -> Passage {
    let index = index(from, to)
    var random = RandomStream(seed: links[index].next())
    let delay = random.integer(in: 0...Self.retransmission.nanoseconds)
    return random.chance(0.5) ? .arrives(now + delay + drawLatency(index, &random), left: now + delay) : .breaks(now + delay)
  }

  private func plainLatency(_ index: Int, _ bits: UInt64) -> Int64 {
    links[index].isInner ? loopback.nanoseconds : latency.span(at: bits).nanoseconds
  }

  private func drawLatency(_ index: Int, _ random: inout RandomStream) -> Int64 {
    links[index].isInner ? loopback.nanoseconds : latency.draw(&random).nanoseconds
  }

  private func slowed(_ nanoseconds: Int64, _ condition: LinkCondition) -> Int64 {
    nanoseconds + condition.extraLatency.nanoseconds
  }

  /// When the last byte has left the sender.
  private mutating func transmit(_ index: Int, _ bytes: Int, _ departure: Int64) -> Int64 {
    act(index) { $0.extraLatency > .zero || $0.bytesPerSecond > 0 }
    let rate = links[index].condition.bytesPerSecond
    guard rate > 0 else { return departure }
    let start = max(departure, links[index].busyUntil)
    links[index].busyUntil = start + Int64(Double(bytes) * 1e9 / Double(rate))
    invariant(links[index].busyUntil >= departure, "what leaves at \(departure) has left at \(links[index].busyUntil)")
    return links[index].busyUntil
  }
}
