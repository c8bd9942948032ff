// Where the nodes of a flight stand: numbers are given out in the order in which systems place their nodes, and each
// node has the roles by which a scenario's faults call it.

import Checking
import Vocabulary
import World

/// The nodes of a flight while they are placed.
public struct Site {
  /// What the roles of the system that is being placed begin with in scenarios: nothing where it is the only one.
  var prefix = ""
  /// The system that is being placed.
  var system = ""
  /// All nodes, by number.
  private(set) var plans: [NodePlan] = []
  /// What they are to their judges, by number.
  private(set) var judgedRoles: [[NodeRole]] = []
  /// The nodes of each role, in the order in which they were placed, under the name that a scenario calls it by.
  private(set) var roles: [String: [NodeID]] = [:]

  /// The number that the next node gets.
  public var nextNode: NodeID { NodeID(UInt16(plans.count)) }

  /// How many nodes of the same words were placed, by the words.
  private var equals: [String: Int] = [:]

  /// Places a node, which faults may call by any of `roles`, and checkers find by them. Returns its number; its endpoint
  /// has the same. People are told of it as `system/name`. Its chance is named by its name; by `words` (and which of those of the same words it is) where its name hangs on how many
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
    plans.append(plan)
    for role in roles { self.roles[prefix + role, default: []].append(node) }
    return node
  }

  /// The nodes of a role of the system that is being placed.
  public func nodes(_ role: String) -> [NodeID] { roles[prefix + role] ?? [] }
}
