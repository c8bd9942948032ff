// Mail: a request with a message in JSON becomes a submission to a mail server (RFC 5321, RFC 6409), one connection
// each. SMTP.md says what is asked and answered.
//
// What is spoken: EHLO, STARTTLS or TLS from the first byte (only in a build with the trait `TLS`), AUTH PLAIN (RFC
// 4616; only over TLS), MAIL, RCPT, DATA, QUIT; one command at a time, without pipelining. Fault model: the server may
// refuse, be slow, answer nonsense, or go away at any byte. Once the message was sent whole and its answer did not come,
// it may have been taken: that is told apart (`OPEN`). Limits: replies of at most 100 lines of 1,000 bytes each; bounds
// of a message in `SMTPMessage`; no delivery notices.

import NIOCore
import NIOPosix
import Vocabulary
import Wire

/// Where mail is submitted, and how.
public struct SMTPConfiguration: Sendable {
  /// What keeps others from reading it on its way.
  public enum Security: Sendable, Hashable {
    /// Nothing: for a server on this machine or in a network of one's own.
    case none
    /// STARTTLS, which must be offered (port 587).
    case startTLS
    /// TLS from the first byte (port 465).
    case implicitTLS
  }

  /// The mail server.
  public var address: HostAndPort
  /// What keeps others from reading it.
  public var security: Security
  /// Who this is, in EHLO: a name.
  public var name: String
  /// Who submits, where the server wants to know.
  public var credentials: (user: String, password: String)?

  /// A mail server. Throws what cannot be: credentials in the clear, TLS in a build without it, a name that is none.
  public init(
    address: HostAndPort, security: Security, name: String = "localhost", credentials: (user: String, password: String)? = nil
  ) throws(SecurityFailure) {
    if security != .none, !TransportSecurity.isBuiltIn { throw SecurityFailure(TransportSecurity.howToBuildIn) }
    if security == .none, credentials != nil { throw SecurityFailure("a password is sent over TLS only: choose STARTTLS or TLS") }
    guard HostAndPort(name, defaultPort: 25) != nil, !name.utf8.contains(UInt8(ascii: ":")) else {
      throw SecurityFailure("\"\(name)\" is no name of a host")
    }
    if let credentials, (credentials.user + credentials.password).utf8.contains(0) {
      throw SecurityFailure("a user or a password with the character 0")
    }
    self.address = address
    self.security = security
    self.name = name
    self.credentials = credentials
  }
}

/// Submits mail.
public struct SMTPAdapter: Adapter {
  private let configuration: SMTPConfiguration

  /// An adapter for one mail server.
  public init(_ configuration: SMTPConfiguration) { self.configuration = configuration }

  public func answer(_ request: Request, _ surroundings: AdapterSurroundings) async -> Response {
    guard request.head.target == "/messages" else { return .failure(404, code: "NOT_FOUND", message: "there is POST /messages") }
    guard request.head.method == .post else {
      var problem = RequestProblem(405, code: "METHOD_NOT_ALLOWED", message: "there is POST /messages")
      problem.allowed = ["POST"]
      return problem.response
    }
    let message: SMTPMessage
    do throws(RequestProblem) {
      message = try request.decoded { (field) throws(FieldMistake) in try SMTPMessage(field) }
    } catch { return error.response }
    var dialogue = SMTPDialogue(configuration: configuration, surroundings: surroundings)
    do {
      let refused = try await dialogue.submit(message)
      return .json(202) { writer in
        writer.beginObject()
        writer.member("id", message.id)
        writer.name("refused")
        writer.beginArray()
        for one in refused {
          writer.beginObject()
          writer.member("address", one.address)
          writer.member("reply", one.reply.text)
          writer.endObject()
        }
        writer.endArray()
        writer.endObject()
      }
    } catch let failure as SMTPFailure {
      return failure.response
    } catch {
      // The connection: whatever it was, it broke where `isOpen` says.
      return (dialogue.isOpen ? SMTPFailure.open : SMTPFailure.connection("the connection broke (\(error))")).response
    }
  }
}

/// Why a message was not submitted.
enum SMTPFailure: Error {
  /// The server refused it for good (5xx).
  case refused(SMTPReply)
  /// The server cannot take it now (4xx).
  case later(SMTPReply)
  /// It is not reached, or does not speak as it must.
  case connection(String)
  /// TLS or AUTH did not come to be.
  case insecure(String)
  /// The message was sent, and whether it was taken is not known.
  case open

  var response: Response {
    switch self {
    case .refused(let reply): .failure(422, code: "REFUSED", message: "the mail server refused it: \(reply.text)")
    case .later(let reply):
      .failure(503, code: "TRY_LATER", message: "the mail server cannot take it now: \(reply.text)", retryAfter: .seconds(60))
    case .connection(let what): .failure(502, code: "NO_MAIL_SERVER", message: what)
    case .insecure(let what): .failure(502, code: "NOT_SECURED", message: what)
    case .open: .failure(504, code: "OPEN", message: "the message was sent, and whether it was taken is not known")
    }
  }
}

/// What a mail server says to one command.
struct SMTPReply: Sendable, Equatable {
  var code: Int
  var lines: [String]

  /// In one line, without what is no printable ASCII.
  var text: String {
    let bytes = lines.joined(separator: " ").utf8.prefix(400).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
    return "\(code) \(String(decoding: bytes, as: UTF8.self))"
  }
}
