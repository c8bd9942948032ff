// Every bound that the real host keeps, in one place. All sizes are in bytes, all times are spans; none may be zero.

import Vocabulary

/// The bounds of a real host.
public struct LiveLimits: Sendable {
  // MARK: HTTP server

  /// Longest request line; beyond it 414.
  public var requestLineBytes = HostLimits.requestLineBytes
  /// Longest request head, request line included; beyond it 431.
  public var headBytes = HostLimits.headBytes
  /// Most header fields; beyond it 431.
  public var headerFields = HostLimits.headerFields
  /// Most requests of one connection that are handled at the same time; beyond it the host stops parsing.
  public var pipelineDepth = 16
  /// Most bytes of one connection that wait unparsed; beyond it the host stops reading.
  public var unparsedBytes = 65_536
  /// Most connections of one node; further ones get 503 and are closed. Fewer where the system lets this process have
  /// fewer (`DescriptorShares`).
  public var connections = 10_000
  /// Most events that wait for one node; further requests get 503 with Retry-After.
  public var mailboxEvents = 10_000
  /// Room in memory of one node for whole request bodies, from their arrival until the machine takes its turn, and for
  /// what has come of messages of WebSockets. No node takes of another's. Where there is no room, bodies that come
  /// slowly give way (`pressedBodyWindow`); else further ones get 503 with Retry-After and are closed. Pausing instead
  /// could stand still for ever: halves of many bodies could use it all up, and none of them could be completed. Bodies
  /// that are streams are bounded by their credit.
  public var requestBodyBytes = 67_108_864
  /// What the requests of one connection may take of `requestBodyBytes`; one body that the machine wants may take more
  /// alone.
  public var requestBodyBytesPerConnection = 16_777_216
  /// From the first byte of a head to its last.
  public var headTimeout = TimeSpan.seconds(10)
  /// In each such window of a body at least `bodyBytesPerWindow` must come, or its end; else 408. The same of a whole
  /// answer must be taken, or its end; else the connection is closed.
  public var bodyWindow = TimeSpan.seconds(10)
  /// See `bodyWindow`: of a body that takes memory until it is whole, of a WebSocket's message, and of what a client takes
  /// of whole answers that wait to be written to it. 8 KiB a second. A body that is a stream takes no more memory than its
  /// credit, and may be quiet.
  public var bodyBytesPerWindow = 81_920
  /// How long a body that takes memory until it is whole may take altogether; beyond it 408.
  public var bodyTimeout = TimeSpan.seconds(120)
  /// Where a node has no room for another body, those that brought less than `pressedBodyBytesPerWindow` in their last
  /// such window get 408; where it has none for another answer (`StreamLimits.answerBytes`), the connections that took less
  /// are closed.
  public var pressedBodyWindow = TimeSpan.seconds(2)
  /// See `pressedBodyWindow`: 64 KiB a second.
  public var pressedBodyBytesPerWindow = 131_072
  /// How long no connection is accepted after the system had no descriptor for one.
  public var acceptPause = TimeSpan.milliseconds(250)
  /// Between two requests of a connection.
  public var idleTimeout = TimeSpan.seconds(75)
  /// While bytes of whole messages wait to be written, how long a peer may take none of them; of streams
  /// `StreamLimits.overrunTimeout` says it.
  public var writeStallTimeout = TimeSpan.seconds(30)
  /// After a last answer, how long the host goes on discarding what a peer still sends, so that the answer is not lost
  /// to a reset.
  public var lingerTimeout = TimeSpan.seconds(2)

  /// Once a node stops, how long it waits for the rest of a body that is half there; and, in place of `lingerTimeout`,
  /// for peers that have their last answer to leave. What a machine works on has the grace of the stop.
  public var stoppingTimeout = TimeSpan.milliseconds(200)

  /// How long nothing passes on a connection before the kernel asks whether its peer is still there; whole seconds.
  public var keepAliveIdle = TimeSpan.seconds(60)
  /// How long it waits for an answer before it asks again; whole seconds.
  public var keepAliveInterval = TimeSpan.seconds(10)
  /// How often it asks in vain before it resets the connection: a peer that vanished is found within a minute and a half.
  public var keepAliveProbes = 3

  // MARK: Callers

  /// Connections to one endpoint from one node, streams not counted.
  public var connectionsPerEndpoint = HostLimits.callsPerEndpoint
  /// Calls of one node that wait for a connection to one endpoint; further ones fail as refused.
  public var waitingCallsPerEndpoint = HostLimits.waitingCalls
  /// Destinations of one node with connections, or calls that wait for one; the ones that were used last.
  public var destinations = 256
  /// Connections to one destination from one node, streams not counted.
  public var connectionsPerDestination = HostLimits.callsPerDestination
  /// Connections of one node to all destinations together, streams not counted.
  public var connectionsToDestinations = HostLimits.callsToDestinations
  /// Names that are being looked up or wait for it in one host, of those that its operator named, and as many of those
  /// that users did; further calls fail as refused.
  public var waitingLookups = 256
  /// To resolve a name and establish a connection.
  public var connectTimeout = TimeSpan.seconds(HostLimits.connectSeconds)
  /// A pooled connection is closed after this; shorter than a server's `idleTimeout`, so that calls rarely meet a
  /// closing connection.
  public var pooledIdleTimeout = TimeSpan.seconds(20)
  /// Longest body of a whole response.
  public var responseBytes = HostLimits.responseBytes

  // MARK: Adapters

  /// Requests of one adapter that are under way; further ones get 503.
  public var adapterRequests = 64
  /// How long an adapter may take for one, where its caller's deadline is not sooner; then 504.
  public var adapterTimeout = TimeSpan.seconds(60)
  /// Longest body of one; beyond it 413.
  public var adapterBodyBytes = 8_388_608

  // MARK: Streams and messages

  /// The bounds of streams, which are those of every host.
  public var streams = StreamLimits()
  /// Longest peer message; a longer one is a defect of its sender, and not sent.
  public var peerMessageBytes = HostLimits.peerMessageBytes
  /// Bytes of peer messages that wait for one node's turns; further ones are dropped, as the network may.
  public var peerMailBytes = 67_108_864
  /// Connections to one node's port for peers that have not proved to be one; for a further one the oldest is closed.
  /// Each has `headTimeout` for its proof, at most. At least one.
  public var unprovedPeers = 32
  /// Longest request head on the port for peers; beyond it 431.
  public var peerHeadBytes = 2_048
  /// Bytes of peer messages to one node that wait while it is away; the oldest are dropped.
  public var peerBufferBytes = 16_777_216

  // MARK: Turns and the disk

  /// Turns of a node between two looks at the network.
  public var turnsPerBatch = 256
  /// How long these may take together; the one that goes beyond is the last.
  public var batchTime = TimeSpan.milliseconds(2)
  /// Bytes that turns may have written beyond what is durable; beyond it the node takes no turns until the sync ends.
  public var bufferedBytes = 67_108_864
  /// Effects that may wait for the disk; beyond it the node takes no turns until the sync ends.
  public var heldEffects = 65_536
  /// Before a node that lost its disk is started again; doubled with each time in a row, up to sixteen times this.
  public var restartDelay = TimeSpan.milliseconds(100)
  /// How often a node that lost its disk is started, where the system fails each start, before the node is down for
  /// good; with the waits of `restartDelay` about a quarter of a minute.
  public var startTries = 12

  /// The bounds for ordinary service.
  public init() {}

  /// How long peers have to leave that have their last answer.
  func partingTimeout(isStopping: Bool) -> TimeSpan { isStopping ? stoppingTimeout : lingerTimeout }

  /// How often the time-outs are looked at once the node stops.
  var stoppingSweepInterval: TimeSpan { max(.milliseconds(5), TimeSpan(nanoseconds: stoppingTimeout.nanoseconds / 4)) }

  /// How often the time-outs are looked at: often enough to keep each within a quarter.
  var sweepInterval: TimeSpan {
    let shortest = [
      headTimeout, bodyWindow, bodyTimeout, pressedBodyWindow, idleTimeout, writeStallTimeout, lingerTimeout, pooledIdleTimeout,
      streams.pingInterval, streams.closeTimeout, streams.overrunTimeout,
    ].min()
    return max(.milliseconds(5), min(.milliseconds(250), TimeSpan(nanoseconds: (shortest?.nanoseconds ?? 0) / 4)))
  }
}
