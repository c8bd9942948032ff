// Files of costs: the shipped ones are what their file says, a file says what was written, and mistakes are named.

import Flight
import Foundation
import Scenarios
import TestBench
import Testing
import Vocabulary
import World
import YAMLReading

@Suite struct CostsFileTests {
  private static let shippedText = try? String(contentsOf: Repository.file("Reports/Reference/costs.yaml"), encoding: .utf8)

  private func same(_ left: Costs, _ right: Costs) -> Bool {
    left.name == right.name && left.origin == right.origin && left.loopback == right.loopback && left.yaml(note: "") == right.yaml(note: "")
  }

  @Test func theShippedCostsAreThoseOfTheirFile() throws {
    let text = try #require(Self.shippedText)
    #expect(same(try Costs(yaml: text, file: "costs.yaml"), .shipped))
    // A control: a figure more or less is seen.
    #expect(!same(try Costs(yaml: text.replacing("loopback: ", with: "loopback: 1us"), file: "costs.yaml"), .shipped))
  }

  @Test func whatIsWrittenIsRead() throws {
    var costs = Costs.shipped
    costs.name = "other"
    costs.origin = "a \"machine\" of C:\\"
    costs.service.exchangeTurn = .milliseconds(3)
    costs.service.sync = .longTail(minimum: .zero, median: .zero, p99: .milliseconds(2), maximum: .seconds(1))
    #expect(same(try Costs(yaml: costs.yaml(note: "A note."), file: "x.yaml"), costs))
  }

  @Test(arguments: [
    ("exchange turn", "exchange turns", "expected one of the keys of a file of costs"), ("bytes/s", "MB/s", "expected bytes a second"),
    ("median: 177124ns", "median: 1s", "expected minimum, median, p99 and maximum in rising order"),
    ("minimum: 114371ns", "minimum: -1s", "expected how long a sync takes"),
    ("read: 1242ns", "read: 2m", "expected how long a read in a turn takes"),
    ("  p99: 280949ns\n", "", "expected the key \"p99\", found none"),
    ("costs: two-core-server\n", "", "expected the key \"costs\", found none"),
  ]) func aMistakeIsNamed(_ text: String, _ instead: String, _ expected: String) throws {
    let yaml = try #require(Self.shippedText)
    #expect(yaml.contains(text))
    do {
      _ = try Costs(yaml: yaml.replacing(text, with: instead), file: "x.yaml")
      Issue.record("it was read")
    } catch {
      #expect("\(error)".hasPrefix("x.yaml:") && "\(error)".contains(expected), "\(error)")
    }
  }

  @Test func aFlightIsFlownWithTheCostsThatItIsGiven() throws {
    let yaml = """
      scenario: example
      about: An example.
      system: registers
      servers: 1
      duration: 4s
      settle: 4s
      load:
        - registers: 30/s
      """
    func median(_ change: (inout Costs) -> Void) throws -> TimeSpan {
      var order = FlightOrder(try Scenario(yaml: yaml, file: "x.yaml", systems: systems), seed: 1)
      change(&order.costs)
      let result = Flight(order, systems: systems).fly()
      #expect(result.costs?.name == order.costs.name)
      let latencies = result.requests.map(\.latency).sorted()
      return latencies[latencies.count / 2]
    }
    let slow = try median { costs in
      costs.name = "slow"
      costs.service.exchangeTurn = .milliseconds(5)
    }
    #expect(try median { _ in } < .milliseconds(3))
    #expect(slow > .milliseconds(5))
  }
}
