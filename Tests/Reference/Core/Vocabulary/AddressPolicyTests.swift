// Which addresses users' destinations may lead to: IANA's registries of special-purpose addresses, line by line, and what
// people try instead.

import Testing
import Vocabulary

@Suite struct AddressPolicyTests {
  private static let user = Destination(.http, HostAndPort(host: "hook.example", port: 80), namedBy: .user)

  @Test(arguments: [
    "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.0.1",
    "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1",
    "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:0", "::127.0.0.1", "::8.8.8.8",
    "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:0:4136:e378::1",
    "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1",
    "3fff:fff:ffff::", "4000::1", "5f00::1", "fc00::1", "fd12:3456::1", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1",
    "ff0e::1",
  ])
  func closed(_ text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(!AddressPolicy.isPublic(address))
    #expect(!AddressPolicy().allows(address, for: Self.user))
    // An operator may.
    let operators = Destination(.http, HostAndPort(host: "hook.example", port: 80), namedBy: .operator)
    #expect(AddressPolicy().allows(address, for: operators))
  }

  @Test(arguments: [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
    "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.112.255", "203.0.114.0", "223.255.255.255", "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8", "2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2606:4700::1111",
    "3ffe:ffff::1",
  ])
  func open(_ text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(AddressPolicy.isPublic(address))
    #expect(AddressPolicy().allows(address, for: Self.user))
  }

  @Test func whatTheOperatorAllowsBeyond() throws {
    let policy = AddressPolicy(
      allowedBlocks: [try #require(AddressBlock("10.1.0.0/16")), try #require(AddressBlock("fd00::/8"))], allowedHosts: ["Hook.Example."])
    let other = Destination(.https, HostAndPort(host: "other.example", port: 443), namedBy: .user)
    for (text, isAllowed) in [
      ("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("fd00::1", true), ("fc00::1", false), ("127.0.0.1", false),
    ] {
      let address = try #require(IPAddress(text))
      #expect(policy.allows(address, for: other) == isAllowed, "\(text)")
      #expect(policy.allows(address, for: Self.user), "\(text) by a name that is allowed")
    }
  }

  @Test func whatADestinationSaysByItself() throws {
    let policy = AddressPolicy()
    #expect(policy.allows(try Destination("http://hook.example", namedBy: .user)))
    #expect(policy.allows(try Destination("https://1.1.1.1", namedBy: .user)))
    #expect(!policy.allows(try Destination("https://10.0.0.1", namedBy: .user)))
    #expect(!policy.allows(try Destination("http://[::1]", namedBy: .user)))
    #expect(!policy.allows(try Destination("http://[2606:4700::1111%eth0]", namedBy: .user)))
    #expect(policy.allows(try Destination("http://[fe80::1%eth0]", namedBy: .operator)))
    #expect(policy.allows(try Destination("unix:/run/x.sock", namedBy: .operator)))
  }
}

@Suite struct IPAddressTests {
  @Test(arguments: [
    ("0.0.0.0", "0.0.0.0"), ("255.1.20.100", "255.1.20.100"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("::ffff:1.2.3.4", "::ffff:102:304"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
  ])
  func readAndWritten(_ text: String, _ written: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address.description == written)
    #expect(IPAddress(written) == address)
  }

  @Test(arguments: [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "0x7f.0.0.1", "127.1", "2130706433", "1.2.3.4 ", "1.2.3.-4", "::1%eth0", ":::",
    "1::2::3", "12345::",
    "::g", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1.2.3", "[::1]",
  ])
  func noAddresses(_ text: String) { #expect(IPAddress(text) == nil) }

  @Test(arguments: ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "/8", "fc00::/129", "fc00::1/7", "10.0.0.0/8/8", "x/8"])
  func noBlocks(_ text: String) { #expect(AddressBlock(text) == nil) }

  @Test func blocksOfAllWidths() throws {
    #expect(try #require(AddressBlock("0.0.0.0/0")).contains(IPAddress(255, 255, 255, 255)))
    #expect(try #require(AddressBlock("1.2.3.4")).contains(IPAddress(1, 2, 3, 4)))
    #expect(!(try #require(AddressBlock("1.2.3.4/32")).contains(IPAddress(1, 2, 3, 5))))
    #expect(try #require(AddressBlock("::/0")).contains(try #require(IPAddress("ffff::"))))
    #expect(!(try #require(AddressBlock("::/0")).contains(IPAddress(1, 2, 3, 4))))
    #expect(try #require(AddressBlock("1:2:3:4::/64")).contains(try #require(IPAddress("1:2:3:4:ffff::1"))))
    #expect(!(try #require(AddressBlock("1:2:3:4::/65")).contains(try #require(IPAddress("1:2:3:4:ffff::1")))))
    #expect(!(try #require(AddressBlock("1::1")).contains(try #require(IPAddress("1::2")))))
  }
}

@Suite struct DestinationTests {
  @Test(arguments: [
    ("http://host.example", "http://host.example:80", "host.example"),
    ("HTTPS://Host.Example/", "https://host.example:443", "host.example"),
    ("http://host:8080", "http://host:8080", "host:8080"), ("https://host:80", "https://host:80", "host:80"),
    ("http://[::1]", "http://[::1]:80", "[::1]"), ("http://[fe80::1%eth0]:8080", "http://[fe80::1%eth0]:8080", "[fe80::1]:8080"),
    ("https://[fe80::1%eth0]", "https://[fe80::1%eth0]:443", "[fe80::1]"),
    ("http://xn--bcher-kva.example", "http://xn--bcher-kva.example:80", "xn--bcher-kva.example"),
  ])
  func taken(_ text: String, _ written: String, _ hostField: String) throws {
    let destination = try Destination(text, namedBy: .user)
    #expect(destination.description == written)
    #expect(destination.hostField == hostField)
    #expect(destination == (try Destination(written, namedBy: .user)))
    #expect(destination != (try Destination(written, namedBy: .operator)))
  }

  @Test(arguments: [
    ("ftp://host", "no other scheme"), ("host:80", "expected http://HOST"), ("http:host", "expected http://HOST"),
    ("http://", "expected HOST"),
    ("http://u:p@host", "credentials"), ("http://host@127.0.0.1", "credentials"), ("http://host/path", "nothing behind"),
    ("http://host?x", "nothing behind"), ("http://host/#x", "fragment"), ("http://host\\@other", "expected / behind"),
    ("http://bücher.example", "encoded"), ("http://a b", "printable ASCII"), ("http://host\r\nx: y", "printable ASCII"),
    ("http://2130706433", "expected HOST"), ("http://017700000001", "expected HOST"), ("http://0x7f000001", "expected HOST"),
    ("http://0X7F.0.0.0x1", "expected HOST"), ("http://0x", "expected HOST"), ("http://127.1", "expected HOST"),
    ("http://0177.0.0.1", "expected HOST"), ("http://127.0.0.1.", "expected HOST"), ("http://127.0.0.0x1.", "expected HOST"),
    ("unix:/run/docker.sock", "nobody's to name"), ("http://host:0", "expected HOST"),
  ])
  func refusedOfUsers(_ text: String, _ why: String) {
    let mistake = #expect(throws: DestinationMistake.self) { try Destination(text, namedBy: .user) }
    #expect(mistake?.description.contains(why) == true, "\(mistake?.description ?? "")")
  }

  @Test func sockets() throws {
    #expect(try Destination("unix:/run/x.sock", namedBy: .operator).description == "unix:/run/x.sock")
    #expect(throws: DestinationMistake.self) { try Destination("unix:x.sock", namedBy: .operator) }
    #expect(throws: DestinationMistake.self) { try Destination("unix:/\(String(repeating: "a", count: 107))", namedBy: .operator) }
    #expect(try Destination("unix:/\(String(repeating: "a", count: 106))", namedBy: .operator).hostField == "localhost")
  }

  @Test func urls() throws {
    let (destination, target) = try Destination.url("https://host.example:8443/a/b?c=%20d", namedBy: .user)
    #expect(destination.description == "https://host.example:8443")
    #expect(target == "/a/b?c=%20d")
    #expect(try Destination.url("http://host?x", namedBy: .user).target == "/?x")
    #expect(try Destination.url("http://host", namedBy: .user).target == "/")
  }
}
