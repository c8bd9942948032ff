// Swarm: many faults drawn at random, of a random subset of all kinds, so that some runs are all partitions, some all
// crashes, and some a bit of everything (swarm testing: Groce et al., 2012; FoundationDB's "buggify" draws its knobs
// the same way).
//
// Limits: a plan is drawn before the run, so a fault cannot aim at who leads at that time. Every fault ends within the
// window.

import Kernel
import Vocabulary

/// Draws faults of all kinds on a group of nodes.
public enum Swarm {
  /// The kinds that a swarm draws from.
  public enum Kind: CaseIterable, Sendable, Hashable {
    case crash, crashInSync, kill, pause, isolation, oneWayCut, split, loss, duplication, reordering, slowLink, slowDisk, failingSync,
      clockDrift, clockJump
  }

  /// `count` faults that begin and end within `window` of the run, on `nodes`, whose outside world is `others`.
  public static func faults(
    _ count: Int, on nodes: [NodeID], others: [NodeID] = [], within window: ClosedRange<TimeSpan>, _ random: inout RandomStream
  ) -> [PlannedFault] {
    guard !nodes.isEmpty else { return [] }
    // Each kind is on with even odds; none at all would be no swarm.
    var kinds = Kind.allCases.filter { _ in random.chance(0.5) }
    if kinds.isEmpty { kinds = [Kind.allCases[Int(random.below(UInt64(Kind.allCases.count)))]] }
    // Each fault has a stream of its own, so that one more draw in one shifts no other.
    return (0..<count).map { _ in
      var random = RandomStream(seed: random.next())
      let at = random.span(in: window)
      let longest = max(.milliseconds(1), window.upperBound - at)
      let span = min(
        longest, random.chance(0.3) ? random.span(in: .seconds(1)...(.seconds(5))) : random.span(in: .milliseconds(20)...(.seconds(1))))
      let kind = kinds[Int(random.below(UInt64(kinds.count)))]
      return PlannedFault(at: at, for: span, fault(kind, nodes, others, span, &random))
    }
  }

  private static func fault(
    _ kind: Kind, _ nodes: [NodeID], _ others: [NodeID], _ span: TimeSpan, _ random: inout RandomStream
  ) -> any Fault {
    let node = nodes[Int(random.below(UInt64(nodes.count)))]
    let rest = nodes.filter { $0 != node }
    switch kind {
    case .crash: return ProcessCrash(of: node)
    case .crashInSync: return ProcessCrash(of: node, .duringSync(downtime: random.span(in: .milliseconds(20)...(.seconds(1)))))
    case .kill: return ProcessKill(of: node)
    case .pause: return ProcessPause(of: node, for: span)
    case .isolation: return Partition(Links(from: [node], to: rest))
    case .oneWayCut:
      return random.chance(0.5)
        ? Partition(Links(from: [node], to: rest, bothWays: false)) : Partition(Links(from: rest, to: [node], bothWays: false))
    case .split:
      let side = nodes.filter { _ in random.chance(0.5) }
      // Clients may be on either side.
      let clients = others.filter { _ in random.chance(0.5) }
      return Partition(Links(from: side + clients, to: (nodes + others).filter { !side.contains($0) && !clients.contains($0) }))
    case .loss: return LinkImpairment(.loss, Links(from: nodes, to: nodes + others), probability: random.unit() * 0.3)
    case .duplication: return LinkImpairment(.duplication, Links(from: nodes, to: nodes), probability: random.unit() * 0.3)
    case .reordering: return LinkImpairment(.reordering, Links(from: nodes, to: nodes), probability: random.unit() * 0.5)
    case .slowLink: return SlowLink(Links(from: [node], to: rest), extraLatency: random.span(in: .milliseconds(5)...(.milliseconds(400))))
    case .slowDisk: return SlowDisk(of: node, factor: Int64(2 + random.below(100)))
    case .failingSync: return FailingSync(of: node, probability: 0.05 + random.unit() * 0.3)
    case .clockDrift: return ClockDrift(of: node, partsPerBillion: Int64(random.below(400_000_000)) - 200_000_000)
    case .clockJump: return ClockJump(of: node, by: TimeSpan.milliseconds(Int64(random.below(20_000)) - 10_000))
    }
  }
}
