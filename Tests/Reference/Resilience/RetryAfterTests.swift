// What Retry-After says: seconds, and dates in the three forms of HTTP.

import Resilience
import Testing
import Vocabulary

@Suite struct RetryAfterTests {
  /// 1994-11-06T08:49:37Z.
  private static let now = WallTime(milliseconds: 784_111_777_000)

  private func wait(_ text: String, _ now: WallTime = Self.now) -> TimeSpan? {
    RetryAfter.wait(Response(status: 503, headers: ["Retry-After": text]), now: now)
  }

  @Test func secondsAreTakenUpToAnHour() {
    #expect(wait("0") == .zero && wait("120") == .seconds(120) && wait("007") == .seconds(7))
    #expect(
      wait("3601") == RetryAfter.longest && wait("86400") == RetryAfter.longest && wait("99999999999999999999999") == RetryAfter.longest)
    for text in ["", "-1", "+5", "1.5", "5 s", "0x10", "٥", "soon"] { #expect(wait(text) == nil, "\(text)") }
    #expect(RetryAfter.wait(Response(status: 429), now: Self.now) == nil)
  }

  @Test func datesAreTakenInTheirThreeForms() {
    for text in ["Sun, 06 Nov 1994 08:49:42 GMT", "Sunday, 06-Nov-94 08:49:42 GMT", "Sun Nov  6 08:49:42 1994"] {
      #expect(wait(text) == .seconds(5), "\(text)")
    }
    #expect(wait("Sun, 06 Nov 1994 08:49:36 GMT") == .zero, "what is over is no wait")
    #expect(wait("Mon, 06 Nov 2034 08:49:36 GMT") == RetryAfter.longest)
    #expect(wait("Thu, 29 Feb 2024 00:00:01 GMT", WallTime(milliseconds: 1_709_164_800_000)) == .seconds(1), "2024-02-29T00:00:00Z and one")
    #expect(wait("Wednesday, 01-Jan-20 00:00:00 GMT") == RetryAfter.longest, "2020, as seen from 1994")
    #expect(wait("Friday, 01-Jan-60 00:00:00 GMT") == .zero, "1960, as seen from 1994")
    for text in [
      "Sun, 06 Nov 1994 08:49:42", "Sun, 06 Nov 1994 08:49:42 CET", "Sun, 6 Nov 1994 08:49:42 GMT", "Sun, 06 nov 1994 08:49:42 GMT",
      "Sun, 06 Nov 94 08:49:42 GMT", "Sun, 32 Nov 1994 08:49:42 GMT", "Sun, 06 Nov 1994 24:49:42 GMT", "Sun, 06 Nov 1994 08:49 GMT",
      "06 Nov 1994 08:49:42 GMT", "Sun Nov 6 1994 08:49:42", "1994-11-06T08:49:42Z", ",,,,,", "Sun, -6 Nov 1994 08:49:42 GMT",
    ] { #expect(wait(text) == nil, "\(text)") }
  }
}
