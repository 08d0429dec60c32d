import Engine
import Inventory
import Testing

@testable import Discovery

/// What the sources make of their files, with rows that a hostile host or a slip of the pen writes.
@Suite struct FileSourceTests {
  private func shown(_ list: FoundList) -> [String] {
    list.hosts.map { host in
      var text = host.name ?? "–"
      if let address = host.address { text += " \(address)" }
      if let port = host.port { text += ":\(port)" }
      if let user = host.user { text += " user=\(user)" }
      if let via = host.via { text += " via=\(via)" }
      if !host.services.isEmpty {
        text +=
          " " + host.services.map { $0.entry + ($0.isCertain ? "" : "?") }.joined(separator: ",")
      }
      return text
    }
  }

  @Test(arguments: [
    ("web1,10.0.6.11 ssh-ed25519 AAAA", ["web1 10.0.6.11"]),
    ("[web1]:2222,[10.0.6.11]:2222 ssh-rsa AAAA", ["web1 10.0.6.11:2222"]),
    (
      "2001:db8::1 ssh-rsa AAAA\n[2001:db8::2]:22 ssh-rsa AAAA", ["– 2001:db8::1", "– 2001:db8::2"]
    ),
    // Three keys of one host are one host.
    ("a,10.0.0.1 ssh-rsa A\na,10.0.0.1 ssh-ed25519 B\n10.0.0.1 ecdsa C", ["a 10.0.0.1"]),
    ("# a comment\n\n  web1 ssh-rsa A\r\n", ["web1"]),
    // Not one host, or none at all.
    ("*.lab,!x ssh-rsa A", []), ("@cert-authority *.lab ssh-rsa A", []),
    ("@revoked web1 ssh-rsa A", []),
    ("web1", []), ("web1 ssh-rsa", []), ("|1|AAAA|BBBB ssh-rsa A", []),
    ("a:\\n\"b ssh-rsa A", []), ("$(reboot) ssh-rsa A", []), ("[web1]:99999 ssh-rsa A", []),
    ("\u{1b}[2J ssh-rsa A", []), (String(repeating: "a", count: 5000) + " ssh-rsa A", []),
  ])
  func `known_hosts`(text: String, expected: [String]) {
    var list = KnownHostsList.read(Array(text.utf8))
    for index in list.hosts.indices where list.hosts[index].name?.hasPrefix("host-") == true {
      list.hosts[index].name = nil
    }
    #expect(shown(list) == expected)
  }

  @Test func `a name from a certificate makes no host the one of a file`() {
    var found = FoundHosts()
    found.add(FoundHost(name: "db1"))
    found.add(FoundHost(name: "db2"))
    var liar = FoundHost(name: "db1", address: "10.0.6.66")
    liar.isNamedByItself = true
    found.add(liar)
    found.add(FoundHost(name: "db2", address: "10.0.6.7"))
    #expect(found.hosts.map(\.name) == ["db1", "db2", "db1-10-0-6-66"])
    #expect(found.hosts.map(\.address) == [nil, "10.0.6.7", "10.0.6.66"])
  }

  @Test func `hashed entries of known_hosts are counted`() {
    let list = KnownHostsList.read(
      Array("|1|A|B ssh-rsa A\n|1|C|D ssh-rsa A\nweb1 ssh-rsa A\n".utf8))
    #expect(list.notes.first?.hasPrefix("2 entries of known_hosts hashed") == true)
    #expect(list.hosts.count == 1)
  }

  @Test(arguments: [
    ("10.0.6.11 web1 www  # the site", ["web1 10.0.6.11"]),
    ("127.0.0.1 localhost\n::1 ip6-localhost\nff02::1 ip6-allnodes\n127.0.1.1 me", []),
    ("10.0.6.11\n#10.0.6.12 x\nweb1 10.0.6.13", []),
    ("10.0.6.11 web1\n10.0.6.12 web1", ["web1 10.0.6.11", "web1-10-0-6-12 10.0.6.12"]),
    ("10.0.6.11 all:{x}\r\n", ["all-x 10.0.6.11"]), ("10.0.6.11 \u{202e}evil", ["evil 10.0.6.11"]),
    ("10.0.6.11 1234", []),
  ])
  func `hosts`(text: String, expected: [String]) {
    #expect(shown(HostsFile.read(Array(text.utf8))) == expected)
  }

  private func config(_ text: String) -> SSHConfig {
    SSHConfig([("config", Array(text.utf8), true)]) { pattern, _ in
      pattern == "more" ? [("more", Array("Host inner\n HostName 10.0.7.1\n".utf8))] : []
    }
  }

  @Test(arguments: [
    ("Host web1\n HostName 10.0.6.11\n Port 2222\n User ops", ["web1 10.0.6.11:2222 user=ops"]),
    ("Host a b\nHost *\n User all", ["a user=all", "b user=all"]),
    ("Host web?\nHost !x *\nMatch host y\n HostName z", []),
    ("Include more", ["inner 10.0.7.1"]),
    ("Host a\n HostName %h.lab", ["a a.lab"]), ("Host a\n HostName %d", ["a"]),
    // The jump host has no block, and is an entry all the same.
    ("Host a\n ProxyJump jp", ["a via=jp", "jp"]),
    ("Host a\n ProxyJump ops@10.0.0.5:2222,jp2", ["a via=ops@10.0.0.5:2222,jp2", "jp2"]),
    ("Host a\n ProxyJump 10.0.0.5", ["a via=10.0.0.5:22"]), ("Host a\n ProxyJump none", ["a"]),
    ("Host a\n ProxyJump a", ["a"]), ("Host a\n ProxyJump \"x;reboot\"", ["a"]),
    ("Host a\n ProxyCommand nc %h 22", ["a"]), ("Host \"a b\"", []),
  ])
  func `ssh_config`(text: String, expected: [String]) {
    #expect(shown(SSHConfigHosts.read(config(text))) == expected)
  }

  private static let nmap = """
    <?xml version="1.0"?><!DOCTYPE nmaprun><nmaprun scanner="nmap">
    <host><status state="up" reason="echo-reply"/><address addr="10.0.6.11" addrtype="ipv4"/>
    <address addr="00:11:22:33:44:55" addrtype="mac"/>
    <hostnames><hostname name="web1.lab" type="PTR"/></hostnames><ports>
    <extraports state="closed" count="995"/>
    <port protocol="tcp" portid="22"><state state="open"/><service name="ssh" product="OpenSSH" version="9.2" method="probed" conf="10"/></port>
    <port protocol="tcp" portid="443"><state state="open"/><service name="http" tunnel="ssl" method="probed"/></port>
    <port protocol="tcp" portid="8000"><state state="open"/><service name="http-alt" method="table"/></port>
    <port protocol="tcp" portid="9"><state state="filtered"/><service name="discard"/></port>
    <port protocol="udp" portid="53"><state state="open"/><service name="domain" method="probed"/></port>
    <port protocol="tcp" portid="6001"><state state="open"/><service name="X11" method="probed"/></port>
    <port protocol="tcp" portid="6379"><state state="open"/><service name="redis" method="probed"/></port>
    </ports></host>
    <host><status state="down"/><address addr="10.0.6.12" addrtype="ipv4"/></host>
    </nmaprun>
    """

  @Test func `nmap's XML`() throws {
    let list = try NmapXML.read(Array(Self.nmap.utf8))
    #expect(
      shown(list) == [
        "web1.lab 10.0.6.11 ssh,https,\"http:8000\"?,dns,\"x11:1\",\"tcp:6379\"?"
      ])
    #expect(list.silent == ["10.0.6.12"])
    #expect(list.hosts[0].answersPing)
  }

  @Test func `a scan that was cut off is read up to there`() throws {
    let list = try NmapXML.read(Array(Self.nmap.utf8.prefix(Self.nmap.utf8.count - 90)))
    #expect(list.hosts.count == 1)
    #expect(list.notes.count == 1)
  }

  @Test(arguments: [
    "", "no XML", "<html/>", "<!DOCTYPE x [<!ENTITY a \"b\">]><nmaprun/>",
    String(repeating: "<a>", count: 100),
  ])
  func `what is not nmap's is refused`(text: String) {
    #expect(throws: (any Error).self) { try NmapXML.read(Array(text.utf8)) }
  }

  @Test(arguments: [
    (
      "<port protocol=\"tcp\" portid=\"99999\"><state state=\"open\"/></port>",
      "host-10-0-0-1 10.0.0.1"
    ),
    (
      "<port protocol=\"sctp\" portid=\"22\"><state state=\"open\"/></port>",
      "host-10-0-0-1 10.0.0.1"
    ),
    (
      "<port protocol=\"tcp\" portid=\"2222\"><state state=\"open\"/><service name=\"ssh\" method=\"probed\"/></port>",
      "host-10-0-0-1 10.0.0.1:2222 \"ssh:2222\""
    ),
  ])
  func `nmap's ports`(port: String, expected: String) throws {
    let text =
      "<nmaprun><host><address addr=\"10.0.0.1\" addrtype=\"ipv4\"/><ports>\(port)</ports></host></nmaprun>"
    #expect(try shown(NmapXML.read(Array(text.utf8))) == [expected])
  }

  @Test(arguments: [
    (
      " Id   Name    State\n----------------\n 1    web1    running\n -    old 1   shut off\n 3  db 1  paused\n",
      ["web1", "db-1"]
    ),
    (
      "# web1\n Name  MAC address  Protocol  Address\n---------\n vnet0 52:54:00:00:00:01 ipv4 10.0.6.11/24\n",
      ["web1 10.0.6.11"]
    ),
    (
      "$ virsh domifaddr --source agent db1\n Name MAC address Protocol Address\n lo 00:00:00:00:00:00 ipv4 127.0.0.1/8\n eth0 52:54:00:00:00:02 ipv4 10.0.6.21/24\n",
      ["db1 10.0.6.21"]
    ),
    (
      " Expiry Time          MAC address        Protocol  IP address       Hostname  Client ID or DUID\n---\n 2026-11-27 12:00:00  52:54:00:00:00:03  ipv4      10.0.6.31/24     ctf1      -\n 2026-11-27 12:00:00  52:54:00:00:00:04  ipv4      10.0.6.32/24     -      -\n",
      ["ctf1 10.0.6.31", "host-10-0-6-32 10.0.6.32"]
    ),
    ("error: failed to connect\n 1 x running\n", []),
    (" Id Name State\n 1 \u{7}\u{8} running\n", []),
  ])
  func `virsh`(text: String, expected: [String]) {
    #expect(shown(VirshText.read(Array(text.utf8))) == expected)
  }

  @Test(arguments: [
    (
      #"[{"ID":"1","Name":"web1","Status":"ACTIVE","Networks":{"lab":["10.0.6.11","192.0.2.7"]}}]"#,
      ["web1 10.0.6.11"]
    ),
    (
      #"[{"Name":"web1","Networks":"lab=fd00::1, 10.0.6.11; other=10.1.0.1"}]"#, ["web1 10.0.6.11"]
    ),
    (#"[{"Name":"x","Status":"SHUTOFF","Networks":{}},{"Name":"y","Networks":{"a":["no"]}}]"#, []),
    (#"[{"Name":"a\n- evil: {","Networks":{"n":["10.0.0.1"]}}]"#, ["a-evil 10.0.0.1"]), ("[]", []),
    ("[1,{}]", []),
  ])
  func `openstack`(text: String, expected: [String]) throws {
    #expect(try shown(#require(OpenStackList.read(Array(text.utf8)))) == expected)
  }

  @Test(arguments: ["", "{}", "no", "[{]"])
  func `what is not openstack's is refused`(text: String) {
    #expect(OpenStackList.read(Array(text.utf8)) == nil)
  }

  @Test(arguments: [
    ("10.0.6.0/30", 2), ("10.0.6.0/31", 2), ("10.0.6.7/32", 1), ("10.0.6.11-40", 30),
    ("10.0.6.250-10.0.7.5", 12), ("10.0.6.1,10.0.6.1, 10.0.6.2", 2), ("2001:db8::1", 1),
    ("10.0.0.0/20", 4094),
  ])
  func `ranges`(text: String, count: Int) throws {
    #expect(try AddressRanges(text).addresses.count == count)
  }

  @Test(arguments: [
    "", ",", "web1", "10.0.0.0/19", "10.0.0.0/33", "10.0.6.40-11", "10.0.6.1-300", "2001:db8::/64",
    "10.0.6.",
    "0.0.0.0/0", "10.0.0.0-10.255.0.0", "1.2.3.4/x",
  ])
  func `what is no range, or too many`(text: String) {
    #expect(throws: AddressRanges.Fault.self) { try AddressRanges(text) }
  }

  @Test func `a large range is taken on demand`() throws {
    #expect(try AddressRanges("10.0.0.0/16", large: true).addresses.count == 65_534)
    #expect(throws: AddressRanges.Fault.self) { try AddressRanges("10.0.0.0/15", large: true) }
  }
}
