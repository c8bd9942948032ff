// What a world costs, and where the figures come from: a name, the machine on which they were measured, and the figures.

import Kernel
import Vocabulary

/// The modelled costs of a world.
public struct Costs: Sendable {
  /// What they are called in reports.
  public var name: String
  /// The machine on which they were measured, or that they were not.
  public var origin: String
  /// What a service's turns, bytes and syncs cost.
  public var service: CostModel
  /// How long anything takes from one node of a box to another.
  public var loopback: TimeSpan

  /// Costs.
  public init(name: String, origin: String, service: CostModel, loopback: TimeSpan) {
    self.name = name
    self.origin = origin
    self.service = service
    self.loopback = loopback
  }

  /// The ones that are used where no others are given: those of the file `Reports/Reference/costs.yaml`, which
  /// `windtunnel calibrate` wrote; a test holds them to it.
  public static let shipped = Costs(
    name: "two-core-server", origin: "AMD EPYC, 2 cores, 24 GiB, Debian GNU/Linux 12 (bookworm), Linux 6.18.44-fc-v595", service: .service,
    loopback: .nanoseconds(8_948))
}
