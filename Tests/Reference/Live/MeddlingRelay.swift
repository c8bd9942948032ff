// Somebody between two peers: hands on what passes on their links, and does with each frame what a test wants.

import Foundation
import Synchronization

/// A relay in front of a node's port for peers.
final class MeddlingRelay: Sendable {
  /// What becomes of a frame from the opener.
  enum Deed: Sendable {
    case pass, drop
    /// It passes twice.
    case repeated
    /// One bit of its last byte is changed.
    case changed
    /// It passes, and goes back to its sender too.
    case reflected
    /// Neither it nor anything behind it is taken any more; a second later the connection breaks.
    case standStill
  }

  /// Where it listens.
  let port: Int
  private let isOver = Mutex(false)

  /// Relays to `target`; `deed` says what becomes of the n-th message (from 0, the handshake's first) of a connection.
  init(to target: Int, _ deed: @escaping @Sendable (_ number: Int) -> Deed) throws {
    let server = try RawServer()
    port = server.port
    // The socket is the thread's alone from now on.
    nonisolated(unsafe) let listener = server
    Thread.detachNewThread { [self] in
      while !isOver.withLock({ $0 }) {
        guard let client = listener.accept(patienceMilliseconds: 50) else { continue }
        nonisolated(unsafe) let accepted = client
        Thread.detachNewThread { [self] in relay(accepted, target, deed) }
      }
    }
  }

  func end() { isOver.withLock { $0 = true } }

  private func relay(_ client: RawClient, _ target: Int, _ deed: (Int) -> Deed) {
    guard let server = try? RawClient(port: target) else { return client.close() }
    var number = 0
    var isHeadOver = false
    while !isOver.withLock({ $0 }), !client.isAtEnd, !server.isAtEnd {
      client.readMore(patienceMilliseconds: 1)
      if !isHeadOver, let end = client.unread.firstRange(of: [13, 10, 13, 10]) {
        server.send(client.read(end.upperBound))
        isHeadOver = true
      }
      while isHeadOver, let length = Self.length(client.unread) {
        let frame = client.read(length.head + length.count)
        // Pings and closes pass.
        let what = frame[0] & 0x0F == 2 ? deed(number) : .pass
        if frame[0] & 0x0F == 2 { number += 1 }
        switch what {
        case .pass: server.send(frame)
        case .drop: break
        case .repeated: server.send(frame + frame)
        case .changed: server.send(frame.dropLast() + [(frame.last ?? 0) ^ 1])
        case .reflected:
          server.send(frame)
          let mask = frame[length.head - 4..<length.head]
          let plain = frame[length.head...].enumerated().map { $1 ^ mask[mask.startIndex + $0 % 4] }
          let size = plain.count <= 125 ? [UInt8(plain.count)] : [126, UInt8(plain.count >> 8), UInt8(plain.count & 255)]
          client.send([0x82] + size + plain)
        case .standStill:
          usleep(1_000_000)
          client.close()
          return server.close()
        }
      }
      server.readMore(patienceMilliseconds: 1)
      if !server.unread.isEmpty { client.send(server.read(server.unread.count)) }
    }
    client.close()
    server.close()
  }

  /// How long a masked frame is that stands whole at the beginning; nil where none does.
  private static func length(_ bytes: [UInt8]) -> (head: Int, count: Int)? {
    guard bytes.count >= 6 else { return nil }
    let short = Int(bytes[1] & 0x7F)
    let (head, count) =
      switch short {
      case 126: (8, Int(bytes[2]) << 8 | Int(bytes[3]))
      case 127: (14, bytes.count < 10 ? Int.max >> 1 : bytes[2..<10].reduce(0) { $0 << 8 | Int($1) })
      default: (6, short)
      }
    return bytes.count - head >= count ? (head, count) : nil
  }
}
