// What enters the trace hash of a node: every event that its machine takes and every effect that it asks for, with all
// that is in them and with its release; what it writes to its disk; and what its host does to it (crashes, syncs). So
// two flights of one hash did the same, and a difference of one byte anywhere is seen.
//
// Limit: a work is a value of its room's own, of which the host knows nothing. Of what it carries nothing counts, and of
// what it gives only bytes do (`[UInt8]`), or why it gave nothing; any other result is seen by what its machine does
// with it, and what the work wrote is hashed by the disk.

import Kernel
import Vocabulary

extension TraceHash {
  /// Mixes heads of requests and responses in.
  fileprivate mutating func mix(_ headers: Headers) {
    mix(UInt64(truncatingIfNeeded: headers.fields.count))
    for field in headers.fields {
      mix(field.name)
      mix(field.value)
    }
  }

  fileprivate mutating func mix(_ request: Request) {
    mix(request.head)
    mix(UInt64(bitPattern: request.deadline.instant.nanoseconds))
    mix(request.body)
  }

  fileprivate mutating func mix(_ head: RequestHead) {
    mix(head.method.token)
    mix(head.target)
    mix(head.headers)
  }

  fileprivate mutating func mix(_ response: Response) {
    mix(UInt64(truncatingIfNeeded: response.status))
    mix(response.head.headers)
    mix(response.body)
  }

  fileprivate mutating func mix(_ head: ResponseHead) {
    mix(UInt64(truncatingIfNeeded: head.status))
    mix(head.headers)
  }

  fileprivate mutating func mix(_ closure: StreamClosure) {
    mix(UInt64(closure.code))
    mix(closure.reason)
  }
}

extension SimulatedHost {
  /// Mixes what happens to a node in.
  @inline(__always) func mix(_ node: SimulatedNode, _ event: Event) {
    var hash = node.traceHash
    let time = UInt64(bitPattern: now)
    switch event {
    case .message(let from, let bytes):
      hash.mix(time, 1 << 32)
      hash.mix(digests[Int(from.index)], bytes)
    case .timer(let id): hash.mix(time, 2 << 32 ^ id.value)
    case .request(let id, let request):
      hash.mix(time, 3 << 32 ^ id.value)
      hash.mix(request)
    case .response(let id, let response):
      hash.mix(time, 4 << 32 ^ id.value)
      hash.mix(response)
    case .failed(let id, let failure):
      hash.mix(time, 5 << 32 ^ id.value)
      hash.mix(EventText.code(failure))
    case .abandoned(let id): hash.mix(time, 6 << 32 ^ id.value)
    case .durable(let position): hash.mix(time, 7 << 32 ^ position.value)
    case .completed(let id, let outcome):
      hash.mix(time, 8 << 32 ^ id.value)
      switch outcome {
      case .failed(let failure): hash.mix("\(failure)")
      case .finished(let value): if let bytes = value as? [UInt8] { hash.mix(bytes) }
      }
    case .stream(let id, let part):
      hash.mix(time, 9 << 32 ^ id.value)
      Self.mix(part, &hash)
    }
    node.traceHash = hash
  }

  private static func mix(_ part: StreamEvent, _ hash: inout TraceHash) {
    switch part {
    case .opened(let head, let webSocket, let deadline):
      hash.mix(webSocket ? 11 : 10)
      hash.mix(head)
      hash.mix(UInt64(bitPattern: deadline.instant.nanoseconds))
    case .accepted(let head):
      hash.mix(12)
      hash.mix(head)
    case .received(let bytes, let isText):
      hash.mix(isText ? 14 : 13)
      hash.mix(bytes)
    case .credit(let bytes): hash.mix(15 << 32 ^ UInt64(truncatingIfNeeded: bytes))
    case .finished(let closure):
      hash.mix(16)
      hash.mix(closure)
    case .aborted(let closure):
      hash.mix(17)
      hash.mix(closure)
    }
  }

  /// Mixes what a machine asks for in, and when it may leave.
  @inline(__always) func mix(_ node: SimulatedNode, _ effect: borrowing Effect, _ release: Release) {
    var hash = node.traceHash
    let leaves: UInt64 =
      switch release {
      case .whenDurable: 41 << 32
      case .immediately: 42 << 32
      case .after(let position): 43 << 32 ^ position.value
      }
    switch effect {
    case .message(let to, let bytes):
      hash.mix(leaves, 21 << 32)
      hash.mix(digests[Int(to.index)], bytes)
    case .wake(let timer, let instant):
      hash.mix(leaves, 22 << 32 ^ timer.value)
      hash.mix(UInt64(bitPattern: instant.nanoseconds))
    case .cancelWake(let timer): hash.mix(leaves, 23 << 32 ^ timer.value)
    case .observe(let observation):
      hash.mix(leaves, observation.fact.digest)
      hash.mix(observation.subject, observation.value)
    case .notifyWhenDurable(let position): hash.mix(leaves, 24 << 32 ^ position.value)
    case .call(let id, let callee, let request):
      hash.mix(leaves, 25 << 32 ^ id.value)
      mix(callee, &hash)
      hash.mix(request)
    case .cancelCall(let id): hash.mix(leaves, 26 << 32 ^ id.value)
    case .reply(let id, let response):
      hash.mix(leaves, 27 << 32 ^ id.value)
      hash.mix(response)
    case .open(let id, let callee, let request, let form):
      hash.mix(leaves, 28 << 32 ^ id.value)
      mix(callee, &hash)
      hash.mix(request)
      hash.mix("\(form)")
    case .accept(let id, let head):
      hash.mix(leaves, 29 << 32 ^ id.value)
      hash.mix(head)
    case .send(let ids, let bytes, let isText):
      hash.mix(leaves, isText ? 31 << 32 : 30 << 32)
      for id in ids { hash.mix(id.value) }
      hash.mix(bytes)
    case .grant(let id, let bytes):
      hash.mix(leaves, 32 << 32 ^ id.value)
      hash.mix(UInt64(truncatingIfNeeded: bytes))
    case .finish(let id, let closure):
      hash.mix(leaves, 33 << 32 ^ id.value)
      hash.mix(closure)
    case .abort(let id, let closure):
      hash.mix(leaves, 34 << 32 ^ id.value)
      hash.mix(closure)
    case .compute(let id, _): hash.mix(leaves, 35 << 32 ^ id.value)
    case .cancelCompute(let id): hash.mix(leaves, 36 << 32 ^ id.value)
    case .locate(_, let address):
      hash.mix(leaves, 39 << 32)
      hash.mix(address)
    case .restart(let reason):
      hash.mix(leaves, 40 << 32)
      hash.mix(reason)
    }
    node.traceHash = hash
  }

  @inline(__always) private func mix(_ callee: Callee, _ hash: inout TraceHash) {
    switch callee {
    case .endpoint(let endpoint): hash.mix(resolve(endpoint).map { digests[Int($0.index)] } ?? 0)
    case .destination(let destination):
      hash.mix(destination.namedBy == .user ? 38 << 32 : 37 << 32)
      hash.mix(destination.description)
    }
  }

  /// Mixes what the node wrote to its disk in, since it was last asked.
  @inline(__always) func mixWrites(_ node: SimulatedNode) {
    guard node.hashedPosition != node.disk.position else { return }
    node.hashedPosition = node.disk.position
    node.traceHash.mix(node.disk.writesHash.value)
  }

  /// Mixes a word of the host's own (a crash, a sync) in, to which node it happens.
  func mixHost(_ node: SimulatedNode, _ what: UInt64, _ value: UInt64 = 0) {
    var hash = node.traceHash
    hash.mix(UInt64(bitPattern: now))
    hash.mix(what << 32)
    hash.mix(value)
    node.traceHash = hash
  }
}
