// The `LiveProcess` executable as a child process: started, signalled, waited for.

import Glibc

/// A child that serves a `DurableCounter`.
final class ServingProcess {
  private let identifier: pid_t
  let port: Int
  private var hasEnded = false

  /// Starts it on `directory` and waits until it serves; with `descriptors` it may have no more files and sockets open
  /// than that.
  init(directory: String, descriptors: Int? = nil) throws {
    var path = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    guard count > 0 else { throw RawClient.Failure(what: "readlink: errno \(errno)") }
    // The test runner stands in the folder of all that is built; `LiveProcess` too.
    let executable = String(decoding: path[0..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let folder = executable.split(separator: "/").dropLast().joined(separator: "/")
    let program = "/\(folder)/LiveProcess"
    var pipes: [CInt] = [0, 0]
    guard pipe(&pipes) == 0 else { throw RawClient.Failure(what: "pipe: errno \(errno)") }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
    // Tests that run beside this one have many files and sockets open, which are none of its.
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    for other in 3..<CInt(clamping: min(limit.rlim_cur, 4_096)) { posix_spawn_file_actions_addclose(&actions, other) }
    let words = [program, directory] + (descriptors.map { ["0", String($0)] } ?? [])
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child = pid_t()
    let result = posix_spawn(&child, program, &actions, nil, &arguments, environ)
    posix_spawn_file_actions_destroy(&actions)
    close(pipes[1])
    defer { close(pipes[0]) }
    guard result == 0 else { throw RawClient.Failure(what: "\(program): errno \(result)") }
    identifier = child
    var text = ""
    var byte: UInt8 = 0
    while !text.hasSuffix("\n"), read(pipes[0], &byte, 1) == 1 { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    port = text.split(separator: " ").last.flatMap { Int($0.filter { $0.isNumber }) } ?? 0
    if port == 0 { throw RawClient.Failure(what: "it said: \(text)") }
  }

  deinit {
    if !hasEnded {
      signal(SIGKILL)
      _ = waitForEnd()
    }
  }

  func signal(_ number: CInt) { if !hasEnded { kill(identifier, number) } }

  /// The signal that ended it, or 0 for a normal end with status 0, or 256 and more for another status.
  func waitForEnd() -> CInt {
    var status: CInt = 0
    while waitpid(identifier, &status, 0) < 0 && errno == EINTR {}
    hasEnded = true
    return status & 0x7F != 0 ? status & 0x7F : (status >> 8 == 0 ? 0 : 256 + status >> 8)
  }
}
