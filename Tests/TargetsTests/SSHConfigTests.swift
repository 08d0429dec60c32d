import Foundation
import Lab
import Testing

@testable import Configuration
@testable import Engine
@testable import Inventory

/// ssh_config as scrape reads it, beside what ssh(1) makes of it.
@Suite struct SSHConfigTests {
  /// A file in which much may go wrong.
  static func nasty(_ folder: String) -> String {
    """
    # a comment
       # another, behind blanks
    User=fallback-is-late-so-this-wins-nothing
    Host
    """ + "\n" + """
      Host web01 web02
        HostName %h.lab.example
        Port 2201
      \tUser   "alice"
      Host web* !web09
        IdentityFile ~/.ssh/id_%h
        IdentityFile "\(folder)/key with blanks"
        IdentitiesOnly yes
        ConnectTimeout 1m30s
      host=WEB03
        Port 1
      Host WEB04
        Port 2
      Host *.lab.example
        ProxyJump jump1,ops@jump2:2222
        Compression yes
      Host db?
        Port = 5022
        User=dba
        ProxyJump none
      Host "quoted host" quoted*
        HostName quoted.example # not the comment's
      Host db1
        Port 1
        ProxyCommand nc %h %p
        ProxyJump late
      Include \(folder)/parts/*.conf
      Host gone
        Include \(folder)/nothing/*.conf
        Port 77
      Host only-in-block
        Include \(folder)/inner.conf
        ConnectTimeout 9
      Match host *.example.org,!no.example.org user root,carol
        Port 4001
      Match originalhost m1 host m1.real
        Port 4002
      Host m1
        HostName m1.real
      Match originalhost m1 host m1.real
        Port 4003
      Match !host x*,y* originalhost z*
        HostKeyAlias zed
      Match all
        UserKnownHostsFile ~/.ssh/a "\(folder)/b c"
      Match user nobody-of-that-name
        Port 4999
      Host *
        ConnectTimeout 20
        Port 2022
        IdentityFile ~/.ssh/last
        User bob
        UserKnownHostsFile ~/.ssh/too-late
      """
  }

  static let names = [
    "web01", "web02", "web03", "WEB03", "web04", "WEB04", "web09", "web10", "web", "Web01",
    "a.lab.example", "web01.lab.example", "b.c.lab.example", "lab.example", "x.LAB.example",
    "db1", "db2", "db", "db10", "dbx", "quoted", "quoted-host", "quotedhost", "gone", "part1",
    "part2", "part3", "part-a", "only-in-block", "inner-host", "inner", "m1", "m1.real", "m2",
    "a.example.org", "no.example.org", "example.org", "x.example.org", "z1", "zed", "z.example.org",
    "x1", "y1", "10.0.0.1", "10.0.1.1", "10.0.0.255", "2001:db8::1", "fe80::1%eth0", "localhost",
    "tab-host", "equals", "equals2", "multi1", "multi2", "star.middle.end", "star..end",
    "q1a", "q12a", "deep", "last-one", "escaped", "single", "-odd",
  ]

  private let scratch = Scratch()

  private func write() -> String {
    let folder = scratch.path
    scratch.write(
      "parts/10-first.conf",
      """
      Host part1 part2
        Port 3001
        HostKeyAlias alias-of-part
      Host part-*
        ProxyJump user@[2001:db8::5]:2200
      Host 10.0.0.*
        User net
        HostName %h
      Host *:*
        User six
      """)
    scratch.write(
      "parts/20-second.conf",
      """
      Host part1 part3
        Port 3002
        User second
      Host\ttab-host
      \tPort\t3003
      Host equals
        Port=3004
        User = eq
        HostName=  spaced.example
      Host equals2
        Port =3005
      Host multi*
        UserKnownHostsFile \(folder)/one \(folder)/two
      Host star.*.end q?a
        Port 3006
      Host escaped
        HostKeyAlias with\\ blank
      Host single
        HostKeyAlias 'in single quotes'
      Include \(folder)/deep.conf
      """)
    scratch.write("deep.conf", "Host deep\n  Port 3007\n  IdentitiesOnly no\n")
    scratch.write("inner.conf", "Port 3008\nHost inner-host\n  Port 3009\n")
    return scratch.write("config", Self.nasty(folder), mode: 0o600)
  }

  private func options(_ name: String, _ file: String) -> SSHConfig.Options {
    SSHConfig.read(file).options(for: [name], localUser: NSUserName())
  }

  /// The lines of `ssh -G` by keyword.
  private func reference(_ name: String, _ file: String) throws -> [String: [String]] {
    let outcome = try run("/usr/bin/ssh", ["-G", "-F", file, "--", name])
    #expect(outcome.status == 0, "\(name): \(outcome)")
    var lines: [String: [String]] = [:]
    for line in outcome.output.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 1)
      lines[String(words[0]), default: []].append(words.count > 1 ? String(words[1]) : "")
    }
    return lines
  }

  @Test func `sixty names come out as ssh has them`() throws {
    // ssh refuses a file with `Host` alone, and so does not read it; the rest is what it reads.
    let file = write()
    scratch.write(
      "config",
      (scratch.read("config") ?? "").replacing(
        "User=fallback-is-late-so-this-wins-nothing\nHost\n", with: ""), mode: 0o600)
    #expect(Self.names.count >= 60)
    var differences: [String] = []
    for name in Self.names where !name.hasPrefix("-") {
      let ssh = try reference(name, file)
      let ours = options(name, file)
      func compare(_ keyword: String, _ value: String?, _ otherwise: String?) {
        let theirs = ssh[keyword]?.joined(separator: "|")
        if (value ?? otherwise) != theirs {
          differences.append("\(name) \(keyword): \(value as Any), ssh has \(theirs as Any)")
        }
      }
      let host = ours.hostName.flatMap { SSHConfig.percent($0, ["h": name]) } ?? name
      compare("hostname", host.lowercased(), nil)
      compare("port", ours.port.map { "\($0)" }, "22")
      compare("user", ours.user, NSUserName())
      compare("identitiesonly", ours.identitiesOnly.map { $0 ? "yes" : "no" }, "no")
      compare("connecttimeout", ours.connectTimeout.map { "\($0)" }, "none")
      compare("hostkeyalias", ours.hostKeyAlias, nil)
      compare("proxyjump", ours.proxyJump.flatMap { $0 == "none" ? nil : $0 }, nil)
      compare("identityfile", ours.identityFiles.joined(separator: "|"), nil)
      let files = ours.userKnownHostsFiles.map { $0.replacing("~/", with: "\(Account.home)/") }
      compare("userknownhostsfile", files.joined(separator: " "), nil)
      compare(
        "proxycommand", ours.proxyCommand.flatMap { $0 == "none" ? nil : $0 }, nil)
    }
    #expect(differences == [])
  }

  @Test func `nothing is executed, and what is not honoured is named`() {
    let file = scratch.write(
      "config",
      """
      Match exec "touch \(scratch.path)/ran"
        Port 1
      Match !exec "touch \(scratch.path)/ran"
        Port 2
      Match final
        Port 3
      Match tagged x
        Port 4
      Host a
        Port 0x16
        ConnectTimeout soon
        User "no end
        ProxyCommand touch \(scratch.path)/ran
      """, mode: 0o600)
    let config = SSHConfig.read(file)
    let options = config.options(for: ["a"], localUser: "me")
    #expect(options.port == nil && options.user == nil)
    #expect(options.proxyCommand == "touch \(scratch.path)/ran")
    #expect(options.proxyCommandPlace?.line == 13)
    #expect(scratch.read("ran") == nil)
    #expect(config.problems.map(\.description) == ["\(file):12: a quote has no end"])
    #expect(options.problems.map { $0.place.line } == [1, 3, 7, 10, 11])
  }

  @Test func `a file that others may write is not read`() {
    let file = scratch.write("config", "Host *\n  Port 1\n", mode: 0o666)
    chmod(file, 0o666)
    let config = SSHConfig.read(file)
    #expect(config.options(for: ["a"], localUser: "me").port == nil)
    #expect(config.problems.count == 1 && config.problems[0].text.contains("chmod 600"))
    #expect(SSHConfig.read("\(scratch.path)/none").problems == [])
  }

  @Test func `files that include themselves end`() {
    let file = scratch.write("config", "", mode: 0o600)
    scratch.write("config", "Include \(file)\nHost a\n  Port 5\n", mode: 0o600)
    #expect(SSHConfig.read(file).options(for: ["a"], localUser: "me").port == 5)
  }

  @Test func `any bytes are read in time`() {
    var generator = SystemRandomNumberGenerator()
    let words = [
      "Host ", "Match ", "host ", "!", "*", "?", "\"", "'", "\\", "=", " ", "\n", "Include x\n",
      "Port ", "22", "%h", "${A}", "exec ", "all\n", "User ", ",", "\u{0}", "é", "\r", "#",
    ]
    for _ in 0..<300 {
      let text = (0..<200).map { _ in words.randomElement(using: &generator) ?? "" }.joined()
      let config = SSHConfig([("f", Array(text.utf8), true)]) { _, _ in [] }
      _ = config.options(for: ["a", "10.0.0.1"], localUser: "me")
      _ = config.names("a")
    }
  }

  // MARK: with an inventory

  private func hosts(_ inventory: String, _ config: String) throws -> Inventory {
    scratch.write("hosts.yml", inventory)
    let file = scratch.write("config", config, mode: 0o600)
    return try Inventory.load("\(scratch.path)/hosts.yml", checkingKeys: false)
      .configured(by: SSHConfig.read(file))
  }

  @Test func `the inventory wins, and ssh_config fills what it leaves out`() throws {
    scratch.write("id", "x", mode: 0o600)
    let inventory = try hosts(
      """
      all:
        hosts:
          a:
          b: {address: 10.1.0.2, port: 22, user: own, via: none, key: /own}
          c: {address: 10.9.0.3}
          d: {via: jp}
          here: {connection: local}
      """,
      """
      Host a
        HostName %h.lab
        ProxyJump ops@jp:2200
        UserKnownHostsFile ~/.ssh/special none
        HostKeyAlias alias-%h
        IdentityFile \(scratch.path)/i%%d
        IdentityFile \(scratch.path)/id
        IdentityFile \(scratch.path)/missing
        IdentitiesOnly yes
      Host 10.9.0.*
        User byaddress
      Host jp
        HostName jp.lab
        Port 2201
        ProxyJump first
      Host *
        Port 2022
        User late
        ConnectTimeout 7
        ProxyCommand nc %h %p
      """)
    let a = try #require(inventory.host("a"))
    #expect(a.address == "a.lab" && a.port == 2022 && a.user == "late")
    #expect(a.keys == ["\(scratch.path)/id"] && a.takesAgentKeys == false)
    #expect(a.via == "ops@jp:2200" && a.refusal == nil)
    #expect(a.userKnownHosts == ["\(Account.home)/.ssh/special"])
    #expect(a.connectTimeout == .seconds(7))
    let route = inventory.route(to: a)
    #expect(route.map(\.address) == ["first", "jp.lab"])
    #expect(route.map(\.port) == [2022, 2200])
    #expect(route.map(\.user) == ["late", "ops"])
    let b = try #require(inventory.host("b"))
    #expect(b.address == "10.1.0.2" && b.port == 22 && b.user == "own" && b.keys == ["/own"])
    #expect(b.via == nil && b.refusal == nil && b.takesAgentKeys == false)
    let c = try #require(inventory.host("c"))
    #expect(c.address == "10.9.0.3" && c.user == "byaddress" && c.port == 2022)
    #expect(c.refusal?.hasPrefix("\(scratch.path)/config:20 sets ProxyCommand") == true)
    let d = try #require(inventory.host("d"))
    #expect(d.refusal == nil && inventory.route(to: d).map(\.name) == ["first", "jp"])
    var findings = Findings()
    inventory.checkJumpHosts(&findings)
    // `jp` is known to ssh_config alone; `first` is named there and nowhere described.
    #expect(findings.errors.isEmpty, "\(findings.errors)")
    #expect(inventory.host("here")?.port == 22)
  }

  @Test func `a ring that ssh_config closes is a fault`() throws {
    let inventory = try hosts("all: {hosts: {a: , b: }}", "Host *\n  ProxyJump b\n")
    var findings = Findings()
    inventory.checkJumpHosts(&findings)
    #expect(findings.errors.count == 1)
    #expect(findings.errors[0].problem == "the way to a runs in a ring through ssh_config")
  }
}
