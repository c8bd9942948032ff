// How long something took, counted by bounds.

import Resilience
import Testing
import Vocabulary

@Suite struct TimeHistogramTests {
  @Test func eachIsCountedAtAllBoundsAboveIt() {
    var times = TimeHistogram()
    for span in [.zero, .microseconds(50), .microseconds(51), .milliseconds(7), .seconds(20), .nanoseconds(-5)] as [TimeSpan] {
      times.add(span)
    }
    var text = MetricsText()
    text.histograms("x_seconds", unit: "seconds", help: "x")
    times.write(&text, [("a", "b")])
    let lines = String(decoding: text.finish(), as: UTF8.self)
    for line in [
      #"x_seconds_bucket{a="b",le="5e-05"} 3"#, #"x_seconds_bucket{a="b",le="0.0001"} 4"#, #"x_seconds_bucket{a="b",le="0.005"} 4"#,
      #"x_seconds_bucket{a="b",le="0.01"} 5"#, #"x_seconds_bucket{a="b",le="10.0"} 5"#, #"x_seconds_bucket{a="b",le="+Inf"} 6"#,
      #"x_seconds_count{a="b"} 6"#,
    ] {
      #expect(lines.contains(line + "\n"), "\(line)")
    }
    #expect(times.count == 6)
  }
}
