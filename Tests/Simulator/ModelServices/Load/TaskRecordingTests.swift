// Recorded requests: both forms of file, hostile ones, and the stand-in.

import ModelServicesLoad
import Testing
import Vocabulary

@Suite struct TaskRecordingTests {
  private func read(_ text: String) throws(TextMistake) -> TaskRecording { try TaskRecording(reading: Array(text.utf8), file: "f") }

  @Test func readsRowsWithoutKeys() throws {
    let recording = try read(
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n\n2024-02-29 00:00:00,0,1\n2023-11-16 18:15:46.5,7,8"
    )
    #expect(recording.tasks.map(\.inputTokens) == [7, 374, 0] && recording.tasks.map(\.outputTokens) == [8, 44, 1])
    let last: Int64 = (104 * 86_400 + 20_653) * 1_000_000_000 + 500_000_000
    #expect(recording.tasks.map(\.at.nanoseconds) == [0, 180_590_000, last])
    #expect(recording.keys.isEmpty)
  }

  @Test func readsObjectsWithKeys() throws {
    let recording = try read(
      """
      {"timestamp": 3000, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 9223372036854775807], "more": {}}
      {"hash_ids": [], "timestamp": 1000, "input_length": 0, "output_length": 0}
      """)
    #expect(recording.tasks.map(\.at) == [.zero, .seconds(2)] && recording.duration == .seconds(2))
    #expect(recording.keys == [0, 1, .max])
  }

  @Test(arguments: [
    ("", "f:1:1: expected requests, found none"),
    ("\n  \n", "f:2:1: expected requests, found none"),
    ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "f:1:1: expected requests, found none"),
    ("a,b\n", "f:1:1: expected the columns TIMESTAMP,ContextTokens,GeneratedTokens, or an object on each line, found \"a,b\""),
    (
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,1",
      "f:2:1: the row: expected a time and two counts of tokens, found 2 fields"
    ),
    (
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,1,-1",
      "f:2:1: GeneratedTokens: expected a whole number from 0 to 10000000, found \"-1\""
    ),
    (
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,99999999999999999999,1",
      "f:2:1: ContextTokens: expected a whole number from 0 to 10000000, found \"99999999999999999999\""
    ),
    ("{\"timestamp\": 1,\n", "f:1:17: expected a name in double quotes after ',', found the end of the text"),
    ("{\"timestamp\": 1}", "f:1:1: input_length: expected a value, found none"),
    (
      "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": []}\n[]",
      "f:2:1: the document: expected an object, found an array"
    ),
    (
      "{\"timestamp\": -1, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": []}",
      "f:1:1: timestamp: expected an integer from 0 to 7258118400000, found -1"
    ),
    (
      "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": [1, \"x\"]}",
      "f:1:1: hash_ids[1]: expected an integer, found a string"
    ),
  ]) func tellsTheLineOfAMistake(_ text: String, _ told: String) {
    let mistake = #expect(throws: TextMistake.self) { try read(text) }
    #expect(mistake?.description == told)
  }

  @Test(arguments: [
    "2023-02-29 00:00:00", "2023-13-01 00:00:00", "2023-00-01 00:00:00", "2023-11-31 00:00:00", "2023-11-16 24:00:00",
    "2023-11-16 18:60:00",
    "2023-11-16T18:15:46", "1969-12-31 23:59:59", "2200-01-01 00:00:00", "2023-11-16 18:15:46.", "2023-11-16 18:15:46.1234567890",
    "2023-11-16 18:15:46,5", "2023-11-16 18:15:4", "2023-11-16 18:15:46Z", "",
  ]) func takesNoTimeThatIsNone(_ time: String) {
    let mistake = #expect(throws: TextMistake.self) { try read("TIMESTAMP,ContextTokens,GeneratedTokens\n\(time),1,1") }
    #expect(mistake?.line == 2)
  }

  @Test func takesNoLineWithoutEnd() {
    let mistake = #expect(throws: TextMistake.self) { try read("{\"timestamp\": 0" + String(repeating: " ", count: 1 << 20)) }
    #expect(mistake?.problem == "expected lines of at most 1048576 bytes, found one of 1048591")
  }

  /// Bytes that mean nothing are refused or read, never more.
  @Test(arguments: UInt64(1)...50) func survivesWhatIsNoFile(_ seed: UInt64) {
    var random = RandomStream(seed: seed, name: "no-recording")
    var bytes = Array(
      (seed % 2 == 0
        ? "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n"
        : "{\"timestamp\": 3000, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1]}\n").utf8)
    for _ in 0..<200 {
      bytes[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next())
      do throws(TextMistake) {
        #expect(try !TaskRecording(reading: bytes, file: "f").tasks.isEmpty)
      } catch { #expect(error.file == "f" && error.line >= 1) }
    }
  }

  @Test func drawsTheSameFromTheSameSeedWithFewKeysThatAreWantedOften() {
    let drawn = TaskRecording.synthetic(seed: 1, tasks: 2_000)
    #expect(drawn == TaskRecording.synthetic(seed: 1, tasks: 2_000) && drawn != TaskRecording.synthetic(seed: 2, tasks: 2_000))
    #expect(drawn.tasks.count == 2_000 && zip(drawn.tasks, drawn.tasks.dropFirst()).allSatisfy { $0.at <= $1.at })
    #expect((450...750).contains(drawn.duration.seconds), "2,000 gaps of 0.3 s in the mean, found \(drawn.duration.seconds) s")
    let often = drawn.keys.count { $0 < 100 }
    let share = Double(often) / Double(drawn.keys.count)
    #expect(share > 0.4 && share < 0.6, "\(share) of all")
  }
}
