import Configuration
import Foundation
import Inventory
import Lab
import Testing

@testable import Discovery
@testable import Scraper

/// Drafts and marks: what hosts say stays in comments, and what a hand wrote stays as it is.
@Suite struct DraftTests {
  private let scratch = Scratch()

  /// Runs the command in a process of its own.
  private func scrape(_ words: String...) throws -> Outcome {
    let bundle = (CommandLine.arguments[0] as NSString).deletingLastPathComponent
    return try run("\(bundle)/scrape", words)
  }

  private static let hostile = [
    "plain", "x\n  evil: {address: 10.9.9.9}", "x\r\n  evil:", "\u{1b}]0;title\u{7}", "# }\n- a",
    "\u{85}evil:\u{2028}evil:",
    "'\"`${HOME}$(reboot)", "*anchor &a !tag %d @x", String(repeating: "é", count: 4000), "\0\0",
    "{{ x }}", "a: b: c",
    "\u{202e}gnp.exe", "---", "...", "? x", "| x", ">", "\t x", "~", "no", "0x1", "1e3", "1:20",
  ]

  @Test(arguments: hostile)
  func `no text of a host writes YAML`(text: String) throws {
    var service = FoundService("http", 80, detail: text)
    service.names = [text]
    var host = FoundHost(name: FoundName.of(text) ?? "host-x", address: "10.0.0.1")
    host.services = [service, FoundService("tcp", 99, detail: text, isCertain: false)]
    host.user = text
    host.notes = [text]
    host.groups = [FoundName.group(text) ?? "g"]
    let path = scratch.write("hosts.yml", Draft([host], heading: [text]).text)
    let root = try YAML.load(path)
    let group = try #require(root["all"]?["children"]?.pairs)
    #expect(group.map(\.name) == [host.groups[0]])
    #expect(group[0].value["hosts"]?.pairs?.map(\.name) == [host.name ?? ""])
    let own = try #require(group[0].value["hosts"]?.pairs?.first?.value)
    #expect(Set(own.pairs?.map(\.name) ?? []) == ["address", "user", "probes"])
    #expect(own["user"]?.text == text)
  }

  /// Files of all kinds, as they are and damaged.
  private static let files: [(Discovery.Kind, String)] = [
    (.knownHosts, "web1,10.0.6.11 ssh-ed25519 AAAA\n[db1]:2222 ssh-rsa BBBB\n|1|A|B ssh-rsa C\n"),
    (.hosts, "10.0.6.11 web1 www # x\nfd00::5 db1\n"),
    (.sshConfig, "Host a b\n HostName 10.0.6.11\n User \"o p\"\n ProxyJump jp,x@y:22\n"),
    (
      .nmap,
      "<nmaprun><host><status state='up' reason='echo-reply'/><address addr='10.0.6.11' addrtype='ipv4'/>"
        + "<hostnames><hostname name='web1'/></hostnames><ports><port protocol='tcp' portid='80'><state state='open'/>"
        + "<service name='http' product='nginx' method='probed'/></port></ports></host></nmaprun>"
    ),
    (
      .ansible,
      "[red:vars]\nansible_user=ops\n[red]\nweb1 ansible_host=10.0.6.11 ansible_port=2222\n"
    ),
    (
      .virsh,
      " Id Name State\n 1 web1 running\n# db1\n Name MAC address Protocol Address\n v x ipv4 10.0.6.12/24\n"
    ),
    (
      .openstack, #"[{"Name":"web1","Status":"ACTIVE","Networks":{"lab":["10.0.6.11","fd00::1"]}}]"#
    ),
  ]

  @Test(arguments: files.indices)
  func `damaged files trap nothing and write no YAML`(index: Int) throws {
    let (kind, text) = Self.files[index]
    var seed: UInt64 = 0x9e37_79b9_7f4a_7c15
    func random(_ limit: Int) -> Int {
      seed ^= seed << 13
      seed ^= seed >> 7
      seed ^= seed << 17
      return Int(seed % UInt64(limit))
    }
    let odd: [[UInt8]] = [
      [0], [10], [13], [0xff], Array("\": {}".utf8), Array("\n- a: ".utf8), Array("#".utf8),
      Array("&x *x".utf8),
      Array("{{".utf8), Array(String(repeating: "é", count: 90).utf8), Array("\u{1b}[2J".utf8),
    ]
    var whole = 0
    for round in 0..<100 {
      var bytes = Array(text.utf8)
      for _ in 0..<(round == 0 ? 0 : 1 + random(4)) {
        let place = random(bytes.count)
        switch random(3) {
        case 0: bytes[place] = UInt8(random(256))
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random(6)))
        default: bytes.insert(contentsOf: odd[random(odd.count)], at: place)
        }
        if bytes.isEmpty { bytes = [10] }
      }
      let path = "\(scratch.path)/damaged"
      try Data(bytes).write(to: URL(filePath: path))
      var discovery = Discovery()
      do { try discovery.read(kind, path) } catch { continue }
      let draft = try discovery.draft()
      let groups = try YAML.read(Source("draft", text: draft))["all"]?["children"]?.pairs ?? []
      let names = groups.flatMap { $0.value["hosts"]?.pairs?.map(\.name) ?? [] }
      #expect(Set(names) == Set(discovery.found.hosts.compactMap(\.name)), "\(draft)")
      for pair in groups.flatMap({ $0.value["hosts"]?.pairs ?? [] }) {
        let keys = Set(pair.value.pairs?.map(\.name) ?? [])
        #expect(keys.isSubset(of: ["address", "port", "user", "via", "probes"]), "\(draft)")
      }
      whole += 1
    }
    #expect(whole > 10)
  }

  @Test(arguments: hostile)
  func `a name of a host is one of an inventory`(text: String) throws {
    guard let name = FoundName.of(text) else { return }
    let path = scratch.write("hosts.yml", "all: {hosts: {\(FoundName.yaml(name)): }}")
    #expect(try Inventory.load(path).hosts.map(\.name) == [name])
    #expect(name.utf8.count <= FoundName.limit)
  }

  @Test func `no host is called as all hosts are`() {
    #expect(["all", "ungrouped", "-all-"].map(FoundName.of) == [nil, nil, nil])
    #expect(["All", "all1"].map(FoundName.of) == ["All", "all1"])
  }

  @Test func `a draft from all files passes lint`() throws {
    scratch.write("known", "web1,10.0.6.11 ssh-ed25519 A\n|1|A|B ssh-rsa A\n")
    scratch.write("hosts", "10.0.6.11 web1\n10.0.6.21 db1 database\n")
    scratch.write("config", "Host ctf1\n HostName 10.0.8.1\n User ops\n ProxyJump jp1\n")
    scratch.write(
      "nmap.xml",
      "<nmaprun><host><status state='up' reason='echo-reply'/><address addr='10.0.6.21' addrtype='ipv4'/><ports>"
        + "<port protocol='tcp' portid='3306'><state state='open'/><service name='mysql' method='probed'/></port>"
        + "<port protocol='tcp' portid='8080'><state state='open'/><service name='http' method='probed'/></port>"
        + "<port protocol='tcp' portid='53'><state state='open'/><service name='domain' method='probed'/></port>"
        + "</ports></host></nmaprun>")
    scratch.write("ansible", "[red]\nctf2 ansible_host=10.0.8.2 ansible_port=2222\n[blue]\nctf2\n")
    scratch.write("virsh", " Id Name State\n 1 vm1 running\n")
    scratch.write("servers.json", #"[{"Name":"os1","Networks":{"a":["10.0.9.1"]}}]"#)
    let file = { (name: String) in "\(scratch.path)/\(name)" }
    let folder = file("new")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let draft = try scrape(
      "discover", "--known-hosts", file("known"), "--hosts", file("hosts"), "--ssh-config",
      file("config"), "--nmap", file("nmap.xml"), "--ansible", file("ansible"), "--virsh",
      file("virsh"), "--openstack", file("servers.json"), "--output", "\(folder)/hosts.yml")
    #expect(draft.status == 0, "\(draft.errors)")
    #expect(draft.errors.contains("1 entry of known_hosts hashed"))
    let inventory = try Inventory.load("\(folder)/hosts.yml")
    #expect(
      Set(inventory.hosts.map(\.name)) == ["web1", "db1", "ctf1", "jp1", "ctf2", "vm1", "os1"])
    #expect(inventory.host("ctf2")?.port == 2222)
    #expect(inventory.hosts(of: "red").map(\.name) == ["ctf2"])
    #expect(inventory.hosts(of: "blue").map(\.name) == ["ctf2"])
    #expect(inventory.host("ctf1")?.via == "jp1")
    #expect(inventory.hosts(of: "databases").map(\.name) == ["db1"])
    let lint = try scrape("lint", "-i", folder)
    #expect(lint.status == 0, "\(lint.errors)")
    #expect(
      lint.output.contains("probes: icmp, dns (53), mysql (3306), http:8080"), "\(lint.output)")
    let again = try scrape("discover", "--hosts", file("hosts"), "--output", "\(folder)/hosts.yml")
    #expect(again.status == 2, "\(again.errors)")
  }

  @Test func `a host of a file that is asked stays one entry, with its port`() throws {
    let server = FakeServer([.send("SSH-2.0-x\r\n"), .silence])
    scratch.write(
      "config",
      "Host box\n HostName 127.0.0.1\n Port \(server.port)\nHost gone\n HostName 127.66.1.1\n")
    let outcome = try scrape(
      "discover", "--ssh-config", "\(scratch.path)/config", "--scan", "--ports", "9", "--no-udp")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let inventory = try Inventory.load(scratch.write("asked.yml", outcome.output))
    #expect(inventory.hosts.map(\.name).sorted() == ["box", "gone"], "\(outcome.output)")
    #expect(inventory.host("box")?.port == Int(server.port))
    #expect(inventory.host("box")?.address == "127.0.0.1")
    #expect(
      inventory.host("box")?.probes?.items?.contains { $0.text == "ssh" } == true,
      "\(outcome.output)")
    withExtendedLifetime(server) {}
  }

  @Test func `a name that was looked up is the host that has it`() throws {
    var discovery = Discovery()
    try discovery.read(.knownHosts, scratch.write("known", "web1 ssh-rsa A\nweb2 ssh-rsa A\n"))
    var result = Scan.Result()
    result.hosts = [answer("10.0.6.11", [FoundService("http", 80)], name: "other.example")]
    discovery.take(
      result, of: "x", ports: [80],
      targets: [Discovery.Target(number: "10.0.6.11", name: "web1", address: nil, port: nil)])
    #expect(discovery.found.hosts.map(\.name) == ["web1", "web2"])
    #expect(discovery.found.hosts[0].services.map(\.kind) == ["http"])
    #expect(discovery.found.hosts[0].address == nil)
  }

  private static let hand = """
    # Ours. Do not touch.
    all:
      vars: {user: monitor}      # the account
      children:
        web:
          hosts:
            web1: {address: 10.0.6.11, probes: [icmp, ssh, http]}   # the shop
            "web[2:3]": {address: "10.0.6.[12:13]"}

            db1:
              address: 10.0.6.21
              notes: |
                # discover these
                three lines
        flow: {hosts: {f1: {address: 10.0.6.31}, f2: {address: 10.0.6.32}}}

    """

  private func update(_ text: String, _ hosts: [FoundHost], silent: Set<String>) throws -> Update {
    let path = scratch.write("hand.yml", text)
    return try Update(try Source.read(path), found: hosts, silent: silent, ports: [22, 80, 443])
  }

  private func answer(_ address: String, _ services: [FoundService], name: String? = nil)
    -> FoundHost
  {
    var host = FoundHost(name: name, address: address)
    host.services = services
    return host
  }

  @Test func `an update adds lines of comments and changes no other byte`() throws {
    let found = [
      answer("10.0.6.11", [FoundService("ssh", 22), FoundService("https", 443)], name: "host-a"),
      answer("10.0.6.99", [FoundService("http", 80, detail: "x\ny: z")], name: "new1"),
      answer("10.0.6.32", [FoundService("http", 80)]),
    ]
    let update = try update(Self.hand, found, silent: ["10.0.6.13", "10.0.6.21", "10.0.6.31"])
    let text = String(decoding: update.text, as: UTF8.self)
    #expect(update.new == ["new1"])
    #expect(update.gone == ["web3", "db1", "f1"])
    #expect(update.changed == ["web1", "f2"])
    #expect(
      text.contains(
        "        # discover: web1: new: https\n        # discover: web1: does not answer: http\n        web1: {address"
      ), "\(text)")
    #expect(
      text.contains("# discover: web3: gone: nothing answers at 10.0.6.13\n        \"web[2:3]\""))
    #expect(text.contains("# discover:   new1: {address: 10.0.6.99, probes: [http]}\n"))
    let rest = text.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.drop { $0 == " " }.hasPrefix("# discover:") }.joined(separator: "\n")
    #expect(rest == Self.hand)
    #expect(try YAML.read(Source("a", text: text)) == YAML.read(Source("b", text: Self.hand)))
  }

  @Test func `a BMC, another address and a name elsewhere are no news of services`() throws {
    let text = """
      all:
        hosts:
          a: {address: 10.0.6.11, bmc: {address: 10.0.7.11, user: m, password: "${P}"}, public_address: 192.0.2.1}
          b: {address: 10.0.6.12}

      """
    let https = [FoundService("https", 443)]
    let update = try update(
      text,
      [
        answer("10.0.7.11", https), answer("192.0.2.1", https),
        answer("10.0.9.9", https, name: "b"),
      ],
      silent: ["10.0.6.11", "10.0.6.12"])
    #expect(update.new.isEmpty)
    #expect(update.gone == ["a", "b"])
    let marked = String(decoding: update.text, as: UTF8.self)
    #expect(!marked.contains("new: https"), "\(marked)")
    #expect(marked.contains("# discover: b: a host of this name answers at 10.0.9.9"))
  }

  @Test func `a second update changes nothing, and one without news takes all marks away`() throws {
    let found = [answer("10.0.6.99", [FoundService("http", 80)], name: "new1")]
    let first = try update(Self.hand, found, silent: ["10.0.6.21"])
    let second = try update(
      String(decoding: first.text, as: UTF8.self), found, silent: ["10.0.6.21"])
    #expect(second.text == first.text)
    let third = try update(String(decoding: first.text, as: UTF8.self), [], silent: [])
    #expect(String(decoding: third.text, as: UTF8.self) == Self.hand)
  }

  @Test(arguments: [
    "all: {hosts: {a: {address: 10.0.0.1}}}", "all:\r\n  hosts:\r\n    a: {address: 10.0.0.1}\r\n",
    "all:\n  hosts:\n    a:\n      address: 10.0.0.1\n      t: >-\n        x\n\n",
    "all:\n  hosts: {\n    a: {address: 10.0.0.1},\n    b: {}}\n",
    "{\"all\": {\"hosts\": {\"a\": {\"address\": \"10.0.0.1\"}}}}",
    "all:\n  hosts:\n    ? a\n    : {address: 10.0.0.1}\n",
    "all:\n  hosts:\n    b: {t: \"x\n      y\"}\n    a: {address: 10.0.0.1}\n",
  ])
  func `forms of YAML`(text: String) throws {
    let update = try update(
      text, [answer("10.0.0.9", [FoundService("http", 80)], name: "new")], silent: ["10.0.0.1"])
    #expect(update.gone == ["a"])
    let marked = String(decoding: update.text, as: UTF8.self)
    #expect(marked.contains("# discover: a: gone") && marked.contains("# discover:   new: {"))
    #expect(try YAML.read(Source("a", text: marked)) == YAML.read(Source("b", text: text)))
  }

  @Test func `a file that a mark would change is refused`() throws {
    // The line belongs to a text, and only looks like a mark.
    let text = "all:\n  hosts:\n    a:\n      t: |\n        # discover: x\n"
    #expect(throws: Update.Refusal.self) { try update(text, [], silent: []) }
    #expect(throws: (any Error).self) { try update("[web]\na\n", [], silent: []) }
  }

  @Test(arguments: [
    "a\nb\n", "[web]\n", "[web]\na\n", "[web]\na ansible_host=10.0.0.1\n[web:vars]\nuser=x\n",
  ])
  func `an inventory in INI is refused by name`(text: String) throws {
    let path = scratch.write("own.ini", text)
    scratch.write("hosts", "10.0.6.21 db1\n")
    let outcome = try scrape("discover", "--hosts", "\(scratch.path)/hosts", "--update", path)
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains("own.ini is no inventory in YAML; comments are not added to INI"),
      "\(outcome.errors)")
    #expect(scratch.read("own.ini") == text)
  }

  @Test func `the command keeps mode, links and the mark of byte order`() throws {
    let path = scratch.write("own.yml", "\u{feff}all:\n  hosts:\n    web1:\n", mode: 0o640)
    let link = "\(scratch.path)/link.yml"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    scratch.write("hosts", "10.0.6.21 db1\n")
    let outcome = try scrape("discover", "--hosts", "\(scratch.path)/hosts", "--update", link)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output == "new: db1\n")
    let bytes = try #require(FileManager.default.contents(atPath: path))
    #expect(Array(bytes.prefix(3)) == [0xef, 0xbb, 0xbf])
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o640)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
    #expect(
      String(decoding: bytes, as: UTF8.self).contains("# discover:   db1: {address: 10.0.6.21}"))
  }
}
