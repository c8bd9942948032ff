// A process that serves one `DurableCounter`: for the tests that kill it, and for load figures.
//
// Usage: LiveProcess [DIRECTORY] [PORT]. Prints "listening on PORT" once it serves; ends at SIGTERM, gracefully.

import Glibc
import Live
import ProvingGround
import Vocabulary

@main
struct Main {
  static func main() async throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let directory = arguments.first.flatMap { $0 == "-" ? nil : $0 }
    let port = arguments.dropFirst().first.flatMap { Int($0) } ?? 0
    // Blocked before any thread starts, so that only `sigwait` below takes it.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let node = NodeID(0)
    let host = LiveHost([
      LiveNodeSpecification(node, name: "counter", listen: NetworkAddress(host: "127.0.0.1", port: port), dataDirectory: directory) {
        DurableCounter()
      }
    ])
    try await host.start()
    print("listening on \(host.address(of: node)?.port ?? 0)")
    fflush(nil)
    let blocked = signals
    await withCheckedContinuation { continuation in
      Thread.detach {
        var waited = blocked
        var signal: CInt = 0
        sigwait(&waited, &signal)
        continuation.resume()
      }
    }
    await host.stop()
  }
}

/// A plain thread.
enum Thread {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Runs `body` on a thread of its own.
  static func detach(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(Body(body)).toOpaque()
    pthread_create(
      &thread, nil,
      { raw in
        if let raw { Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run() }
        return nil
      }, argument)
    pthread_detach(thread)
  }
}
