// How a broker of the message queue is set up.

import MonitoringAPI
import Raft
import Vocabulary

/// How a broker is set up.
public struct MessageQueueConfiguration: Sendable {
  /// Its server of Raft: who it is, where the others are, who founds a new cluster. The count of groups follows from
  /// the topics.
  public var raft: RaftServerConfiguration
  /// Where this broker and others listen (`host:port`), as it was told at its start; empty in worlds that know where
  /// everything is.
  public var addresses: [ServerID: String] = [:]
  /// The topics of a new cluster; the same on all brokers.
  public var firstTopics = [TopicDescription(name: QueueAPI.inboundTopic)]
  /// Long polls that may wait at once.
  public var maximumWaiters = 4_096
  /// Requests that may wait at once for a leader to be elected.
  public var maximumParked = 4_096
  /// Bytes of their bodies.
  public var maximumParkedBytes = 64 << 20
  /// How long a request waits for a leader.
  public var parkPatience = TimeSpan.seconds(2)
  /// How long another broker may take for a request that was forwarded to it, beside the wait of a long poll: a leader
  /// that stands still is replaced meanwhile, and whoever asked is told to ask again. More than `parkPatience`, since
  /// the other one may wait for a leader itself.
  public var forwardPatience = TimeSpan.seconds(3)
  /// Bytes of values in one answer, beyond which it ends early (one message always fits).
  public var answerBytes = 4 << 20
  /// Bytes of records that a partition gives up before its log is cut: each cut writes a snapshot.
  public var cutBytes = 4 << 20
  /// Entries without records that a log holds before it is cut.
  public var cutEntries = 10_000
  /// How long the offsets of a consumer group are kept that has no members and commits nothing, by the wall clock of
  /// the registry's leader: 7 days. Zero keeps them for ever.
  public var groupRetention = TimeSpan.seconds(7 * 24 * 3_600)
  /// How often it is looked which groups' offsets expire.
  public var groupUpkeepInterval = TimeSpan.seconds(10)
  /// Whether leaders of partitions are moved to the brokers that they should be with (MessageQueue+Balancing).
  public var balancesLeaders = true
  /// How long the preferred broker must have been ready before a leadership is transferred to it.
  public var balancePatience = TimeSpan.seconds(5)
  /// How long a partition's leadership is left where it is after a try to transfer it.
  public var balanceRetryPause = TimeSpan.seconds(30)
  /// How often retention, sessions and waiting requests are looked at.
  public var choreInterval = TimeSpan.milliseconds(100)

  /// A broker alone.
  public init() { self.init(raft: RaftServerConfiguration(server: ServerID(1), nodes: [:], founders: [ServerID(1)])) }

  /// A broker of a cluster.
  public init(raft: RaftServerConfiguration) { self.raft = raft }
}
