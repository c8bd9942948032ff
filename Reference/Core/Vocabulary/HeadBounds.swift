// How long the head of a message is where it is written as HTTP/1.1, and what is too long for every host. A real host
// counts the bytes that came; what stands here is for hosts that pass heads on unwritten, and is never less.

extension RequestHead {
  /// Bytes of its request line without the line's end: method, target, version (RFC 9112, section 3).
  public var requestLineBytes: Int { method.token.utf8.count + max(1, target.utf8.count) + 11 }

  /// Why every host refuses it, if it does: its request line, all of it, or the number of its fields is beyond
  /// `HostLimits`.
  public var refusal: HTTPRefusal? {
    guard requestLineBytes <= HostLimits.requestLineBytes else {
      return .targetTooLong(limitBytes: HostLimits.requestLineBytes)
    }
    guard requestLineBytes + 2 + headers.writtenBytes <= HostLimits.headBytes else { return .headTooLong(limitBytes: HostLimits.headBytes) }
    guard headers.fields.count + Headers.fieldsOfHosts <= HostLimits.headerFields else {
      return .tooManyFields(limit: HostLimits.headerFields)
    }
    return nil
  }
}

extension ResponseHead {
  /// Whether no host's caller takes it: it is longer, or has more fields, than `HostLimits` says.
  public var isTooLong: Bool {
    // The longest phrase behind a status is "Request Header Fields Too Large".
    headers.writtenBytes + 48 > HostLimits.headBytes || headers.fields.count + Headers.fieldsOfHosts > HostLimits.headerFields
  }
}

extension Headers {
  /// Fields that a host may add to a machine's own.
  static let fieldsOfHosts = 8
  /// Bytes of these, and of the empty line behind them.
  private static let bytesOfHosts = 512

  /// Bytes of all fields where they are written down, with those that a host may add.
  fileprivate var writtenBytes: Int {
    fields.reduce(Self.bytesOfHosts) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
  }
}
