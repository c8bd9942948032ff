// Requests of the cache's callers are read as they were meant, whatever names hold.

import StoresAPI
import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct CacheAPITests {
  @Test func namesComeThroughAQuery() throws {
    for name in ["a", "user:1/profile", "a b+c", "é", "e\u{301}", "100%", "k&ttl=5", "k=v", "?#[]@", "🌬", "\"\\"] {
      for request in [CacheAPI.get(name), CacheAPI.put(name, [1], timeToLive: .seconds(5)), CacheAPI.count(name)] {
        let target = try HTTPTarget(request.head.target)
        #expect(sameBytes(try target.item("key") ?? "none", name), "\(request.head.target)")
      }
    }
    let put = try HTTPTarget(CacheAPI.put("k", [], timeToLive: .milliseconds(1_500), if: .absent).head.target)
    #expect(try put.integer("ttl", in: 1...9_999) == 1_500 && put.item("if") == "absent")
  }

  @Test func aGrantIsReadAsItIsWritten() throws {
    let grant = LockGrant(token: 1 << 40 | 7, owner: "me \"and\" you", remainingMilliseconds: 12)
    #expect(try LockGrant(grant.response(201).document()) == grant)
  }
}
