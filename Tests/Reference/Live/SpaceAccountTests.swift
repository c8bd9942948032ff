// The account of bytes: what is there when it is opened counts, whatever the quota is by now.

import Testing

@testable import Live

@Suite struct SpaceAccountTests {
  @Test func whatIsThereCountsBeyondTheQuota() {
    let account = SpaceAccount(quotaBytes: 10)
    account.count(15)
    #expect(!account.take(1) && account.usedBytes == 15)
    #expect(account.take(-15), "it is given back whole")
    #expect(account.usedBytes == 0 && account.take(10))
  }
}
