// Processes that are started: what they are given, what they print, how they end, and that none outlives its killing.

import Glibc
import Launching
import Testing

struct ChildProcessTests {
  private func shell(
    _ script: String, environment: [String: String?] = [:], input: ChildProcess.Stream = .none, output: ChildProcess.Stream = .piped,
    errors: ChildProcess.Stream = .none
  ) async throws -> ChildProcess {
    try await ChildProcess.started("/bin/sh", ["-c", script], environment: environment, input: input, output: output, errors: errors)
  }

  @Test func itPrintsAndExits() async throws {
    let process = try await shell("echo one; echo two >&2; exit 7", errors: .piped)
    #expect(process.readToEnd() == Array("one\n".utf8))
    #expect(process.readErrors() == Array("two\n".utf8))
    #expect(await process.ended() == .exited(7))
    #expect(process.end == .exited(7) && !process.isRunning)
  }

  @Test func whatIsWrittenReachesItUntilItsInputEnds() async throws {
    let process = try await shell("cat", input: .piped)
    #expect(process.write([1, 2, 3]))
    #expect(process.read(exactly: 3) == [1, 2, 3])
    process.closeInput()
    #expect(process.readToEnd().isEmpty)
    #expect(await process.ended() == .exited(0))
  }

  @Test func onesInputDoesNotStayOpenInAnother() async throws {
    // A second process that had the first one's input would keep the first from ending.
    let first = try await shell("cat", input: .piped)
    let second = try await shell("sleep 3000")
    first.closeInput()
    #expect(await first.ended() == .exited(0))
    second.signal(SIGKILL)
    await second.ended()
  }

  @Test func itIsEndedByASignal() async throws {
    let process = try await shell("exec sleep 3000")
    process.signal(SIGTERM)
    let end = await process.ended()
    #expect(end == .signalled(SIGTERM))
    // One that has ended is not signalled: its id may be another's by now.
    process.signal(SIGKILL)
    let killed = try await shell("trap '' TERM; echo ready; while :; do sleep 1; done")
    #expect(killed.read() == Array("ready\n".utf8))
    killed.signal(SIGTERM)
    killed.signal(SIGKILL)
    await killed.ended()
    #expect(killed.end == .signalled(SIGKILL))
  }

  @Test func itsEnvironmentIsThisOnesWithChanges() async throws {
    setenv("WINDTUNNEL_CHILD_TEST", "kept", 1)
    defer { unsetenv("WINDTUNNEL_CHILD_TEST") }
    let script = "echo ${WINDTUNNEL_CHILD_TEST-none} ${WINDTUNNEL_CHILD_OTHER-none}"
    #expect(try await shell(script, environment: ["WINDTUNNEL_CHILD_OTHER": "new"]).readToEnd() == Array("kept new\n".utf8))
    #expect(try await shell(script, environment: ["WINDTUNNEL_CHILD_TEST": nil]).readToEnd() == Array("none none\n".utf8))
  }

  @Test func whatIsNotThereIsSaid() async {
    await #expect(throws: LaunchFailure.self) { try await ChildProcess.started("/nowhere/at/all", []) }
    do {
      _ = try await ChildProcess.started("/nowhere/at/all", [])
    } catch {
      #expect("\(error)".contains("/nowhere/at/all cannot be started"))
    }
  }

  @Test func moreThanIsWantedIsReadAndDropped() async throws {
    let process = try await shell("head -c 300000 /dev/zero")
    #expect(process.readToEnd(limitBytes: 1_000).count == 1_000)
    #expect(await process.ended() == .exited(0))
  }

  @Test func manyAtOnceEachEnd() async throws {
    var processes: [ChildProcess] = []
    for number in 0..<24 { processes.append(try await shell("exit \(number)")) }
    for (number, process) in processes.enumerated() { #expect(await process.ended() == .exited(Int32(number))) }
  }
}
