// Ports of loopback for processes that are launched.
//
// Limit: who asks is told of ports that were free a moment ago; another process may take one meanwhile.

import Foundation

/// Why processes could not be launched.
public struct LaunchFailure: Error, CustomStringConvertible {
  /// What failed.
  public var description: String

  /// A failure.
  public init(description: String) { self.description = description }
}

/// Ports of loopback that are free.
public enum FreePorts {
  /// Ports that were free a moment ago.
  public static func take(_ count: Int) throws -> [Int] {
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { close(descriptor) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      descriptors.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      guard isBound else { throw LaunchFailure(description: "no port is free on 127.0.0.1") }
      return Int(UInt16(bigEndian: address.sin_port))
    }
  }
}
