// Locks, each with one owner for a time, and a token that is greater than all before it (fencing; M. Kleppmann, "How to do
// distributed locking", 2016): whoever stood still while his time ran out comes too late with a token that is too small.

import StoresAPI
import Vocabulary
import Wire

/// A lock that somebody holds.
struct Lock {
  var token: UInt64
  var owner: String
  var expires: Instant
}

extension Cache {
  mutating func lock(_ ask: CacheRequest, _ turn: inout Turn) throws(RequestProblem) -> Response {
    try ask.only(["name", "owner", "ttl"])
    let (name, owner) = (try ask.name("name"), try ask.name("owner").text)
    let span = try ask.required("ttl", try ask.span("ttl", upTo: CacheAPI.maximumLockMilliseconds))
    // A planted bug takes a lock for over when half of the time of whoever asks is left.
    let early = turn.planted.contains(.cacheGivesLocksEarly) ? TimeSpan(nanoseconds: span.nanoseconds / 2) : .zero
    if let held = locks[name], held.expires > turn.now + early {
      figures.locksRefused += 1
      // Also to its owner: two of his threads are two.
      return .failure(
        409, code: "LOCKED", message: "somebody holds this lock for \((held.expires - turn.now).milliseconds) ms more", field: "name",
        retryAfter: held.expires - turn.now)
    }
    guard locks.count < configuration.maximumLocks || locks[name] != nil else {
      throw RequestProblem(503, code: "TOO_MANY_LOCKS", message: "as many locks are held as may be")
    }
    locksGiven += 1
    // A life gives fewer than four thousand million.
    let life = turn.planted.contains(.cacheTokensBeginAnew) ? 0 : UInt64(turn.incarnation) + 1
    let token = life << 32 | locksGiven
    invariant(locksGiven < 1 << 32, "\(locksGiven) locks were given in one life")
    return hold(name, Lock(token: token, owner: owner, expires: turn.now + span), 201, &turn)
  }

  private mutating func hold(_ name: ExactName, _ lock: Lock, _ status: Int, _ turn: inout Turn) -> Response {
    locks[name] = lock
    note(Ending(at: lock.expires, kind: .lock, name: name), &turn)
    return grant(lock, turn.now).response(status)
  }

  private func grant(_ lock: Lock, _ now: Instant) -> LockGrant {
    LockGrant(token: lock.token, owner: lock.owner, remainingMilliseconds: (lock.expires - now).milliseconds)
  }

  private func held(_ name: ExactName, _ ask: CacheRequest, _ now: Instant) throws(RequestProblem) -> Lock {
    let token = try ask.required("token", try ask.integer("token", in: 0...Int64.max))
    guard let held = locks[name], held.expires > now, held.token == UInt64(token) else {
      throw RequestProblem(409, code: "LOCK_LOST", message: "this lock is not held by that token (any more)", field: "token")
    }
    return held
  }

  mutating func renew(_ ask: CacheRequest, _ turn: inout Turn) throws(RequestProblem) -> Response {
    try ask.only(["name", "token", "ttl"])
    let name = try ask.name("name")
    let span = try ask.required("ttl", try ask.span("ttl", upTo: CacheAPI.maximumLockMilliseconds))
    var lock = try held(name, ask, turn.now)
    if turn.planted.contains(.cacheForgetsRenewals) {
      return LockGrant(token: lock.token, owner: lock.owner, remainingMilliseconds: span.milliseconds).response(200)
    }
    lock.expires = turn.now + span
    return hold(name, lock, 200, &turn)
  }

  mutating func unlock(_ ask: CacheRequest, _ now: Instant) throws(RequestProblem) -> Response {
    try ask.only(["name", "token"])
    let name = try ask.name("name")
    _ = try held(name, ask, now)
    locks[name] = nil
    return Response(status: 204)
  }

  func lockState(_ ask: CacheRequest, _ now: Instant) throws(RequestProblem) -> Response {
    try ask.only(["name"])
    guard let lock = locks[try ask.name("name")], lock.expires > now else {
      return .failure(404, code: "NOT_LOCKED", message: "nobody holds this lock", field: "name")
    }
    return grant(lock, now).response(200)
  }
}
