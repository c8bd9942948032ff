// Peers that vanish without a word (a machine without power, a cable that is pulled out): where nothing passes on a
// connection for a while the kernel asks whether the other end is still there, and resets the connection if it is not
// (TCP keepalive, RFC 9293, section 3.8.4). Machines then hear what they hear of any connection that is lost.
//
// This is for what may rightly be quiet: a body that is a stream, an answer that is awaited. WebSockets are asked by
// pings of their own, and who does not take what is sent to him is found by the pace of that. Limits: it shows that the
// peer's kernel is there, not its process; connections by local sockets need none.

import Glibc
import NIOCore
import NIOPosix

/// How the kernel asks.
struct KeepAlive {
  /// What one socket is told.
  let options: [(option: ChannelOptions.Types.SocketOption, value: Int)]

  /// By these bounds.
  init(_ limits: LiveLimits) {
    func seconds(_ span: Int64) -> Int { Int(clamping: max(1, span)) }
    func ofTCP(_ number: CInt) -> ChannelOptions.Types.SocketOption { .tcpOption(NIOBSDSocket.Option(rawValue: number)) }
    options = [
      (.socketOption(.so_keepalive), 1),
      (ofTCP(TCP_KEEPIDLE), seconds(limits.keepAliveIdle.milliseconds / 1_000)),
      (ofTCP(TCP_KEEPINTVL), seconds(limits.keepAliveInterval.milliseconds / 1_000)),
      (ofTCP(TCP_KEEPCNT), max(1, limits.keepAliveProbes)),
    ]
  }
}

extension ServerBootstrap {
  /// Has the kernel ask after the peers of all connections.
  func asking(_ keepAlive: KeepAlive) -> ServerBootstrap {
    keepAlive.options.reduce(self) { $0.childChannelOption($1.option, value: $1.value) }
  }
}

extension ClientBootstrap {
  /// Has the kernel ask after the peer.
  func asking(_ keepAlive: KeepAlive) -> ClientBootstrap {
    keepAlive.options.reduce(self) { $0.channelOption($1.option, value: $1.value) }
  }
}
