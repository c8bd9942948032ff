// Tasks as they were recorded: when they come, what they hand in, what context they want.

import Load
import ModelServicesAPI
import ModelServicesLoad
import TestBench
import Testing
import Vocabulary
import Wire
import World

/// Answers each task at once, and keeps what it was asked, and when.
private struct Registry: Machine {
  final class Taken {
    var requests: [(at: Instant, document: JSON)] = []
  }

  let taken: Taken

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let id, let request) = event, let document = try? JSON(parsing: request.body) else { return }
    taken.requests.append((turn.now, document))
    turn.reply(id, Response(status: 200), .immediately)
  }
}

@Suite struct RecordedTaskLoadTests {
  private func recording(_ lines: [(at: Int, input: Int, output: Int, keys: [Int])]) throws -> TaskRecording {
    let text = lines.map {
      "{\"timestamp\": \($0.at), \"input_length\": \($0.input), \"output_length\": \($0.output), \"hash_ids\": \($0.keys)}"
    }
    return try TaskRecording(reading: Array(text.joined(separator: "\n").utf8), file: "f")
  }

  private func bench(_ plan: RecordedTaskPlan) -> (bench: TestBench, taken: Registry.Taken) {
    let taken = Registry.Taken()
    let bench = TestBench([
      NodePlan("registry", cost: .client) { Registry(taken: taken) },
      NodePlan("load", cost: .client) { RecordedTaskLoad(plan, registry: Endpoint(0)) },
    ])
    return (bench, taken)
  }

  private func plan(_ recording: TaskRecording, _ type: ModelType = .language, speed: Int64 = 1) -> RecordedTaskPlan {
    RecordedTaskPlan(
      recording, speed: speed, from: .seconds(1), targets: [.init("one", type)], answerMarker: .init(before: "[tokens=", behind: "]"))
  }

  @Test func tasksComeAsTheyWereRecorded() throws {
    let recording = try recording([(5_000, 100, 9, [0, 7]), (9_000, 2, 100_000, []), (6_000, 1_000_000, 0, [0, 8, 9])])
    let (bench, taken) = bench(plan(recording, speed: 2))
    bench.run(for: .seconds(10))
    #expect(taken.requests.map { $0.at.nanoseconds / 1_000_000 / 100 } == [10, 15, 30], "tenths of a second")
    let prompts = taken.requests.map { request -> String in
      if case .string(let prompt)? = request.document["input"]?["prompt"] { prompt } else { "" }
    }
    #expect(prompts[0].utf8.count == 400 && prompts[0].contains("[tokens=9]"))
    #expect(prompts[1].utf8.count == RecordedTaskPlan.mostPromptBytes && prompts[1].contains("[tokens=1]"))
    #expect(prompts[2].utf8.count < 60 && prompts[2].contains("[tokens=256]"), "a short prompt keeps its name")
    #expect(Set(prompts).count == 3)
    let scopes = taken.requests.map { $0.document["context"]?["scope"] }
    #expect(scopes == [.string("session-7"), .string("session-8"), nil], "behind the key that all begin with; none without keys")
    #expect(bench.facts(.timed).count { LoadOutcome.parts(of: $0.value).outcome == .served } == 3)
  }

  @Test func blocksAreBounded() throws {
    let (bench, taken) = bench(plan(try recording([(0, 0, 1, []), (0, 300, 1, []), (0, 9_999_999, 1, [])]), .audioEffect))
    bench.run(for: .seconds(3))
    let samples = taken.requests.map { request -> Int in
      if case .string(let text)? = request.document["input"]?["pcm"] { PCM16.samples(text)?.count ?? -1 } else { -1 }
    }
    #expect(samples.sorted() == [16, 300, RecordedTaskPlan.mostSamples])
  }

  @Test func manyAtOneTimeAllCome() throws {
    let (bench, taken) = bench(plan(try recording((0..<1_000).map { _ in (0, 1, 1, []) })))
    bench.run(for: .seconds(3))
    #expect(taken.requests.count == 1_000)
  }

  @Test func aNewLifeGoesOnWhereTheRecordingIs() throws {
    let (bench, taken) = bench(plan(try recording((0..<10).map { ($0 * 1_000, 1, 1, [$0]) })))
    bench.run(for: .milliseconds(3_500))
    #expect(taken.requests.count == 3)
    bench.host.crash(NodeID(1))
    bench.run(for: .seconds(2))
    bench.crashAndRestart(NodeID(1))
    bench.run(for: .seconds(10))
    let keys = taken.requests.compactMap { request -> String? in
      if case .string(let scope)? = request.document["context"]?["scope"] { scope } else { nil }
    }
    #expect(keys.count == 8 && Set(keys).count == 8 && keys.last == "session-9" && !keys.contains("session-3"), "\(keys)")
  }

  @Test func theKeyOfATaskIsTheFirstThatNotAllShare() throws {
    func own(_ keys: [[Int]]) throws -> [Int64?] { try recording(keys.map { (0, 1, 1, $0) }).ownKeys }
    #expect(try own([[0, 1, 2], [0, 1, 3], [0, 1]]) == [2, 3, 1])
    #expect(try own([[0, 1], [], [2]]) == [0, nil, 2])
    #expect(try own([[0, 1, 2]]) == [2] && own([[], []]) == [nil, nil])
  }

  @Test func theStandInLastsAsLongAsItIsAskedFor() {
    for seconds in [Int64(0), 30, 600] {
      let drawn = TaskRecording.synthetic(seed: 3, within: .seconds(seconds))
      #expect(
        drawn.duration <= .seconds(seconds) && drawn.duration >= .seconds(seconds) - .seconds(5),
        "\(drawn.duration.seconds) of \(seconds) s")
      #expect(drawn.tasks.count > Int(seconds))
    }
  }
}
