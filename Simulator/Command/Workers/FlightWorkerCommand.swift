// `windtunnel flight-worker`: flies what another process of this program asks for, one flight after the other. A machine
// that traps, or that takes all memory, ends this process and not the campaign. Not for users.
//
// Standard input: a line for each flight, `SCENARIO SEED [MUTANT]`, or for each contract case that is to be made in
// virtual time, `/SYSTEM CASE [MUTANT]`. Standard output: frames (`WorkerFrame`); what became of a case is told as a
// flight is. It ends with its input, or soon after the process that started it.

import ArgumentParser
import Console
import ContractJudging
import ContractTests
import Flight
import Foundation
import OpenAPI
import Vocabulary
import World

/// What a worker tells: a kind, the count of the bytes that follow as four bytes (least first), and these.
enum WorkerFrame {
  /// How far the flight is: virtual time and how long it takes, in nanoseconds, eight bytes each.
  static let heartbeat: UInt8 = 1
  /// The flight's result (`FlightResult.encoded`).
  static let result: UInt8 = 2
  /// The files that the process has read so far (`InputFile.read`), before the result that hangs on them.
  static let files: UInt8 = 3
  /// Bytes before those that follow.
  static let headBytes = 5
  /// The most that may follow: 1 GiB.
  static let mostBytes = 1 << 30

  /// The bytes of a frame.
  static func bytes(_ kind: UInt8, _ content: [UInt8]) -> [UInt8] {
    var frame = [kind]
    frame.reserveCapacity(headBytes + content.count)
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: content.count).littleEndian) { frame += $0 }
    return frame + content
  }

  /// The numbers of a heartbeat.
  static func spans(_ content: [UInt8]) -> (now: TimeSpan, of: TimeSpan)? {
    guard content.count == 16 else { return nil }
    return content.withUnsafeBytes { bytes in
      func span(_ offset: Int) -> TimeSpan {
        TimeSpan(nanoseconds: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self)))
      }
      return (span(0), span(8))
    }
  }

  /// The content of a heartbeat.
  static func content(_ now: TimeSpan, of planned: TimeSpan) -> [UInt8] {
    [now, planned].flatMap { span in withUnsafeBytes(of: span.nanoseconds.littleEndian) { Array($0) } }
  }
}

struct FlightWorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "flight-worker", shouldDisplay: false)

  @Argument var names: [String] = []
  @Option var scenarios: String?
  @Option var contracts: String?
  @Option(help: "The file of memory that is shared, for a TurnMark.") var mark: String
  @OptionGroup var inputs: Systems.InputOptions
  @OptionGroup var costs: CostsOption

  /// How often heartbeats are told at most.
  private static let betweenHeartbeats = Duration.milliseconds(250)

  func run() throws {
    // Who is asked to end is the process that started this one; it ends this one.
    for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_IGN) }
    Self.endWithParent()
    let selected = try ScenarioLibrary.select(names, folder: scenarios)
    let input = try inputs.input(for: selected)
    let costs = try costs.costs()
    let mark = try SharedMark.mapped(mark)
    var contracts: [String: KnownContract] = [:]
    Self.write(WorkerFrame.bytes(WorkerFrame.files, InputFile.read))
    while let line = readLine() {
      let words = line.split(separator: " ").map(String.init)
      if words.count >= 2, words[0].hasPrefix("/") {
        let name = String(words[0].dropFirst())
        let known = contracts[name]
        let contract = try known ?? KnownContract(name, folder: self.contracts)
        contracts[name] = contract
        if known == nil { Self.write(WorkerFrame.bytes(WorkerFrame.files, InputFile.read)) }
        let result = try contract.make(words[1], mutant: words.count > 2 ? words[2] : nil, mark.pointer)
        Self.write(WorkerFrame.bytes(WorkerFrame.result, result.encoded()))
        continue
      }
      guard words.count >= 2, let scenario = selected.first(where: { $0.name == words[0] }), let seed = UInt64(words[1]) else {
        throw InputProblem(description: "flight-worker: expected SCENARIO SEED [MUTANT], found \"\(line)\"")
      }
      let planted = try PlantedOption.mutant(words.count > 2 ? words[2] : nil, in: [scenario])
      var order = FlightOrder(scenario, seed: seed, planted: planted, input: input)
      order.costs = costs
      var told = ContinuousClock.now
      let result = Flight(order, systems: Systems.all).fly(mark: mark.pointer) { now, planned in
        guard ContinuousClock.now - told >= Self.betweenHeartbeats else { return }
        told = .now
        Self.write(WorkerFrame.bytes(WorkerFrame.heartbeat, WorkerFrame.content(now, of: planned)))
      }
      Self.write(WorkerFrame.bytes(WorkerFrame.result, result.encoded()))
    }
  }

  /// Writes all; ends the process where nobody reads any more.
  private static func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { Glibc.exit(0) }
      rest = rest.dropFirst(count)
    }
  }

  /// A worker whose parent was killed in the middle of a flight would fly on for nobody.
  static func endWithParent() {
    let parent = getppid()
    Thread.detachNewThread {
      while getppid() == parent { sleep(1) }
      Glibc.exit(0)
    }
  }

}

/// A `TurnMark` in memory that processes share, by a file.
final class SharedMark {
  /// Where it is, for as long as this value lives.
  let pointer: UnsafeMutablePointer<TurnMark>

  /// Maps the file at `path`, which is made where it is missing; nil where that cannot be done.
  init?(path: String) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let bytes = MemoryLayout<TurnMark>.size
    // Without room of its own the first turn that is noted would end this process.
    guard ftruncate(descriptor, off_t(bytes)) == 0, posix_fallocate(descriptor, 0, off_t(bytes)) == 0,
      let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
    else { return nil }
    pointer = memory.bindMemory(to: TurnMark.self, capacity: 1)
  }

  /// Maps the file at `path`, which is made where it is missing. Throws `InputProblem` where that cannot be done.
  static func mapped(_ path: String) throws -> SharedMark {
    guard let mark = SharedMark(path: path) else {
      throw InputProblem(description: "\(path) cannot be mapped", exitCode: Exit.couldNotRun)
    }
    return mark
  }

  deinit { munmap(pointer, MemoryLayout<TurnMark>.size) }
}

/// The contract of a system with its cases and documents, read once.
private struct KnownContract {
  private let contract: SystemContract
  private let cases: [ContractCase]
  private let documents: [String: OpenAPIDocument]

  init(_ name: String, folder: String?) throws {
    guard let contract = try Systems.named(name).contract else {
      throw InputProblem(description: "flight-worker: \(name) has no contract")
    }
    self.contract = contract
    cases = try ContractLibrary(folder: folder, system: name).cases
    documents = try ContractLibrary.documents(folder: folder, system: name, services: contract.services)
  }

  /// What becomes of a case in virtual time. A bug is looked for by the cases of all systems, also of those that are not
  /// there to catch it.
  func make(_ id: String, mutant: String?, _ mark: UnsafeMutablePointer<TurnMark>) throws -> FlightResult {
    guard let made = cases.first(where: { $0.id == id }) else {
      throw InputProblem(description: "flight-worker: there is no case \(id)")
    }
    let planted = try mutant.map { [try PlantedOption.known($0).mutant] } ?? []
    let began = mark.pointee.turns
    let verdict = SimulatedJudge(contract, planted: planted, documents: documents).judge(made, mark: mark)
    return FlightResult(made, verdict, turns: Int(clamping: mark.pointee.turns &- began))
  }
}
