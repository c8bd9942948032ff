// A process that serves one `DurableCounter`: for the tests that kill it, and for load figures. With --streams in place
// of a directory it serves a `StreamProbe`, whose /echo the public WebSocket suite is run against.
//
// Usage: LiveProcess [DIRECTORY|-|--streams] [PORT] [DESCRIPTORS]. Prints "listening on PORT" once it serves; ends at SIGTERM or
// SIGINT, gracefully. With a third argument it may have no more files and sockets open than that.

import Glibc
import Live
import ProvingGround
import Synchronization
import Vocabulary

@main
struct Main {
  static func main() async throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let servesStreams = arguments.first == "--streams"
    let directory = arguments.first.flatMap { $0 == "-" || servesStreams ? nil : $0 }
    let port = arguments.dropFirst().first.flatMap { Int($0) } ?? 0
    if let most = arguments.dropFirst(2).first.flatMap({ UInt($0) }) {
      var limit = rlimit(rlim_cur: most, rlim_max: most)
      guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return print("setrlimit: errno \(errno)") }
    }
    let node = NodeID(0)
    let host: LiveHost
    do {
      host = try LiveHost([
        LiveNodeSpecification(node, name: "counter", listen: NetworkAddress(host: "127.0.0.1", port: port), dataDirectory: directory) {
          if servesStreams { StreamProbe() as any Machine } else { DurableCounter() }
        }
      ])
    } catch { return print(error) }
    // A handler, not a blocked signal: the runtime's own threads do not inherit a mask that is set here.
    for number in [SIGTERM, SIGINT] { signal(number) { _ in wantsToStop.store(true, ordering: .relaxed) } }
    try await host.start()
    print("listening on \(host.address(of: node)?.port ?? 0)")
    fflush(nil)
    while !wantsToStop.load(ordering: .relaxed) { try await Task.sleep(nanoseconds: 20_000_000) }
    await host.stop()
  }
}

/// Set by the signal handler, which may do little else.
private let wantsToStop = Atomic<Bool>(false)
