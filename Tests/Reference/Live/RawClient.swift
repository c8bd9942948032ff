// A socket without manners: sends any bytes, in any pieces, and reads what comes back. Reads give up after a bounded
// wait, which no assertion depends on in a world that works.

import Glibc

/// A TCP connection to 127.0.0.1.
final class RawClient {
  private let descriptor: CInt
  private var isOpen = true
  /// What was read and not taken yet.
  private(set) var unread: [UInt8] = []
  private(set) var isAtEnd = false
  /// How long a read waits where nothing else is said.
  var patienceMilliseconds: CInt = 10_000

  struct Failure: Error { var what: String }

  init(port: Int, receiveBufferBytes: CInt? = nil) throws {
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(what: "socket: errno \(errno)") }
    if var bytes = receiveBufferBytes { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<CInt>.size)) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard result == 0 else {
      let code = errno
      Glibc.close(descriptor)
      isOpen = false
      throw Failure(what: "connect: errno \(code)")
    }
  }

  /// Takes over a connection that was accepted.
  init(descriptor: CInt) { self.descriptor = descriptor }

  deinit { close() }

  func close() {
    guard isOpen else { return }
    isOpen = false
    Glibc.close(descriptor)
  }

  /// Says that nothing more comes, and goes on reading.
  func shutdownOutput() { shutdown(descriptor, CInt(SHUT_WR)) }

  @discardableResult func send(_ text: String, patienceMilliseconds: CInt = 5_000) -> Int {
    send(Array(text.utf8), patienceMilliseconds: patienceMilliseconds)
  }

  /// Sends all bytes, or as many as the peer takes before it goes away or stands still; returns how many that were.
  @discardableResult func send(_ bytes: [UInt8], patienceMilliseconds: CInt = 5_000) -> Int {
    var done = 0
    while done < bytes.count {
      var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      guard poll(&poller, 1, patienceMilliseconds) > 0 else { return done }
      let count = bytes[done...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
      }
      if count < 0 && (errno == EAGAIN || errno == EINTR) { continue }
      if count <= 0 { return done }
      done += count
    }
    return done
  }

  /// Reads once; false at the end of the connection or when nothing comes for a long time.
  @discardableResult func readMore(patienceMilliseconds: CInt? = nil) -> Bool {
    let patienceMilliseconds = patienceMilliseconds ?? self.patienceMilliseconds
    guard !isAtEnd else { return false }
    var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, patienceMilliseconds) > 0 else { return false }
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    if count <= 0 {
      isAtEnd = true
      return false
    }
    unread += chunk[0..<count]
    return true
  }

  /// Everything until the peer closes.
  func readToEnd() -> String {
    while readMore() {}
    defer { unread = [] }
    return String(decoding: unread, as: UTF8.self)
  }

  /// The next `count` bytes, or fewer at the end.
  func read(_ count: Int) -> [UInt8] {
    while unread.count < count, readMore() {}
    let taken = Array(unread.prefix(count))
    unread.removeFirst(taken.count)
    return taken
  }

  /// The next response: status, head, body by Content-Length; nil where none comes. Interim responses count as
  /// responses.
  func readResponse(hasBody: Bool = true) -> RawResponse? {
    let separator: [UInt8] = [13, 10, 13, 10]
    while true {
      if let end = firstRange(of: separator) {
        let head = String(decoding: unread[0..<end], as: UTF8.self)
        unread.removeFirst(end + 4)
        let lines = head.split(separator: "\r\n").map { String($0) }
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { return nil }
        var response = RawResponse(status: status, lines: lines)
        if hasBody, let length = response.field("content-length").flatMap({ Int($0) }) { response.body = read(length) }
        return response
      }
      if !readMore() { return nil }
    }
  }

  /// The next request's head, or nil where none comes; its body is left unread.
  func readRequestHead() -> String? {
    while true {
      if let end = firstRange(of: [13, 10, 13, 10]) {
        let head = String(decoding: unread[0..<end], as: UTF8.self)
        unread.removeFirst(end + 4)
        return head
      }
      if !readMore() { return nil }
    }
  }

  private func firstRange(of pattern: [UInt8]) -> Int? {
    guard unread.count >= pattern.count else { return nil }
    for start in 0...(unread.count - pattern.count) where Array(unread[start..<start + pattern.count]) == pattern { return start }
    return nil
  }
}

/// A listening socket on 127.0.0.1.
final class RawServer {
  private let descriptor: CInt
  let port: Int

  init() throws {
    let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    descriptor = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 16) == 0 ? getsockname(listener, $0, &length) : -1
      }
    }
    guard result == 0 else { throw RawClient.Failure(what: "listen: errno \(errno)") }
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }

  /// The next connection, or nil where none comes for a long time.
  func accept(patienceMilliseconds: CInt = 10_000) -> RawClient? {
    var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, patienceMilliseconds) > 0 else { return nil }
    let accepted = Glibc.accept(descriptor, nil, nil)
    return accepted < 0 ? nil : RawClient(descriptor: accepted)
  }
}

/// A response as it came.
struct RawResponse: Equatable {
  var status: Int
  var lines: [String]
  var body: [UInt8] = []

  var text: String { String(decoding: body, as: UTF8.self) }

  func field(_ name: String) -> String? {
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == name { return String(parts[1].drop(while: { $0 == " " })) }
    }
    return nil
  }
}
