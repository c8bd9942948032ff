// Processes that are started: what they are given, what they print, how they end, and that none outlives its killing.

import Glibc
import Launching
import Testing

struct ChildProcessTests {
  private func shell(
    _ script: String, environment: [String: String?] = [:], input: ChildProcess.Stream = .none, output: ChildProcess.Stream = .piped,
    errors: ChildProcess.Stream = .none
  ) throws -> ChildProcess {
    try ChildProcess("/bin/sh", ["-c", script], environment: environment, input: input, output: output, errors: errors)
  }

  @Test func itPrintsAndExits() throws {
    let process = try shell("echo one; echo two >&2; exit 7", errors: .piped)
    #expect(process.readToEnd() == Array("one\n".utf8))
    #expect(process.readErrors() == Array("two\n".utf8))
    #expect(process.waitUntilEnd() == .exited(7))
    #expect(process.end == .exited(7) && !process.isRunning)
  }

  @Test func whatIsWrittenReachesItUntilItsInputEnds() throws {
    let process = try shell("cat", input: .piped)
    #expect(process.write([1, 2, 3]))
    #expect(process.read(exactly: 3) == [1, 2, 3])
    process.closeInput()
    #expect(process.readToEnd().isEmpty)
    #expect(process.waitUntilEnd() == .exited(0))
  }

  @Test func onesInputDoesNotStayOpenInAnother() throws {
    // A second process that had the first one's input would keep the first from ending.
    let first = try shell("cat", input: .piped)
    let second = try shell("sleep 30")
    first.closeInput()
    #expect(first.waitUntilEnd() == .exited(0))
    second.killAndWait()
  }

  @Test func itIsEndedByASignal() throws {
    let process = try shell("exec sleep 30")
    process.signal(SIGTERM)
    #expect(process.waitUntilEnd() == .signalled(SIGTERM))
    // One that has ended is not signalled: its id may be another's by now.
    process.signal(SIGKILL)
    let killed = try shell("trap '' TERM; echo ready; while :; do sleep 1; done")
    #expect(killed.read() == Array("ready\n".utf8))
    killed.signal(SIGTERM)
    killed.killAndWait()
    #expect(killed.end == .signalled(SIGKILL))
  }

  @Test func itsEnvironmentIsThisOnesWithChanges() throws {
    setenv("WINDTUNNEL_CHILD_TEST", "kept", 1)
    defer { unsetenv("WINDTUNNEL_CHILD_TEST") }
    let script = "echo ${WINDTUNNEL_CHILD_TEST-none} ${WINDTUNNEL_CHILD_OTHER-none}"
    #expect(try shell(script, environment: ["WINDTUNNEL_CHILD_OTHER": "new"]).readToEnd() == Array("kept new\n".utf8))
    #expect(try shell(script, environment: ["WINDTUNNEL_CHILD_TEST": nil]).readToEnd() == Array("none none\n".utf8))
  }

  @Test func whatIsNotThereIsSaid() {
    #expect(throws: LaunchFailure.self) { try ChildProcess("/nowhere/at/all", []) }
    do {
      _ = try ChildProcess("/nowhere/at/all", [])
    } catch {
      #expect("\(error)".contains("/nowhere/at/all cannot be started"))
    }
  }

  @Test func moreThanIsWantedIsReadAndDropped() throws {
    let process = try shell("head -c 300000 /dev/zero")
    #expect(process.readToEnd(limitBytes: 1_000).count == 1_000)
    #expect(process.waitUntilEnd() == .exited(0))
  }

  @Test func manyAtOnceEachEnd() throws {
    let processes = try (0..<24).map { number in try shell("exit \(number)") }
    #expect(processes.map { $0.waitUntilEnd() } == (0..<24).map { .exited($0) })
  }
}
