// Authorities and certificates for tests of TLS, made by the `openssl` command when the tests run.

#if TLS

  import Foundation
  import Hosting
  import Live

  /// Runs `openssl` with arguments.
  enum OpenSSL {
    struct Failure: Error { var what: String }

    static func process(_ arguments: [String], in folder: String) -> Process {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["openssl"] + arguments
      process.currentDirectoryURL = URL(fileURLWithPath: folder)
      return process
    }

    /// Runs it to its end; returns its status and what it said.
    @discardableResult static func run(_ arguments: [String], in folder: String, input: String = "") throws -> (status: Int32, text: String)
    {
      let process = process(arguments, in: folder)
      let (inputs, outputs) = (Pipe(), Pipe())
      process.standardInput = inputs
      process.standardOutput = outputs
      process.standardError = outputs
      try process.run()
      inputs.fileHandleForWriting.write(Data(input.utf8))
      try inputs.fileHandleForWriting.close()
      let text = String(decoding: outputs.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return (process.terminationStatus, text)
    }
  }

  /// Authorities and certificates of the tests, made once.
  final class Certificates: Sendable {
    static let made = Result { try Certificates() }

    private let directory = TemporaryDirectoryHeld()
    var path: String { directory.path }

    func file(_ name: String) -> String { "\(path)/\(name)" }
    func identity(_ name: String) -> TransportSecurity.Identity {
      TransportSecurity.Identity(certificateFile: file("\(name).pem"), keyFile: file("\(name).key"))
    }

    private static let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    private init() throws {
      for authority in ["authority", "stranger"] {
        try make(
          ["req", "-x509"] + Self.key + [
            "-keyout", "\(authority).key", "-out", "\(authority).pem", "-days", "2", "-subj", "/CN=\(authority)",
          ])
      }
      try certify("good", "DNS:good.test,IP:127.0.0.1", days: 2)
      try certify("expired", "DNS:good.test", days: -1)
    }

    private func make(_ arguments: [String]) throws {
      let (status, text) = try OpenSSL.run(arguments, in: path)
      guard status == 0 else { throw OpenSSL.Failure(what: "openssl \(arguments.joined(separator: " ")): \(text)") }
    }

    private func certify(_ name: String, _ names: String, days: Int) throws {
      try "subjectAltName=\(names)\n".write(toFile: file("\(name).ext"), atomically: true, encoding: .utf8)
      try make(["req", "-new"] + Self.key + ["-keyout", "\(name).key", "-out", "\(name).csr", "-subj", "/CN=\(name)"])
      try make([
        "x509", "-req", "-in", "\(name).csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "\(days)",
        "-extfile", "\(name).ext", "-out", "\(name).pem",
      ])
    }
  }

  /// A temporary directory for as long as the process lives.
  private final class TemporaryDirectoryHeld: @unchecked Sendable {
    private let directory = TemporaryDirectory()
    var path: String { directory.path }
  }

#endif
