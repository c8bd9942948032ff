// How the descriptors that this process may have open are divided: a socket takes one, and so does an open file.
//
// Every node has what it cannot serve without, and the rest goes to those who come first. Without the division,
// connections would take what the files need: a node that cannot open a file ends its life. Limits: what is open when a
// host begins is left out, but not what others open later, and of what a node calls it counts one endpoint; where that
// is wrong, accepting pauses while there are none (`AcceptPause`), and calls fail as refused.

import Glibc
import Synchronization
import Vocabulary

/// What each of the nodes of one host may have open.
package struct DescriptorShares: Equatable {
  /// Connections of clients to all nodes together.
  package var connections: Int
  /// How many of these each node has for itself, whatever the others take.
  package var connectionsKept: Int
  /// Connections of one node that are only told that there are too many; what comes beyond them is closed without a
  /// word.
  package var surplusConnections: Int
  /// Connections from one node to one endpoint.
  package var connectionsPerEndpoint: Int
  /// Files of one node that stay open.
  package var openFiles: Int

  /// Fewest of each that a node can serve with: the storage alone polls the queue's 12 partitions at a time.
  private static let least = DescriptorShares(
    connections: 16, connectionsKept: 16, surplusConnections: 4, connectionsPerEndpoint: 16, openFiles: 8)
  /// Standard streams, what the loops wait with, look-ups of names.
  private static func ofHost(loops: Int) -> Int { 8 + 3 * (loops + 1) }
  /// The listeners, the directory and its lock.
  private static let ofNode = 4

  /// Fewest descriptors that `shares` nodes on so many loops can serve with; a node with peers counts twice.
  package static func needed(shares: Int, loops: Int) -> Int {
    ofHost(loops: loops)
      + shares * (ofNode + least.connections + least.surplusConnections + least.connectionsPerEndpoint + least.openFiles)
  }

  /// Divides `limit` descriptors, with no more connections to an endpoint than `limits` allows; nil where they are too
  /// few.
  package init?(of limit: Int, shares: Int, loops: Int, _ limits: LiveLimits) {
    let needed = Self.needed(shares: shares, loops: loops)
    guard shares > 0, limit >= needed else { return nil }
    // Each part of a share is its least, and grows with what there is beyond that.
    let beyond = (limit - needed) / shares
    surplusConnections = min(64, Self.least.surplusConnections + beyond / 16)
    connectionsPerEndpoint = min(limits.connectionsPerEndpoint, Self.least.connectionsPerEndpoint + beyond / 8)
    openFiles = min(512, Self.least.openFiles + beyond / 4)
    connections =
      limit - Self.ofHost(loops: loops) - shares * (Self.ofNode + surplusConnections + connectionsPerEndpoint + openFiles)
    connectionsKept = max(Self.least.connectionsKept, connections / (2 * shares))
    invariant(
      connections >= shares * connectionsKept, "\(shares) nodes keep \(connectionsKept) each of \(connections) connections")
    invariant(
      openFiles >= Self.least.openFiles && surplusConnections >= Self.least.surplusConnections,
      "a share of \(limit) descriptors has \(openFiles) files and \(surplusConnections) connections that are told off")
  }

  private init(connections: Int, connectionsKept: Int, surplusConnections: Int, connectionsPerEndpoint: Int, openFiles: Int) {
    self.connections = connections
    self.connectionsKept = connectionsKept
    self.surplusConnections = surplusConnections
    self.connectionsPerEndpoint = connectionsPerEndpoint
    self.openFiles = openFiles
  }

  /// `limits` with nothing in them that there are no descriptors for.
  package func bounding(_ limits: LiveLimits, shares: Int) -> LiveLimits {
    var bounded = limits
    bounded.connections = min(limits.connections, connections - (shares - 1) * connectionsKept)
    bounded.connectionsPerEndpoint = connectionsPerEndpoint
    bounded.connectionsToDestinations = min(limits.connectionsToDestinations, connectionsPerEndpoint)
    bounded.unprovedPeers = min(limits.unprovedPeers, Self.least.connections + (openFiles - Self.least.openFiles) / 4)
    return bounded
  }
}

/// The connections of clients that the nodes of one host have beyond those that each keeps for itself; safe on any
/// thread.
final class CommonConnections: Sendable {
  private let kept: Int
  /// How many there are.
  private let shared: Int
  private let free: Atomic<Int>

  /// None of them taken, of a host whose nodes count as `count`.
  init(_ descriptors: DescriptorShares, shares count: Int) {
    kept = descriptors.connectionsKept
    shared = max(0, descriptors.connections - count * descriptors.connectionsKept)
    free = Atomic(shared)
  }

  /// A node that has `count` connections takes another; false where there is none for it.
  func take(having count: Int) -> Bool {
    guard count >= kept else { return true }
    if free.subtract(1, ordering: .relaxed).newValue >= 0 { return true }
    free.add(1, ordering: .relaxed)
    return false
  }

  /// A node gives one back, and has `count` from now on.
  func giveBack(leaving count: Int) {
    invariant(count >= 0, "a node gave back a connection and has \(count)")
    guard count >= kept else { return }
    let after = free.add(1, ordering: .relaxed).newValue
    invariant(after <= shared, "\(after) connections are free of the \(shared) that nodes share")
  }
}

/// Lets this process open as many files and sockets as the system allows it, for the usual 1,024 are fewer than
/// `LiveLimits.connections`; returns how many those are, without those that are in use: inherited, or another host's.
func raisedOpenFileLimit() -> Int {
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  var limit = rlimit()
  guard getrlimit(resource, &limit) == 0 else { return 1_024 }
  if limit.rlim_cur < limit.rlim_max {
    var raised = limit
    raised.rlim_cur = raised.rlim_max
    if setrlimit(resource, &raised) == 0 { limit = raised }
  }
  return Int(clamping: limit.rlim_cur) - max(0, openDescriptors() - usualDescriptors)
}

/// What a process has open that has just begun to serve: its standard streams, and what its runtime opens.
private let usualDescriptors = 8

/// How many descriptors this process has open; 0 where the system does not say.
private func openDescriptors() -> Int {
  guard let folder = opendir("/proc/self/fd") else { return 0 }
  defer { closedir(folder) }
  var count = 0
  while readdir(folder) != nil { count += 1 }
  // Two entries are the folder and its parent, and one is this look itself.
  return max(0, count - 3)
}
