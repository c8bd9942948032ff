// A file of costs, as `windtunnel calibrate` writes it and `--costs` takes it. The format is on the page Costs.md.

import Kernel
import Vocabulary
import World
import YAMLReading

extension Costs {
  private static let keys = [
    "costs", "origin", "exchange turn", "message turn", "small turn", "kibibyte", "read", "transfer", "loopback", "sync",
  ]
  private static let syncKeys = ["minimum", "median", "p99", "maximum"]

  /// Reads the costs in `yaml`, which came from `file`. Throws the first mistake.
  public init(yaml: String, file: String) throws(TextMistake) {
    let root = try YAMLField.parse(yaml, file: file, what: "a file of costs")
    let members = try root.members(Self.keys, of: "a file of costs")
    func span(_ key: String, _ what: String, of field: YAMLField? = nil, _ among: [String: YAMLField]) throws(TextMistake) -> TimeSpan {
      try (field ?? root).required(key, among).value("\(what), like 20us, up to 1m") { text in
        SpanText.span(text).flatMap { ($0 >= .zero && $0 <= .seconds(60)) ? $0 : nil }
      }
    }
    let name = try root.required("costs", members).text("a name")
    let origin = try root.required("origin", members).text("the machine on which it was measured")
    var service = CostModel.service
    service.exchangeTurn = try span("exchange turn", "CPU time of a turn that takes a request or a response", members)
    service.messageTurn = try span("message turn", "CPU time of a turn that takes a message", members)
    service.smallTurn = try span("small turn", "CPU time of any other turn", members)
    service.perKibibyte = try span("kibibyte", "CPU time of 1,024 bytes", members)
    service.read = try span("read", "how long a read in a turn takes", members)
    service.transferBytesPerSecond = try root.required("transfer", members).value("bytes a second, like 400000000 bytes/s") { text in
      text.hasSuffix(" bytes/s") ? Int64(text.dropLast(8)).flatMap { (1...1_000_000_000_000).contains($0) ? $0 : nil } : nil
    }
    let loopback = try span("loopback", "how long anything takes within a box", members)
    let sync = try root.required("sync", members)
    let corners = try sync.members(Self.syncKeys, of: "the costs of a sync")
    var spans: [TimeSpan] = []
    for key in Self.syncKeys { spans.append(try span(key, "how long a sync takes", of: sync, corners)) }
    guard zip(spans, spans.dropFirst()).allSatisfy({ $0 <= $1 }) else {
      throw sync.mistake("expected minimum, median, p99 and maximum in rising order")
    }
    service.sync = .longTail(minimum: spans[0], median: spans[1], p99: spans[2], maximum: spans[3])
    self.init(name: name, origin: origin, service: service, loopback: loopback)
  }

  /// The file that says so. `note` stands above it, as a comment.
  public func yaml(note: String) -> String {
    func text(_ span: TimeSpan) -> String { "\(span.nanoseconds)ns" }
    func quoted(_ words: String) -> String { "\"\(words.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\"" }
    return """
      # \(note)
      costs: \(name)
      origin: \(quoted(origin))
      exchange turn: \(text(service.exchangeTurn))
      message turn: \(text(service.messageTurn))
      small turn: \(text(service.smallTurn))
      kibibyte: \(text(service.perKibibyte))
      read: \(text(service.read))
      transfer: \(service.transferBytesPerSecond) bytes/s
      loopback: \(text(loopback))
      sync:
        minimum: \(text(service.sync.quantile(0)))
        median: \(text(service.sync.quantile(500_000)))
        p99: \(text(service.sync.quantile(990_000)))
        maximum: \(text(service.sync.quantile(1_000_000)))

      """
  }
}
