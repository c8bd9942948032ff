// The simulated host: one loop that takes the next occurrence in virtual time, lets a machine take its turn, and
// carries its effects out. It runs all nodes of a world; the same machines run byte for byte on the live host.
//
// Model: a turn starts when its event arrives and the loop of its box is free, and occupies it for its modelled cost;
// its effects leave when it ends, or when the sync they wait for has ended. What a process had not sent when it died is
// never delivered. Parts: SimulatedHost+Turns, +Hash, +Exchanges, +HeldUp, +CallPools, +Destinations, +Streams,
// +StreamArrivals, +PeerLinks, +Durability, +Processes, +Works. Faults are in Faults/.

import DequeModule
import Kernel
import Vocabulary

/// What can be due in the simulated world.
enum Occurrence {
  /// A datagram arrives.
  case message(from: NodeID, to: NodeID, incarnation: UInt32, departure: Int64, [UInt8])
  /// A part of an exchange or stream arrives.
  indirect case arrival(Delivery)
  /// A wake is due.
  case timer(NodeID, incarnation: UInt32, TimerID, at: Instant)
  /// The loop of a box is free again for what waits; unless another moment was put down since.
  case idle(box: Int, generation: UInt32)
  /// An event of the host's own making is due at the node.
  indirect case hostEvent(NodeID, incarnation: UInt32, Event)
  /// A sync ends, or fails.
  case syncEnd(NodeID, incarnation: UInt32, fails: Bool)
  /// A work is handed over, to run as soon as its box has a core for it.
  indirect case workBegins(QueuedWork)
  /// A work is given up.
  case workCancelled(NodeID, incarnation: UInt32, WorkID)
  /// The resolver has answered what an exchange asked of it, or had not to be asked.
  case resolved(NodeID, incarnation: UInt32, ExchangeID)
  /// The destination of an exchange is not reached.
  case connectFailed(NodeID, incarnation: UInt32, ExchangeID, TransportFailure)
  /// Something is due at one end of a stream.
  case stream(NodeID, incarnation: UInt32, ExchangeID, StreamAlarm)
  /// The next step of a work is due.
  case workStep(NodeID, incarnation: UInt32, WorkID)
  /// A link between peers that was ended is tried again.
  case peerLink(from: NodeID, to: NodeID, incarnation: UInt32, attempt: UInt64)
  /// A machine's wish to be started anew takes effect.
  case restartAsked(NodeID, incarnation: UInt32, String)
  /// A node starts again.
  case restart(NodeID)
  /// What an earlier process left unsynced is synced, and the node can start.
  case opened(NodeID, opening: UInt64)
  /// A crash that waited for its moment is due in a life.
  indirect case crash(NodeID, incarnation: UInt32, ArmedCrash, ReferenceWritableKeyPath<SimulatedNode, [ArmedCrash]>)
  /// A planned fault begins or ends.
  case fault(Int, begins: Bool)
  /// The driver of the run asked to be called.
  case alarm(Int)
}

/// A part of an exchange on its way.
struct Delivery {
  var from: NodeID
  var to: NodeID
  var incarnation: UInt32
  /// When its process handed it to the machine's kernel.
  var departure: Int64
  /// When it left the machine for good: until then its kernel keeps it, to send it (again).
  var left: Int64 = .min
  /// The earliest moment at which it may arrive: behind what was sent before it.
  var notBefore: Int64 = 0
  /// Counts what was sent, by whomever; 0 until it is on its way.
  var number: UInt64 = 0
  var envelope: Envelope
}

/// What the host tells of a run while it goes on, for traces; costs nothing where none listens.
public protocol TraceSink: AnyObject {
  /// One line of the trace: virtual time in nanoseconds, the node it happened to, what happened.
  func trace(at time: Int64, node: NodeID, _ line: @autoclosure () -> String)
}

/// A simulated world and the loop that flies it.
public final class SimulatedHost {
  /// The run's seed.
  public let seed: UInt64
  /// Virtual time in nanoseconds from the run's start.
  public private(set) var now: Int64 = 0
  /// Occurrences taken so far.
  public private(set) var occurrencesTaken = 0
  /// Turns taken so far.
  public internal(set) var turnsTaken = 0
  /// The links.
  public var network: Network
  /// Receives exchanges, facts and defects.
  public var recorder: (any Recorder)?
  /// Where the turn is noted that is being taken; nil where nobody else looks.
  public var mark: UnsafeMutablePointer<TurnMark>?
  /// Receives the trace.
  public var traceSink: (any TraceSink)?
  /// What names mean, and who listens where.
  public var names: NameTable
  /// Where destinations may lead that users named.
  public var addressPolicy = AddressPolicy()
  /// Whether each message between nodes passes as a frame of a link that is really proved, or only those on links that
  /// a fault meddles with; what machines see is the same. Set before the run.
  public var framesAllPeerLinks: Bool {
    get { peerLinks.areAllReal }
    set { peerLinks.areAllReal = newValue }
  }
  /// The bounds of streams, which all nodes keep.
  public var streamLimits = StreamLimits()
  /// Called for each alarm that was set by `alarm(_:at:)`.
  public var onAlarm: ((Int) -> Void)?

  var agenda: Agenda<Occurrence>
  let nodes: [SimulatedNode]
  /// The same, for where a message arrives: to look one up there does not count references.
  private let reach: [Unmanaged<SimulatedNode>]
  let boxes: [SimulatedBox]
  /// What stands for the identities of the nodes, by number.
  let digests: [UInt64]
  var faults: [ScheduledFault] = []
  /// Who hears what machines state, in the order in which they were asked for.
  var listeners: [any FactListener] = []
  /// The number of the fault whose begin or end is being carried out.
  var faultInHand = 0
  /// The hash of the plan's faults as they began and ended.
  var faultHash: TraceHash
  var parked: [Delivery] = []
  /// How many parts of exchanges were put on their way.
  var partsSent: UInt64 = 0
  /// Behind what the parts of exchanges arrive that a cut held up.
  var heldUp = HeldUpOrder()
  /// The links between peers that run in truth.
  var peerLinks: SimulatedPeerLinks
  /// Maps endpoints to nodes; endpoints inside the system have their node's index.
  private let endpoints: [Endpoint: NodeID]

  /// A world of `plans` (the node's index is its position), all down until `startAll`. Nodes of no box in `boxes` have
  /// each one of its own, of `BoxPlan.usualCores`.
  public init(
    seed: UInt64, plans: [NodePlan], latency: Distribution = Network.datacenter,
    wallStart: WallTime = WallTime(milliseconds: 1_700_000_000_000), wallSpeed: Int64 = 1, endpoints: [Endpoint: NodeID] = [:],
    boxes plannedBoxes: [BoxPlan] = [], loopback: TimeSpan = Costs.shipped.loopback
  ) {
    self.seed = seed
    faultHash = TraceHash(seed: seed)
    agenda = Agenda()
    digests = plans.map { NameDigest.of($0.identity) }
    self.endpoints = endpoints
    peerLinks = SimulatedPeerLinks(seed: seed)
    var shared = [SimulatedBox?](repeating: nil, count: plans.count)
    for planned in plannedBoxes {
      // Room of all of them together, as far as it can be counted.
      let diskBytes = planned.nodes.reduce(0) { min($0, 1 << 60) + min(plans[Int($1.index)].diskBytes, 1 << 60) }
      let box = SimulatedBox(cores: planned.cores, diskBytes: diskBytes, clock: NodeClock(wallStart: wallStart, wallSpeed: wallSpeed))
      for node in planned.nodes {
        invariant(shared[Int(node.index)] == nil, "\(node) stands in \(planned.name) and in another box")
        shared[Int(node.index)] = box
      }
    }
    var boxes: [SimulatedBox] = []
    var numbers: [Int] = []
    var nodes: [SimulatedNode] = []
    for (index, plan) in plans.enumerated() {
      let box =
        shared[index]
        ?? SimulatedBox(
          cores: BoxPlan.usualCores, diskBytes: plan.diskBytes, clock: NodeClock(wallStart: wallStart, wallSpeed: wallSpeed))
      if box.nodes.isEmpty {
        box.number = boxes.count
        boxes.append(box)
      }
      let node = SimulatedNode(id: NodeID(UInt16(index)), plan: plan, seed: seed, box: box)
      box.nodes.append(node)
      numbers.append(box.number)
      nodes.append(node)
    }
    self.nodes = nodes
    reach = nodes.map { Unmanaged.passUnretained($0) }
    self.boxes = boxes
    names = NameTable(boxes, nodes)
    network = Network(nodes: digests, boxes: numbers, latency: latency, loopback: loopback, seed: seed)
  }

  deinit {
    // Boxes and their nodes refer to each other.
    for box in boxes { box.nodes.removeAll() }
  }

  /// Starts every node, in order, at the present virtual time.
  public func startAll() {
    for node in nodes where !node.isUp { start(node) }
  }

  /// Takes occurrences until virtual time `limit` (nanoseconds), or until none is left. The clock then shows `limit`.
  /// Ends early, with the clock where it is, once `maximumTurns` turns were taken: servers that talk without end would
  /// else never come to the limit.
  public func run(until limit: Int64, atMost maximumTurns: Int = .max) {
    let (last, isUnbounded) = turnsTaken.addingReportingOverflow(maximumTurns)
    while let time = agenda.nextTime, time <= limit {
      if turnsTaken >= last && !isUnbounded { return }
      guard let (time, occurrence) = agenda.next() else { break }
      invariant(time >= now, "virtual time would run back from \(now) to \(time)")
      now = time
      occurrencesTaken += 1
      take(occurrence)
    }
    if limit != .max { now = max(now, limit) }
  }

  /// Asks for `onAlarm(number)` at virtual time `time`.
  public func alarm(_ number: Int, at time: Int64) { agenda.schedule(.alarm(number), at: max(time, now), tie: 0) }

  /// The name of a node, for people.
  public func name(of node: NodeID) -> String { nodes[Int(node.index)].plan.name }
  /// The node named `name`, if there is one.
  public func node(named name: String) -> NodeID? { nodes.first { $0.plan.name == name }?.id }
  /// The disk of a node, for faults and tests.
  public func disk(of node: NodeID) -> SimulatedDisk { nodes[Int(node.index)].disk }
  /// What the wall clock of a node shows, for faults and tests.
  public func wallClock(of node: NodeID) -> WallTime { nodes[Int(node.index)].clock.wallTime(at: now) }
  /// All nodes that stand in the box of `node`, itself among them.
  public func boxMates(of node: NodeID) -> [NodeID] { nodes[Int(node.index)].box.nodes.map(\.id) }
  /// How many nodes there are.
  public var nodeCount: Int { nodes.count }
  /// Whether the node's process is up.
  public func isUp(_ node: NodeID) -> Bool { nodes[Int(node.index)].isUp }

  @inline(__always) func state(_ id: NodeID) -> SimulatedNode { nodes[Int(id.index)] }

  func resolve(_ endpoint: Endpoint) -> NodeID? {
    if let node = endpoints[endpoint] { return node }
    return Int(endpoint.index) < nodes.count ? NodeID(endpoint.index) : nil
  }

  /// The hash of all that happened so far: of what happened to each node, and of the faults.
  public var traceHash: TraceHash {
    var hash = TraceHash(seed: seed)
    for node in nodes {
      hash.mix(node.digest)
      hash.mix(node.traceHash.value)
    }
    hash.mix(faultHash.value)
    return hash
  }

  /// The hash of all that happened to a node, and that it stated. To take away a fault, load or node that does not
  /// touch it leaves this as it was.
  public func traceHash(of node: NodeID) -> TraceHash { state(node).traceHash }

  // MARK: the loop's one switch over occurrences

  private func take(_ occurrence: Occurrence) {
    switch occurrence {
    case .message(let from, let to, let incarnation, let departure, let bytes):
      guard state(from).wasAlive(incarnation, at: departure) else { return }
      reach[Int(to.index)]._withUnsafeGuaranteedRef { node in
        guard node.isUp, !network.cutsOff(from: from, to: to) else { return }
        offer(node, .message(from: from, bytes))
      }
    case .arrival(let delivery):
      let sender = state(delivery.from)
      guard sender.wasAlive(delivery.incarnation, at: delivery.departure) else { return }
      if sender.lostPower(from: delivery.departure, before: delivery.left) {
        if let remains = remains(of: delivery) { arrive(remains) }
      } else {
        arrive(delivery)
      }
    case .timer(let id, let incarnation, let timer, let due):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp, node.timers.remove(timer) else { return }
      let local = node.clock.instant(at: now)
      if local < due {
        // The clock's drift changed since the wake was put down.
        node.timers.insert(timer)
        schedule(.timer(id, incarnation: incarnation, timer, at: due), at: max(now + 1, node.clock.trueTime(of: due)), node)
        return
      }
      offer(node, .timer(timer))
    case .idle(let number, let generation):
      let box = boxes[number]
      guard box.idleGeneration == generation else { return }
      box.idleAt = .max
      takeWaiting(box)
    case .hostEvent(let id, let incarnation, let event):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp else { return }
      offer(node, event)
    case .syncEnd(let id, let incarnation, let fails):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp else { return }
      endSync(node, fails: fails)
    case .workBegins(let queued): queueWork(queued)
    case .workCancelled(let id, let incarnation, let work):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp else { return }
      endCancelled(node, work)
    case .resolved(let id, let incarnation, let exchange):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp else { return }
      takeResolved(node, exchange)
    case .connectFailed(let id, let incarnation, let exchange, let failure):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp else { return }
      failResolving(node, exchange, failure)
    case .stream(let id, let incarnation, let exchange, let alarm):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp else { return }
      take(alarm, node, exchange)
    case .workStep(let id, let incarnation, let work):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp else { return }
      stepWork(node, work)
    case .peerLink(let from, let to, let incarnation, let attempt): tryAgain(from, to, incarnation, attempt)
    case .restartAsked(let id, let incarnation, let reason):
      let node = state(id)
      guard node.incarnation == incarnation, node.isUp else { return }
      startAnew(node, reason)
    case .restart(let id):
      traceEndsOfArmedFaults()
      open(state(id))
    case .opened(let id, let opening):
      let node = state(id)
      if node.opening == opening && !node.isUp && !node.staysDown { endOpening(node) }
    case .crash(let id, let incarnation, let armed, let moment): takeArmedCrash(id, incarnation, armed, moment)
    case .fault(let index, let begins): turnFault(index, begins: begins)
    case .alarm(let number): onAlarm?(number)
    }
  }

  // MARK: the host's one switch over effects

  func carryOut(_ node: SimulatedNode, _ effect: consuming Effect, _ departure: Int64) {
    switch effect {
    case .message(let to, let bytes):
      guard bytes.count <= HostLimits.peerMessageBytes else {
        return defect(node, "sent a message of \(bytes.count) bytes to a peer, which takes \(HostLimits.peerMessageBytes) at most")
      }
      if peerLinks.areReal { sendFramed(node, to, bytes, departure) } else { sendDatagram(node, to, bytes, departure) }
    case .wake(let timer, let instant):
      node.timers.insert(timer)
      schedule(
        .timer(node.id, incarnation: node.incarnation, timer, at: instant), at: max(departure, node.clock.trueTime(of: instant)), node)
    case .cancelWake(let timer): node.timers.remove(timer)
    case .locate: break  // This world knows where everything is.
    case .restart(let reason): schedule(.restartAsked(node.id, incarnation: node.incarnation, reason), at: departure, node)
    case .observe(let observation):
      for listener in listeners { listener.hear(observation, from: node.id, self) }
      recorder?.record(
        ObservationRecord(
          node: node.id, incarnation: node.incarnation, at: Instant(nanoseconds: departure), observation: observation))
    case .notifyWhenDurable(let position):
      if node.disk.durablePosition >= position {
        schedule(.hostEvent(node.id, incarnation: node.incarnation, .durable(position)), at: departure, node)
      } else {
        node.held.append(HeldEffect(effect: effect, position: position))
      }
    case .compute(let id, let work): beginWork(node, id, work, departure)
    case .cancelCompute(let id): cancelWork(node, id, departure)
    case .call(let id, .endpoint(let endpoint), let request): beginCall(node, id, endpoint, request, departure)
    case .call(let id, .destination(let destination), let request): beginResolving(node, id, destination, request, nil, departure)
    case .cancelCall(let id): cancelCall(node, id, departure)
    case .reply(let id, let response): reply(node, id, response, departure)
    case .open(let id, .endpoint(let endpoint), let request, let form): openStream(node, id, endpoint, request, form, departure)
    case .open(let id, .destination(let destination), let request, let form):
      beginResolving(node, id, destination, request, form, departure)
    case .accept(let id, let head): acceptStream(node, id, head, departure)
    case .send(let ids, let bytes, let isText):
      for id in ids { send(node, id, bytes, isText: isText, departure) }
    case .grant(let id, let bytes): grant(node, id, bytes, departure)
    case .finish(let id, let closure): finishStream(node, id, closure, departure)
    case .abort(let id, let closure): abortStream(node, id, closure, departure)
    }
  }

  /// A node did what it must never do.
  func defect(_ node: SimulatedNode, _ what: String) {
    node.traceHash.mix(what)
    recorder?.record(DefectRecord(node: node.id, at: Instant(nanoseconds: now), what: what))
  }

  /// Puts down what a node, or the host for it, does at `time`.
  @inline(__always) func schedule(_ occurrence: consuming Occurrence, at time: Int64, _ node: SimulatedNode) {
    // Without figures: this is compiled into every place that puts something down.
    invariant(time >= now, "something is put down for the past")
    agenda.schedule(occurrence, at: time, tie: node.ties.draw())
  }
}

extension RandomStream {
  /// The first number of the stream of a name and a number.
  static func first(_ seed: UInt64, _ name: StaticString, number: UInt64) -> UInt64 {
    var stream = RandomStream(seed: seed, name: name, number: number)
    return stream.next()
  }
}
