// Replicated logs get somewhere: there is a leader where there can be one, whoever leads is not deposed for nothing,
// who leads nobody says so, and once nothing is broken any more everything is served.
//
// Raft promises none of this by a time, since elections may collide for ever (Fischer, Lynch and Paterson); the bounds
// are many times what chance makes likely. All are counted in election timeouts (T), of which a round of an election
// takes 1 to 2. They are stated at each rule. What a fault touches is read from the flight's faults (`FaultReach`); a
// majority is *sound* where no fault touches its servers or the links between them (wrong clocks count as sound: drifts
// of a half at most stretch a round to 4 T). Limits: faults that touch every link leave nothing to examine but what
// follows them. Where an operator changes memberships, a majority of all servers is none of the group's, so the rules
// before the last fault's end are left out. Requirement: MONITORING-10.

import Checking
import Durable
import Load
import Raft
import Vocabulary
import World

/// Checks that replicated logs get somewhere.
public struct RaftLiveness: Checker {
  private let servers: [NodeID]
  private let groups: Int
  private let electionTimeout: TimeSpan
  private let loadsEnd: Instant
  private let operatorEnd: Instant?

  /// A checker of `servers` that keep `groups`, under loads that end at `loadsEnd`, and an operator that changes
  /// memberships until `operatorEnd`, where there is one.
  public init(servers: [NodeID], groups: Int, electionTimeout: TimeSpan, loadsEnd: Instant, operatorEnd: Instant?) {
    self.servers = servers
    self.groups = groups
    self.electionTimeout = electionTimeout
    self.loadsEnd = loadsEnd
    self.operatorEnd = operatorEnd
  }

  public var name: String { "replicated logs get somewhere" }
  public var requirements: [String] { ["MONITORING-10"] }

  /// After the last fault: an election that collides as often as not is through within 20 T but for one flight in a
  /// million, and a second more lets processes recover and connections that broke be made anew.
  private var recovery: TimeSpan { electionTimeout * 20 + .seconds(1) }
  /// Without a leader: 40 T are 20 rounds and more, each of which fails by a collision with odds below 2 in 5.
  private var longestWithoutLeader: TimeSpan { electionTimeout * 40 + .seconds(1) }
  /// A leader looks once in T whether it heard a majority in the last T: after 2 T it has stepped down and answered.
  /// Thrice that.
  private var longestWithoutAnswer: TimeSpan { electionTimeout * 6 + .milliseconds(200) }
  /// For so long a leader has been heard by a sound majority before nobody may stand: no answer is under way for so
  /// long.
  private var heardFor: TimeSpan { electionTimeout * 20 }

  public func judge(_ record: FlightRecord) -> Judgement {
    var judge = LivenessJudge(record, servers: Set(servers))
    let healed = max(judge.edges.last ?? Instant(nanoseconds: 0), operatorEnd ?? Instant(nanoseconds: 0))
    if operatorEnd == nil {
      judge.leaders(groups: groups, servers: servers, longest: longestWithoutLeader)
      judge.depositions(heardFor: heardFor, recent: electionTimeout * 3, servers: servers)
    }
    judge.answers(longest: longestWithoutAnswer)
    judge.afterwards(from: healed + recovery, until: loadsEnd)
    return judgement(judge.violations, examined: judge.examinedWords, count: judge.examinedCount)
  }
}

/// One flight's judgement.
private struct LivenessJudge {
  /// A fault with its time.
  private struct Trouble {
    var from: Instant
    var until: Instant
    var reach: FaultReach

    /// Whether the process of `node` is not there.
    func stops(_ node: NodeID) -> Bool {
      if case .stops(let nodes) = reach { nodes.contains(node) } else { false }
    }
  }

  /// Someone leads, from when until when.
  private struct Leadership {
    var leader: NodeID
    var from: Instant
    var until: Instant
  }

  /// How long a slow disk may be heard of afterwards: one sync of 5 ms, hundreds of times as slow.
  static let aftermath = TimeSpan.seconds(3)

  private let record: FlightRecord
  private let servers: Set<NodeID>
  private var troubles: [Trouble] = []
  /// When faults began and ended, in order.
  private(set) var edges: [Instant] = []
  private(set) var violations: [Violation] = []
  private var stretches = 0
  private var stands = 0
  private var asked = 0
  private var late = 0

  init(_ record: FlightRecord, servers: Set<NodeID>) {
    self.record = record
    self.servers = servers
    for fault in record.faults where fault.happened && fault.reach != .nothing {
      // A sync that a slow disk has begun goes on as slowly when the disk is quick again.
      var until = fault.endedAt
      if case .hampers = fault.reach { until = until + Self.aftermath }
      troubles.append(Trouble(from: fault.beganAt, until: until, reach: fault.reach))
      edges += [fault.beganAt, until]
    }
    // A server whose journal was found damaged leads nobody and votes for few until the others have given it what is
    // missing: no majority counts it before all faults are over, and all others there.
    let healed = record.faults.map(\.endedAt).max() ?? Instant(nanoseconds: 0)
    for fact in record.observations where fact.observation.fact == .journalDamaged && servers.contains(fact.node) && fact.at < healed {
      troubles.append(Trouble(from: fact.at, until: healed, reach: .hampers([fact.node])))
      edges += [fact.at, healed]
    }
    edges.sort()
  }

  var examinedWords: String {
    "\(stretches) stretches with a sound majority, \(stands) candidacies, \(asked) exchanges, \(late) operations after the last fault"
  }

  var examinedCount: Int { asked + late }

  // MARK: sound majorities

  /// The largest set of servers that no fault touches from `from` to `until`, nor the links between them; with `member`
  /// in it, where one is given. Empty where that is no majority.
  private func soundMajority(_ from: Instant, _ until: Instant, with member: NodeID? = nil) -> [NodeID] {
    var broken: Set<NodeID> = []
    var apart: Set<FaultReach.Link> = []
    for trouble in troubles where trouble.from < until && trouble.until > from {
      switch trouble.reach {
      // Replicas know each other by number, and their clients call them so.
      case .nothing, .clocks, .names: break
      case .stops(let nodes), .hampers(let nodes): broken.formUnion(nodes)
      case .cuts(let links), .blurs(let links): apart.formUnion(links)
      }
    }
    let sound = servers.subtracting(broken).sorted()
    var best: [NodeID] = []
    // At most seven servers: 128 sets.
    for mask in 0..<(1 << sound.count) {
      let set = sound.enumerated().filter { mask >> $0.offset & 1 == 1 }.map(\.element)
      guard set.count > best.count, set.count > servers.count / 2, member.map({ set.contains($0) }) ?? true else { continue }
      let isWhole = set.allSatisfy { one in set.allSatisfy { other in one == other || !apart.contains(.init(from: one, to: other)) } }
      if isWhole { best = set }
    }
    return best
  }

  // MARK: a leader where there can be one

  mutating func leaders(groups: Int, servers: [NodeID], longest: TimeSpan) {
    let end = record.observations.last?.at ?? Instant(nanoseconds: 0)
    // Every stretch between two edges has one set of faults; a majority that stays sound over several is found from
    // each beginning.
    let begins = ([Instant(nanoseconds: 0)] + edges).filter { $0 + longest <= end }
    guard !begins.isEmpty else { return }
    let leaderships = leaderships()
    for group in 0..<groups {
      let leaderships = leaderships[UInt16(group)] ?? []
      for begin in begins where !soundMajority(begin, begin + longest).isEmpty {
        stretches += 1
        if !leaderships.contains(where: { $0.from <= begin + longest && $0.until >= begin }) {
          violations.append(
            Violation(at: begin, "group \(group) has no leader for \(longest.milliseconds) ms, though a majority is whole"))
        }
      }
      // Between two leaderships as well: a leader may be lost with nothing broken.
      for (leadership, next) in zip(leaderships, leaderships.dropFirst()) where next.from - leadership.until > longest {
        guard !soundMajority(leadership.until, leadership.until + longest).isEmpty else { continue }
        violations.append(
          Violation(
            at: leadership.until,
            "group \(group) has no leader for \((next.from - leadership.until).milliseconds) ms, though a majority is whole"))
      }
    }
  }

  /// Who led which group when: from an election to the leader's stepping down, to its process's end, or to the next
  /// election.
  private func leaderships() -> [UInt16: [Leadership]] {
    let end = record.observations.last?.at ?? Instant(nanoseconds: 0)
    var leaderships: [UInt16: [Leadership]] = [:]
    for fact in record.observations {
      guard let statement = RaftFact(fact.observation) else { continue }
      let group = statement.group
      switch statement {
      case .led:
        if let last = leaderships[group]?.indices.last, let known = leaderships[group]?[last] {
          leaderships[group]?[last].until = min(known.until, fact.at)
        }
        let stop = troubles.filter { $0.stops(fact.node) && $0.until >= fact.at }.map { max($0.from, fact.at) }.min()
        leaderships[group, default: []].append(Leadership(leader: fact.node, from: fact.at, until: stop ?? end))
      case .ceased, .recovered:
        if let last = leaderships[group]?.indices.last, let known = leaderships[group]?[last], known.leader == fact.node {
          leaderships[group]?[last].until = min(known.until, fact.at)
        }
      case .stood, .appended, .committed, .installed:
        break
      }
    }
    return leaderships
  }

  // MARK: nobody is deposed for nothing

  /// Nobody stands for election while a majority hears a leader (dissertation, section 9.6): not one that was cut off,
  /// nor one that returns.
  mutating func depositions(heardFor: TimeSpan, recent: TimeSpan, servers: [NodeID]) {
    var led: [UInt16: (leader: NodeID, term: UInt64, at: Instant)] = [:]
    var committed: [UInt16: Instant] = [:]
    for fact in record.observations {
      guard let statement = RaftFact(fact.observation) else { continue }
      let group = statement.group
      switch statement {
      case .led(_, let term, _): led[group] = (fact.node, term, fact.at)
      case .ceased: if led[group]?.leader == fact.node { led[group] = nil }
      case .recovered: if led[group]?.leader == fact.node { led[group] = nil }
      case .committed(_, _, let term):
        if let known = led[group], known.leader == fact.node, known.term == term { committed[group] = fact.at }
      case .stood(_, let term, _, let isTransfer):
        stands += 1
        guard !isTransfer, let known = led[group], known.leader != fact.node,
          fact.at - known.at >= heardFor, let proof = committed[group], fact.at - proof <= recent
        else { continue }
        guard !soundMajority(fact.at + (.zero - heardFor), fact.at, with: known.leader).isEmpty else { continue }
        violations.append(
          Violation(
            at: fact.at,
            "\(record.name(of: fact.node)) stands for term \(term) of group \(group), though a majority hears \(record.name(of: known.leader))"
          ))
      case .appended, .installed:
        break
      }
    }
  }

  // MARK: who leads nobody says so

  /// A server that is whole and that its caller reaches, but that is cut off from every majority, answers within a
  /// bound where nothing changes meanwhile: it says that it cannot. (One that has a majority may have more to do than
  /// it can do at once.)
  mutating func answers(longest: TimeSpan) {
    for exchange in record.exchanges {
      let server = NodeID(exchange.endpoint.index)
      guard servers.contains(server) else { continue }
      asked += 1
      guard exchange.endedAt - exchange.startedAt > longest else { continue }
      let (from, until) = (exchange.startedAt, exchange.startedAt + longest)
      guard !edges.contains(where: { $0 >= from && $0 <= until }) else { continue }
      var lost: Set<NodeID> = []
      var isBlurred = false
      for trouble in troubles where trouble.from <= until && trouble.until >= from {
        switch trouble.reach {
        case .nothing, .names: break
        case .hampers, .blurs: isBlurred = true
        case .clocks(let nodes): if nodes.contains(server) { isBlurred = true }
        case .stops(let nodes): if nodes.contains(server) { isBlurred = true } else { lost.formUnion(nodes) }
        case .cuts(let links):
          for link in links {
            if link.from == exchange.caller || link.to == exchange.caller { isBlurred = true }
            if link.from == server { lost.insert(link.to) }
            if link.to == server { lost.insert(link.from) }
          }
        }
      }
      guard !isBlurred, lost.intersection(servers).count >= servers.count - servers.count / 2 else { continue }
      violations.append(
        Violation(
          at: from,
          "\(record.name(of: server)), cut off from the others, left \(exchange.request.head.target) unanswered for more than \(longest.milliseconds) ms"
        ))
    }
  }

  // MARK: after the last fault

  mutating func afterwards(from: Instant, until: Instant) {
    for fact in record.observations where fact.at >= from {
      if fact.observation.fact == .timed {
        let (outcome, nanoseconds) = LoadOutcome.parts(of: fact.observation.value)
        guard fact.at + TimeSpan(nanoseconds: -nanoseconds) >= from else { continue }
        late += 1
        if outcome != .served { violations.append(Violation(at: fact.at, "an operation after the last fault was not served")) }
      } else if case .stood(let group, _, _, isTransfer: false)? = RaftFact(fact.observation) {
        violations.append(
          Violation(at: fact.at, "\(record.name(of: fact.node)) stands for election in group \(group) long after the last fault"))
      }
    }
  }
}
