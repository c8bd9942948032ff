// Writes heads and chunks of HTTP/1.1 messages.
//
// Limits: fields that frame the message (Content-Length, Transfer-Encoding, Connection) are the host's alone, and those
// of a machine are dropped; bytes that would break a line are written as spaces.

import NIOCore
import Vocabulary

/// How the body that follows a head is framed, and whether the connection ends with it.
struct HTTPFramingFields {
  var framing: HTTPBodyFraming?
  var close: Bool
}

enum HTTPWriter {
  /// Writes the status line and fields of a response. `date` is a preformatted Date field line or empty.
  static func writeHead(_ head: ResponseHead, _ fields: HTTPFramingFields, date: [UInt8], into buffer: inout ByteBuffer) {
    buffer.writeStaticString("HTTP/1.1 ")
    writeDecimal(min(max(head.status, 100), 599), into: &buffer)
    buffer.writeStaticString(" ")
    buffer.writeStaticString(reason(head.status))
    buffer.writeStaticString("\r\n")
    buffer.writeBytes(date)
    // Who says to what one may change says that it is for the next hop alone (RFC 9110, section 7.8).
    writeFields(head.headers, fields, offersUpgrade: head.status == 426, into: &buffer)
  }

  /// Writes the request line and fields of a request.
  static func writeHead(
    _ head: RequestHead, _ fields: HTTPFramingFields, host: String, timeLeft: TimeSpan?, upgradeKey: String?, into buffer: inout ByteBuffer
  ) {
    writeSafely(head.method.token, into: &buffer)
    buffer.writeStaticString(" ")
    writeSafely(head.target.isEmpty ? "/" : head.target, isTarget: true, into: &buffer)
    buffer.writeStaticString(" HTTP/1.1\r\n")
    if head.headers["host"] == nil {
      buffer.writeStaticString("host: ")
      buffer.writeString(host)
      buffer.writeStaticString("\r\n")
    }
    if let timeLeft {
      buffer.writeStaticString("request-timeout-milliseconds: ")
      writeDecimal(max(0, Int(timeLeft.milliseconds)), into: &buffer)
      buffer.writeStaticString("\r\n")
    }
    if let upgradeKey {
      buffer.writeStaticString("connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ")
      buffer.writeString(upgradeKey)
      buffer.writeStaticString("\r\n")
    }
    writeFields(head.headers, fields, into: &buffer)
  }

  /// Writes the answer that turns a connection into a WebSocket; `headers` hold the fields of the handshake.
  static func writeUpgrade(_ headers: Headers, into buffer: inout ByteBuffer) {
    buffer.writeStaticString("HTTP/1.1 101 Switching Protocols\r\n")
    for field in headers.fields where !isFramingField(field.name) || field.name == "connection" {
      writeSafely(field.name, into: &buffer)
      buffer.writeStaticString(": ")
      writeSafely(field.value, into: &buffer)
      buffer.writeStaticString("\r\n")
    }
    buffer.writeStaticString("\r\n")
  }

  /// Writes one chunk's size line.
  static func writeChunkHead(count: Int, into buffer: inout ByteBuffer) {
    buffer.writeString(String(count, radix: 16))
    buffer.writeStaticString("\r\n")
  }

  private static func writeFields(
    _ headers: Headers, _ fields: HTTPFramingFields, offersUpgrade: Bool = false, into buffer: inout ByteBuffer
  ) {
    for field in headers.fields where !isFramingField(field.name) {
      writeSafely(field.name, into: &buffer)
      buffer.writeStaticString(": ")
      writeSafely(field.value, into: &buffer)
      buffer.writeStaticString("\r\n")
    }
    switch fields.framing {
    case .none, .untilClose: break
    case .empty: buffer.writeStaticString("content-length: 0\r\n")
    case .length(let count):
      buffer.writeStaticString("content-length: ")
      writeDecimal(count, into: &buffer)
      buffer.writeStaticString("\r\n")
    case .chunked: buffer.writeStaticString("transfer-encoding: chunked\r\n")
    }
    switch (fields.close, offersUpgrade) {
    case (true, true): buffer.writeStaticString("connection: upgrade, close\r\n")
    case (true, false): buffer.writeStaticString("connection: close\r\n")
    case (false, true): buffer.writeStaticString("connection: upgrade\r\n")
    case (false, false): break
    }
    buffer.writeStaticString("\r\n")
  }

  private static func isFramingField(_ name: String) -> Bool {
    switch name.utf8.count {
    case 10: name.isSameToken(as: "connection")
    case 14: name.isSameToken(as: "content-length")
    case 17: name.isSameToken(as: "transfer-encoding")
    default: false
    }
  }

  private static func writeSafely(_ text: String, isTarget: Bool = false, into buffer: inout ByteBuffer) {
    let isSafe = text.utf8.allSatisfy { ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F && !(isTarget && $0 == 0x20) }
    if isSafe {
      buffer.writeString(text)
    } else {
      // A line break here would let a value become a field or a second message.
      buffer.writeBytes(text.utf8.map { $0 < 0x20 || $0 == 0x7F || (isTarget && $0 == 0x20) ? (isTarget ? 0x5F : 0x20) : $0 })
    }
  }

  private static func writeDecimal(_ value: Int, into buffer: inout ByteBuffer) { buffer.writeString(String(value)) }

  /// The phrase that is registered for `status` (RFC 9110, section 15, and the registry of the IANA); empty, as it may
  /// be, where there is none.
  private static func reason(_ status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 101: "Switching Protocols"
    case 102: "Processing"
    case 103: "Early Hints"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 203: "Non-Authoritative Information"
    case 204: "No Content"
    case 205: "Reset Content"
    case 206: "Partial Content"
    case 207: "Multi-Status"
    case 208: "Already Reported"
    case 226: "IM Used"
    case 300: "Multiple Choices"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 305: "Use Proxy"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 402: "Payment Required"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 407: "Proxy Authentication Required"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 423: "Locked"
    case 424: "Failed Dependency"
    case 425: "Too Early"
    case 426: "Upgrade Required"
    case 428: "Precondition Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 451: "Unavailable For Legal Reasons"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    case 506: "Variant Also Negotiates"
    case 507: "Insufficient Storage"
    case 508: "Loop Detected"
    case 511: "Network Authentication Required"
    default: ""
    }
  }
}
