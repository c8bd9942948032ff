// Names, addresses and sockets of the simulated world: what its one resolver says, and who listens where.
//
// Every box has an address, and its nodes listen there at 8080, 8081, …, by their numbers; the first of a box also at 80
// and 443. Boxes inside have private addresses (10.0.0.0/8), those of outside worlds public ones (11.0.0.0/8, which is
// as good as any here). Each node is also called by its own name turned round: `shop/cart` is `cart.shop.internal`, an
// outside `shop/payments` is `payments.shop.example`. Addresses hang on names, not on places in a list. A site can add
// names, listeners and local sockets.
//
// Fault model: a name leads elsewhere from the second time on that a node asks for it, is not known, or answers come
// late (Faults/NameRebinding, HiddenName, SlowNames). Limits: addresses do not change while a world is flown; https is
// carried as http is, at another port; a round trip of a handshake is not modelled.

import Kernel
import Vocabulary

/// What names mean and who listens, in one world.
public struct NameTable {
  /// An address and a port.
  struct Listener: Hashable {
    var address: IPAddress
    var port: Int
  }

  /// A name that leads elsewhere, by one fault.
  struct Rebinding {
    var fault: Int
    var address: IPAddress
    /// Who has asked for it since the fault began.
    var asked: Set<NodeID> = []
  }

  /// How long an answer takes.
  public var latency = Distribution.longTail(
    minimum: .microseconds(100), median: .microseconds(400), p99: .milliseconds(20), maximum: .milliseconds(500))
  /// By how much answers are late, by the faults in force.
  var latenesses = UnderWay<TimeSpan>()

  private var addresses: [ExactName: [IPAddress]] = [:]
  private var listeners: [Listener: NodeID] = [:]
  private var sockets: [ExactName: NodeID] = [:]
  private var addressOfBox: [Int: IPAddress] = [:]
  private var boxAddresses: Set<IPAddress> = []
  private var names: [ExactName] = []
  private var hidden: [ExactName: UnderWay<Void>] = [:]
  private var rebindings: [ExactName: [Rebinding]] = [:]
  /// Faults that have led somebody elsewhere.
  private var misled: Set<Int> = []

  /// The names and addresses that boxes and nodes have of themselves.
  init(_ boxes: [SimulatedBox], _ nodes: [SimulatedNode]) {
    names = nodes.map { Self.name(of: $0.plan) }
    for box in boxes {
      guard let first = box.nodes.first else { continue }
      let network: UInt8 = first.plan.isOutside ? 11 : 10
      var bits = UInt32(truncatingIfNeeded: first.digest) & 0xFF_FFFF
      func address() -> IPAddress { .version4(UInt32(network) << 24 | bits) }
      // Two boxes of one address would be rare, and wrong.
      while boxAddresses.contains(address()) || bits & 0xFF == 0 || bits & 0xFF == 0xFF { bits = (bits &+ 1) & 0xFF_FFFF }
      boxAddresses.insert(address())
      addressOfBox[box.number] = address()
      for (place, node) in box.nodes.enumerated() {
        addresses[names[Int(node.id.index)], default: []] = [address()]
        listeners[Listener(address: address(), port: 8_080 + place)] = node.id
        guard place == 0 else { continue }
        for port in [80, 443] { listeners[Listener(address: address(), port: port)] = node.id }
      }
    }
  }

  private static func name(of plan: NodePlan) -> ExactName {
    let parts = plan.name.split(separator: "/").reversed().map { part in
      String(
        decoding: part.utf8.map { byte -> UInt8 in
          switch byte {
          case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): byte
          default: UInt8(ascii: "-")
          }
        }, as: UTF8.self)
    }
    return ExactName("\(parts.joined(separator: ".")).\(plan.isOutside ? "example" : "internal")")
  }

  // MARK: what a site says

  /// What a node is called of itself.
  public func name(of node: NodeID) -> String { names[Int(node.index)].text }
  /// Where the node's box is.
  public func address(of node: NodeID, in host: SimulatedHost) -> IPAddress {
    guard let address = addressOfBox[host.state(node).box.number] else { breakInvariant("the box of \(node) has no address") }
    return address
  }

  /// Has `name` mean these addresses, in this order.
  public mutating func set(_ name: String, to addresses: [IPAddress]) { self.addresses[ExactName(Destination.bareHost(name))] = addresses }
  /// Has `name` mean `address` from the second time on that a node asks for it, for good.
  public mutating func rebind(_ name: String, to address: IPAddress) {
    rebindings[ExactName(Destination.bareHost(name)), default: []].append(Rebinding(fault: -1, address: address))
  }
  /// Has `node` listen at an address and a port.
  public mutating func listen(_ node: NodeID, at address: IPAddress, port: Int) {
    listeners[Listener(address: address, port: port)] = node
    boxAddresses.insert(address)
  }
  /// Has `node` listen at a socket of its box.
  public mutating func listen(_ node: NodeID, atSocket path: String) { sockets[ExactName(path)] = node }

  // MARK: what the host asks

  func listener(at address: IPAddress, port: Int) -> NodeID? { listeners[Listener(address: address.unmapped, port: port)] }
  func listener(atSocket path: ExactName) -> NodeID? { sockets[path] }
  /// Whether there is any box at the address.
  func isThere(_ address: IPAddress) -> Bool { boxAddresses.contains(address.unmapped) }

  /// By how much the next answer is late.
  mutating func lateness() -> TimeSpan {
    if latenesses.isOneIdle { latenesses.act() }
    return latenesses.damages.reduce(.zero, +)
  }

  /// What the resolver answers to `node`; nil where it knows no such name.
  mutating func lookUp(_ host: String, by node: NodeID) -> [IPAddress]? {
    let name = ExactName(Destination.bareHost(host))
    guard let known = addresses[name] else { return nil }
    if let hiding = hidden[name], !hiding.isEmpty {
      hidden[name]?.act()
      return nil
    }
    // The last fault that began decides; each counts who has asked since it began.
    guard var rebound = rebindings[name], let last = rebound.indices.last else { return known }
    var answer = known
    if rebound[last].asked.contains(node) {
      answer = [rebound[last].address]
      misled.insert(rebound[last].fault)
    }
    for index in rebound.indices { rebound[index].asked.insert(node) }
    rebindings[name] = rebound
    return answer
  }

  // MARK: faults

  mutating func hide(_ node: NodeID, fault: Int) { hidden[names[Int(node.index)], default: UnderWay()].begin(fault, ()) }
  mutating func endHiding(_ node: NodeID, fault: Int) { hidden[names[Int(node.index)]]?.end(fault) }
  func hasHidden(_ node: NodeID, fault: Int) -> Bool { hidden[names[Int(node.index)]]?.hasActed(fault) ?? false }
  func hasMisled(fault: Int) -> Bool { misled.contains(fault) }

  mutating func rebind(_ node: NodeID, to address: IPAddress, fault: Int) {
    rebindings[names[Int(node.index)], default: []].append(Rebinding(fault: fault, address: address))
  }

  mutating func endRebinding(_ node: NodeID, fault: Int) {
    let name = names[Int(node.index)]
    rebindings[name]?.removeAll { $0.fault == fault }
    if rebindings[name]?.isEmpty == true { rebindings[name] = nil }
  }
}

extension Destination {
  /// A host as names are compared: in small letters, without the dot of the root.
  fileprivate static func bareHost(_ host: String) -> String {
    var bytes = host.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    if bytes.count > 1, bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
