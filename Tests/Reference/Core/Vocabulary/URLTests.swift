// URLs and addresses from outside: what is taken as it is, and what is refused.

import Testing
import Vocabulary

@Suite struct URLTests {
  @Test(arguments: [
    ("http://h", "h", 80, "/"),
    ("http://127.0.0.1:5001/alerts", "127.0.0.1", 5_001, "/alerts"),
    ("HTTP://Host.example:1/", "host.example", 1, "/"),
    ("http://h:65535/hook?token=a%20b&x=%2F", "h", 65_535, "/hook?token=a%20b&x=%2F"),
    ("http://h/a%20b/", "h", 80, "/a%20b/"),
    ("http://h/a//b/../c/", "h", 80, "/a//b/../c/"),
    ("http://h?x=1", "h", 80, "/?x=1"),
    ("http://h/?a=http://u@v", "h", 80, "/?a=http://u@v"),
    ("http://[::1]:18560/hook", "::1", 18_560, "/hook"),
    ("http://[2001:db8::1.2.3.4]/", "2001:db8::1.2.3.4", 80, "/"),
    ("http://0.0.0.0/", "0.0.0.0", 80, "/"), ("http://255.1.20.100:1/", "255.1.20.100", 1, "/"),
    ("http://a_b-c.9x/", "a_b-c.9x", 80, "/"), ("http://9.example/", "9.example", 80, "/"), ("http://h./", "h.", 80, "/"),
    ("http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, "/"),
    ("http://\(String(repeating: "a", count: 63)).x/", "\(String(repeating: "a", count: 63)).x", 80, "/"),
  ])
  func taken(_ text: String, _ host: String, _ port: Int, _ target: String) throws {
    for (scheme, written) in [(Destination.Scheme.http, text), (.https, "https" + text.dropFirst(4))] {
      let (destination, found) = try Destination.url(written, namedBy: .user)
      // Where the URL names none, the port is the scheme's own.
      let place = HostAndPort(host: host, port: port == 80 ? scheme.usualPort : port)
      #expect(destination == Destination(scheme, place, namedBy: .user))
      #expect(Array(found.utf8) == Array(target.utf8))
    }
  }

  @Test(arguments: [
    ("ws://h/", "no other scheme"), ("ftp://h/", "no other scheme"), ("h:80/", "expected http://HOST"), ("", "expected http://HOST"),
    ("http:/h", "expected http://HOST"), ("http://", "expected HOST"), ("http:///x", "expected HOST"), ("http://:80/", "expected HOST"),
    ("http://h:84086/hook", "with a port from 1 to 65535"), ("http://h:0/", "with a port from 1 to 65535"),
    ("http://h:/", "with a port from 1 to 65535"), ("http://h:+80/", "with a port"), ("http://h:80:80/", "with a port"),
    ("http://u:p@h/", "credentials"), ("http://u@h/", "credentials"), ("http://h/a#b", "fragment"), ("http://h#b", "fragment"),
    ("http://h/a b", "0x20 at offset 10"), ("http://h/é", "0xC3 at offset 9"), ("http://h/\n", "0x0A at offset 9"),
    ("http://h/{x}", "0x7B"), ("http://h/a\\b", "0x5C at offset 10"), ("https://h/%zz", "hexadecimal digits at offset 10"),
    ("http://h/\(String(repeating: "a", count: 8_200))", "at most 8192 bytes"), ("http://h/%zz", "hexadecimal digits at offset 9"),
    ("http://h/%2", "hexadecimal digits at offset 9"),
    ("http://300.1.1.1/", "HOST is an IPv4 address"), ("http://-/", "expected HOST"), ("http://h..x/", "expected HOST"),
    ("http://1.2.3/", "expected HOST"), ("http://127.0.0.01/", "expected HOST"), ("http://x.5/", "expected HOST"),
    ("http://-h/", "expected HOST"), ("http://h-.x/", "expected HOST"), ("http://.h/", "expected HOST"), ("http://./", "expected HOST"),
    ("http://h../", "expected HOST"), ("http://2130706433/", "expected HOST"),
    ("http://\(String(repeating: "a", count: 64)).x/", "expected HOST"),
    ("http://::1/", "expected HOST"), ("http://[::1/", "expected HOST"), ("http://[::g]/", "expected HOST"),
  ])
  func refused(_ text: String, _ why: String) {
    let mistake = #expect(throws: DestinationMistake.self) { try Destination.url(text, namedBy: .operator) }
    #expect(mistake?.description.contains(why) == true, "\(mistake?.description ?? "")")
  }

  @Test(arguments: ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4", "fe80::1%eth0", "1:2:3:4:5:6:7::"])
  func addressesOfIPv6(_ host: String) {
    #expect(HostAndPort("[\(host)]:18560") == HostAndPort(host: host, port: 18_560))
    #expect(HostAndPort("[\(host)]:18560")?.text == "[\(host)]:18560")
  }

  @Test(arguments: [
    "", ":", ":1", "h", "h:", "h:0", "h:65536", "h:84086", "h:080808", "h:1x", "h: 1", "a b:1", "é:1", "::1:80", "[::1]", "[::1]80", "[]:1",
    "[1]:1",
    "[1:2:3:4:5:6:7]:1", "[1:2:3:4:5:6:7:8:9]:1", "[:::1]:1", "[1::2::3]:1", "[12345::]:1", "[::1.2.3]:1", "[::1.2.3.256]:1",
    "[1.2.3.4::]:1", "[::1.2.3.04]:1", "256.1.1.1:1", "1.1.1.1.1:1", "-h:1", "h..x:1",
    "[fe80::1%]:1", "[1:2:3:4:5:6:7:8::]:1", ":1:2",
  ])
  func noAddresses(_ text: String) { #expect(HostAndPort(text) == nil) }

  @Test func addressesWithoutPorts() {
    #expect(HostAndPort("h", defaultPort: 80) == HostAndPort(host: "h", port: 80))
    #expect(HostAndPort("[::1]", defaultPort: 80) == HostAndPort(host: "::1", port: 80))
    #expect(HostAndPort("h:9", defaultPort: 80) == HostAndPort(host: "h", port: 9))
    #expect(HostAndPort("localhost:9")?.text == "localhost:9")
  }
}
