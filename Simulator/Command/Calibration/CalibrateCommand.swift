// `windtunnel calibrate`: measures what turns, bytes, syncs, reads and sockets cost on this machine, and writes a file
// that `run --costs` takes. The format is on the page Simulator/Flight/Costs.md.

import ArgumentParser
import Console
import Flight
import Foundation
import Kernel
import Load
import Vocabulary
import World

struct CalibrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate", abstract: "Measure what turns, bytes and syncs cost on this machine.",
    discussion: """
      Flights have virtual time: how long a turn or a sync takes in them comes from a file of costs. This command measures one, in about half a \
      minute, on a machine that should do nothing else: \
      CPU time of the real host's thread for a request with its answer, a message and its answer, a timer (of 20,000 each) and a kibibyte (of 2,000 requests of 64); \
      `fdatasync` after each of 1,000 blocks of 4 KiB; writes of 32 MiB with a sync, the middle of five; reads of 4 KiB; one byte through the loopback device.

      EXAMPLES
        windtunnel calibrate --out my-server.yaml
        windtunnel calibrate --disk /var/lib --out ssd.yaml --name ssd
        windtunnel run calm --costs my-server.yaml
      """)

  @Option(help: "The file to write; only printed without it.", transform: { try PathText.read($0) }) var out: String?
  @Option(help: "What the costs are called in reports. (default: this-machine)", transform: { try CostsOption.name($0) }) var name =
    "this-machine"
  @Option(help: "A folder on the disk to measure; by default where the system keeps temporary files.", transform: { try PathText.read($0) })
  var disk: String?
  @Flag(help: "With --out: replace a file that is there.") var overwrite = false

  func run() async throws {
    if let out, !overwrite, FileManager.default.fileExists(atPath: out) {
      throw InputProblem(description: "--out: \(out) is there already; replace it with --overwrite")
    }
    if let out { try OutputFile.prepare(out, option: "--out") }
    let folder = try RunFolder("calibrate", below: disk, option: "--disk")
    defer { folder.remove() }
    let costs = try await measured(below: folder.path)
    let text = costs.yaml(note: "Made by `\(OwnCommand.text)`, on \(DateText.today).")
    Output.line(text)
    guard let out else { return }
    do {
      try text.write(toFile: out, atomically: true, encoding: .utf8)
    } catch {
      throw InputProblem.unwritable(out, error, option: "--out")
    }
    Output.line("costs: \(out); fly with them: windtunnel run --costs \(out)")
  }

  private func measured(below folder: String) async throws -> Costs {
    func note(_ text: String) { Output.note("windtunnel: \(text)") }
    func required<Figure>(_ figure: Figure?, _ what: String) throws -> Figure {
      guard let figure else { throw InputProblem(description: "calibrate: could not measure \(what)", exitCode: Exit.couldNotRun) }
      return figure
    }
    note("requests")
    let request = try required(try await TurnProbe.cpuNanoseconds(bodyBytes: 0, count: 20_000), "requests")
    let large = try required(try await TurnProbe.cpuNanoseconds(bodyBytes: 65_536, count: 2_000), "requests of 64 KiB")
    note("messages")
    let message = try required(
      try await TurnProbe.cpuNanoseconds(bodyBytes: 32, isMessages: true, count: 20_000), "messages between peers")
    let timer = try required(try await TurnProbe.timerNanoseconds(count: 20_000), "timers")
    note("sockets")
    let loopback = try required(TurnProbe.loopbackNanoseconds(count: 5_000), "the loopback device")
    note("syncs of \(folder)")
    let probe = DiskProbe(folder: folder)
    let syncs = try required(probe.syncNanoseconds(count: 1_000), "syncs in \(folder)")
    note("transfer")
    let transfer = try required(probe.transfer(rounds: 5), "writes in \(folder)")
    func span(_ nanoseconds: Double) -> TimeSpan { TimeSpan(nanoseconds: Int64(nanoseconds.rounded())) }
    func sync(_ thousandths: Int) -> TimeSpan { TimeSpan(nanoseconds: Percentile.value(thousandths, of: syncs) ?? 0) }
    var service = CostModel.service
    service.exchangeTurn = span(request)
    service.messageTurn = span(message)
    service.smallTurn = span(timer)
    service.perKibibyte = span(max(0, large - request) / 64)
    service.read = span(transfer.readNanoseconds)
    service.transferBytesPerSecond = Int64(transfer.bytesPerSecond)
    service.sync = .longTail(
      minimum: sync(0), median: sync(50_000), p99: sync(99_000), maximum: sync(100_000))
    return Costs(name: name, origin: MachineText.hardware, service: service, loopback: span(loopback))
  }
}

/// Today, for notes.
enum DateText {
  /// "2026-11-30", of UTC.
  static var today: String { String(Date().ISO8601Format().prefix(10)) }
}
