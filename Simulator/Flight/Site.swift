// Where the nodes of a flight stand: numbers are given out in the order in which systems place their nodes, and each
// node has the roles by which a scenario's faults call it. A node stands in a box of its own unless the scenario, or its
// system, puts several into one.

import Checking
import Scenarios
import Vocabulary
import World

/// The nodes of a flight while they are placed.
public struct Site {
  /// What the roles of the system that is being placed begin with in scenarios: nothing where it is the only one.
  var prefix = ""
  /// The system that is being placed.
  var system = ""
  /// What the turns of services cost.
  var serviceCost = CostModel.service
  /// All nodes, by number.
  private(set) var plans: [NodePlan] = []
  /// What they are to their judges, by number.
  private(set) var judgedRoles: [[NodeRole]] = []
  /// The nodes of each role, in the order in which they were placed, under the name that a scenario calls it by.
  private(set) var roles: [String: [NodeID]] = [:]

  /// The number that the next node gets.
  public var nextNode: NodeID { NodeID(UInt16(plans.count)) }

  /// The boxes in which several nodes stand.
  private(set) var boxes: [BoxPlan] = []

  /// How many nodes of the same words were placed, by the words.
  private var equals: [String: Int] = [:]

  /// Places a node, whose turns cost nothing where it is a client or an external world, and else what those of services
  /// cost in this flight. Faults may call it by any of `roles`, and checkers find it by them; people are told of it as
  /// `system/name`. Returns its number; its endpoint has the same. Its chance is named by its name; by `words` (and
  /// which of those of the same words it is) where its name hangs on how many
  /// others there are.
  @discardableResult
  public mutating func place(_ plan: NodePlan, as roles: [String], words: String? = nil) -> NodeID {
    let node = nextNode
    var plan = plan
    judgedRoles.append(roles.map(NodeRole.init))
    // Its chance is the same whether its system is alone in the flight or not.
    let own = words ?? plan.name
    equals["\(system)/\(own)", default: 0] += 1
    plan.identity = "\(system)/\(own)/\(equals["\(system)/\(own)"] ?? 1)"
    plan.name = "\(system)/\(plan.name)"
    if !plan.cost.isFree { plan.cost = serviceCost }
    plans.append(plan)
    for role in roles { self.roles[prefix + role, default: []].append(node) }
    return node
  }

  /// Puts nodes into one box; those that stand in one with others already stay there. Whether a node is alone or not,
  /// its chance is the same.
  public mutating func stand(_ nodes: [NodeID], inBox name: String, cores: Int = BoxPlan.usualCores) {
    var free: [NodeID] = []
    for node in nodes where !free.contains(node) && !boxes.contains(where: { $0.nodes.contains(node) }) { free.append(node) }
    if !free.isEmpty { boxes.append(BoxPlan(name, cores: cores, nodes: free)) }
  }

  /// Puts the nodes that a scenario says into boxes. `all` are those that serve: clients and external worlds, whose
  /// turns cost nothing, stand elsewhere.
  mutating func stand(_ wanted: [ScenarioBox]) {
    for (index, box) in wanted.enumerated() {
      let all = plans.indices.filter { !plans[$0].cost.isFree }.map { NodeID(UInt16($0)) }
      let nodes = box.nodes.map { names in names.flatMap { roles[$0] ?? [] } } ?? all
      stand(nodes, inBox: "box-\(index + 1)", cores: box.cores ?? BoxPlan.usualCores)
    }
  }

  /// The nodes of a role of the system that is being placed.
  public func nodes(_ role: String) -> [NodeID] { roles[prefix + role] ?? [] }
}
