// Writes history files (History.md); what it writes, `AnyHistory(parsing:file:)` reads back as it was.

import Wire

extension History where Model: RecordedModel {
  /// The file's bytes, with a line feed behind every line. An identity in a plain log's append is not written: it means
  /// nothing there.
  public func serialized() -> [UInt8] {
    var bytes: [UInt8] = []
    Self.line(&bytes) { writer in
      writer.member("history", 1)
      writer.member("model", Model.name)
    }
    for operation in operations {
      Self.line(&bytes) { writer in
        writer.member("client", operation.client)
        writer.member("key", operation.key.text)
        writer.member("call", operation.callNanoseconds)
        if let end = operation.returnNanoseconds { writer.member("return", end) }
        writer.member("op", Model.operationName(operation.input))
        Model.write(operation.input, to: &writer)
        switch operation.outcome {
        case .answered(_, let output): Model.write(output, answering: operation.input, to: &writer)
        case .failed: writer.member("result", "failed")
        case .unknown: break
        }
      }
    }
    return bytes
  }

  private static func line(_ bytes: inout [UInt8], _ members: (inout JSONWriter) -> Void) {
    var writer = JSONWriter()
    writer.beginObject()
    members(&writer)
    writer.endObject()
    // Begins and ends match above and there are no doubles, so there is no mistake to throw.
    if let line = try? writer.finish() { bytes += line }
    bytes.append(0x0A)
  }
}

extension AnyHistory {
  /// The file's bytes.
  public func serialized() -> [UInt8] {
    switch self {
    case .register(let history): history.serialized()
    case .log(let history): history.serialized()
    case .idempotentLog(let history): history.serialized()
    case .keyValue(let history): history.serialized()
    }
  }
}
