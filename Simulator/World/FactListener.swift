// Whoever has to know during a flight what machines state: faults that aim at a state of the system, or wait for one.
// The world itself knows no fact.

import Vocabulary

/// Hears what machines state, as it happens. One of each type is made for a host, when it is first asked for.
public protocol FactListener: AnyObject {
  /// One that has heard nothing.
  init()
  /// A machine stated a fact.
  func hear(_ observation: Observation, from node: NodeID, _ host: SimulatedHost)
}

/// A planned fault that waits for its moment.
public struct WaitingFault: Sendable, Hashable {
  /// Its number in the plan.
  let index: Int
  /// When it waits no longer, in nanoseconds of virtual time.
  let until: Int64
}

extension SimulatedHost {
  /// This host's listener of a type; it hears from now on.
  public func listener<Listener: FactListener>(_ type: Listener.Type) -> Listener {
    for case let known as Listener in listeners { return known }
    let made = Listener()
    listeners.append(made)
    return made
  }

  /// Whether it is a waiting fault's own begin or end that is being carried out.
  public func isInHand(_ waiting: WaitingFault) -> Bool { waiting.index == faultInHand }

  /// The fault whose beginning is being carried out only begins to wait; `come` tells that its moment is there.
  public func waitForMoment() -> WaitingFault {
    faults[faultInHand].course = .waiting
    return WaitingFault(index: faultInHand, until: faults[faultInHand].planned.endsAt ?? .max)
  }

  /// The moment of a fault is there: `fault` happens in the next nanosecond and lasts for `duration`, at most until the
  /// waiting one is over. Nothing happens where that is over already.
  public func come(_ waiting: WaitingFault, _ fault: any Fault, for duration: TimeSpan) {
    let at = now + 1
    guard at < waiting.until else { return }
    faults[waiting.index].course = .came(from: at, until: at)
    // What it was waiting to do tells its own beginning and end.
    faults[waiting.index].isEndTold = true
    let end = min(waiting.until, at + duration.nanoseconds)
    plan([
      PlannedFault(
        at: .nanoseconds(at), for: .nanoseconds(end - at), fault, identity: faults[waiting.index].planned.identity.map { $0 + ", come" })
    ])
  }
}
