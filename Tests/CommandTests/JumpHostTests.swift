import Foundation
import Lab
import Testing

/// Hosts behind jump hosts: every command goes through them, and nothing goes round them.
@Suite struct JumpHostTests {
  /// A jump host and a host behind it, with one key for both.
  private final class Pair {
    let jump: Sshd
    let end: Sshd
    let range: Range

    init(_ options: [String] = [], more: String = "", known: Bool = true) throws {
      jump = try Sshd(options: options)
      end = try Sshd()
      end.scratch.write("authorized_keys", jump.scratch.read("user.pub") ?? "")
      range = Range(
        hosts: """
          all:
            vars: {key: \(jump.key), user: \(NSUserName()), profile: small}
            hosts:
              jp1: {address: 127.0.0.1, port: \(jump.port)}
              h1:
                address: 127.0.0.1
                port: \(end.port)
                via: jp1
          \(more)
          """, settings: "profiles: {small: {collectors: [cpu, mem]}}\n")
      if known { range.scratch.write("inventory/known_hosts", knownHosts) }
    }

    var knownHosts: String { (jump.scratch.read("known_hosts") ?? "") + endKnownHosts }
    var endKnownHosts: String { end.scratch.read("known_hosts") ?? "" }
  }

  private func logIns(_ sshd: Sshd) -> Int {
    sshd.log.components(separatedBy: "Accepted publickey").count - 1
  }

  @Test func `run, host, doctor, probe and list go through the jump host`() throws {
    let pair = try Pair(more: "      probes: [ssh, file/etc/passwd]")
    let run = try pair.range.scrape("run", "--stdout")
    #expect(run.status == 0, "\(run)")
    let lines = Line.all(run.output)
    let up = lines.filter { $0.measurement == "scrape" && $0.fields["up"] == "1i" }
    #expect(up.count == 2, "\(run)")
    let services = lines.filter { $0.measurement == "service" }
    #expect(services.count == 2 && services.allSatisfy { $0.fields["up"] == "1i" }, "\(services)")
    // One session for the jump host's own collectors, one that carries the others.
    #expect(logIns(pair.jump) == 2 && logIns(pair.end) == 1)
    let host = try pair.range.scrape("host", "h1", "--explain")
    #expect(host.status == 0, "\(host)")
    #expect(host.output.contains("via jp1"), "\(host)")
    #expect(host.output.contains("127.0.0.1 port \(pair.end.port) from jp1"), "\(host)")
    #expect(host.output.contains("-J \(NSUserName())@127.0.0.1:\(pair.jump.port)"), "\(host)")
    let doctor = try pair.range.scrape("doctor", "h1")
    #expect(doctor.output.contains("h1") && !doctor.output.contains("not_supported"), "\(doctor)")
    let before = logIns(pair.jump)
    let probe = try pair.range.scrape("probe", "ssh", "h1")
    #expect(probe.status == 0 && probe.output.contains("host key"), "\(probe)")
    #expect(logIns(pair.jump) == before + 1)
    #expect(try pair.range.scrape("list").output.contains("via jp1"))
  }

  @Test func `a source is the address from which the monitor connects, not its jump hosts`() throws
  {
    let pair = try Pair(more: "      source: 192.0.2.9")
    let hosts = pair.range.scratch.read("inventory/hosts.yml") ?? ""
    func take(_ source: String) throws -> Outcome {
      pair.range.scratch.write(
        "inventory/hosts.yml",
        hosts.replacingOccurrences(
          of: "port: \(pair.jump.port)}",
          with: "port: \(pair.jump.port), source: \(source), probes: [ssh]}"))
      return try pair.range.scrape("run", "--stdout")
    }
    let run = try take("127.0.0.9")
    #expect(run.status == 0, "\(run)")
    let accepted = pair.jump.log.components(separatedBy: "Accepted publickey").dropFirst()
    #expect(
      accepted.count >= 2 && accepted.allSatisfy { $0.prefix(80).contains("from 127.0.0.9 port") },
      "\(pair.jump.log)")
    #expect(pair.end.log.contains("from 127.0.0.1 port"), "\(pair.end.log)")
    let host = try pair.range.scrape("host", "jp1", "--explain")
    #expect(host.output.contains("-b 127.0.0.9"), "\(host.output)")
    let foreign = try take("192.0.2.9")
    #expect(
      foreign.errors.contains(
        "source address 192.0.2.9 is not an address of this machine"),
      "\(foreign)")
    let missing = try take("nosuch0")
    #expect(
      missing.errors.contains("source \"nosuch0\" is no interface of this machine"), "\(missing)")
  }

  @Test func `trust learns the key of the jump host, then those behind it`() throws {
    let pair = try Pair(known: false)
    let first = try pair.range.scrape("run", "--stdout")
    #expect(first.errors.contains("host_key_unknown"), "\(first)")
    #expect(first.errors.contains("hides") && first.errors.contains("h1"), "\(first)")
    let trust = try pair.range.scrape("trust", "--accept-new")
    #expect(trust.status == 0 && trust.errors.contains("2 accepted"), "\(trust)")
    #expect(try pair.range.scrape("run").status == 0)
    #expect(logIns(pair.end) == 1)
  }

  @Test func `a jump host without an entry is trusted and passed, too`() throws {
    let pair = try Pair()
    pair.range.scratch.write(
      "inventory/hosts.yml",
      """
      all:
        vars: {key: \(pair.jump.key), user: \(NSUserName()), profile: small}
        hosts:
          h1:
            address: 127.0.0.1
            port: \(pair.end.port)
            ansible_ssh_common_args: "-o ProxyJump=\(NSUserName())@localhost:\(pair.jump.port)"
      """)
    let run = try pair.range.scrape("run")
    let line = run.errors.split(separator: "\n").first { $0.contains("host_key_unknown") } ?? ""
    #expect(line.contains("localhost:\(pair.jump.port)  ssh"), "\(run)")
    #expect(run.errors.contains("hides"), "\(run)")
    let trust = try pair.range.scrape("trust", "--accept-new")
    #expect(trust.output.contains("localhost"), "\(trust)")
    #expect(try pair.range.scrape("run").status == 0)
  }

  @Test func `ssh_config names the jump host, and can be switched off`() throws {
    let pair = try Pair()
    pair.range.scratch.write(
      "inventory/hosts.yml",
      "all: {vars: {profile: small}, hosts: {h1: {address: 127.0.0.1}, h2: {address: 127.0.0.1}}}")
    pair.range.scratch.write(
      "ssh_config",
      """
      Host bastion
        HostName 127.0.0.1
        Port \(pair.jump.port)
      Host h1
        Port \(pair.end.port)
        ProxyJump bastion
      Host h2
        ProxyCommand touch \(pair.range.scratch.path)/ran
      Host *
        User \(NSUserName())
        IdentityFile \(pair.jump.key)
        IdentitiesOnly yes
      """, mode: 0o600)
    func settings(_ value: String) {
      pair.range.scratch.write(
        "inventory/scrape.yml",
        "ssh_config: \(value)\nprofiles: {small: {collectors: [cpu, mem]}}\n")
    }
    settings("../ssh_config")
    let host = try pair.range.scrape("host", "h1", "--explain")
    #expect(host.status == 0 && host.output.contains("via bastion"), "\(host)")
    #expect(logIns(pair.jump) == 1 && logIns(pair.end) == 1)
    let refused = try pair.range.scrape("host", "h2")
    #expect(
      refused.output.contains("not_supported: ") && refused.output.contains("sets ProxyCommand"),
      "\(refused)")
    #expect(pair.range.scratch.read("ran") == nil)
    settings("off")
    #expect(!(try pair.range.scrape("list").output.contains("via bastion")))
    #expect(logIns(pair.jump) == 1)
  }

  @Test func `an account that may only forward is enough for a jump host`() throws {
    let pair = try Pair()
    pair.jump.scratch.write(
      "authorized_keys",
      "restrict,port-forwarding,command=\"false\" "
        + (pair.jump.scratch.read("user.pub") ?? ""))
    let host = try pair.range.scrape("host", "h1")
    #expect(host.status == 0, "\(host)")
    pair.jump.scratch.write(
      "authorized_keys", "restrict " + (pair.jump.scratch.read("user.pub") ?? ""))
    let refused = try pair.range.scrape("host", "h1")
    #expect(refused.output.contains("forwarding_refused: "), "\(refused)")
  }

  @Test func `a jump host that is down is the cause of what is behind it`() throws {
    let pair = try Pair(more: "    h2: {address: 127.0.0.1, port: 1, via: jp1}")
    pair.jump.stop()
    let run = try pair.range.scrape("run", "--stdout")
    let behind = Line.all(run.output).filter {
      $0.measurement == "scrape" && $0.fields["reason"] == "\"unreachable\""
    }
    #expect(behind.count == 2, "\(run)")
    let told = run.errors.split(separator: "\n").filter { $0.contains("hides") }
    #expect(told.count == 1 && told[0].contains("jp1") && told[0].contains("h[1-2]"), "\(run)")
    #expect(!run.errors.contains("critical  h1"), "\(run)")
    let host = try pair.range.scrape("host", "h1")
    #expect(host.output.contains("unreachable: via jp1: connection_refused"), "\(host)")
  }

  @Test func `an outage of a jump host without an entry is one incident, with its effects`() throws
  {
    let pair = try Pair()
    let chat: BotAPI.Chat = -1_001_234_567_891
    let bot = try BotAPI(chats: [chat])
    let name = "127.0.0.1:\(pair.jump.port)"
    let open = try Door()
    try open.open()
    pair.range.scratch.write("inventory/token", bot.token)
    chmod("\(pair.range.inventory)/token", 0o600)
    pair.range.scratch.write(
      "inventory/scrape.yml",
      """
      profiles: {small: {collectors: [cpu, mem]}, none: {collectors: []}}
      contacts: {team: {telegram: {token: "file:token", chats: [\(chat.id)], api: "\(bot.url)"}}}
      """)
    pair.range.scratch.write(
      "inventory/hosts.yml",
      """
      all:
        vars: {key: \(pair.jump.key), user: \(NSUserName()), profile: small, via: "\(NSUserName())@\(name)"}
        hosts:
          h1: {address: 127.0.0.1, port: \(pair.end.port), probes: ["tcp:\(pair.end.port)"]}
          h2:
            address: 127.0.0.1
            profile: none
            probes: ["tcp:\(pair.end.port)", {tcp: {port: \(open.port), from: centre, name: door}}]
      """)
    let first = try pair.range.scrape("run")
    #expect(first.status == 0, "\(first)")
    #expect(try pair.range.scrape("status", "--verbose").output.contains(name))
    pair.jump.stop()
    let second = try pair.range.scrape("run")
    #expect(second.status == 1)
    #expect(second.errors.contains("hides  1 host, 2 services: h1"), "\(second)")
    #expect(second.errors.occurrences(of: "critical  ") == 2, "\(second)")
    let status = try pair.range.scrape("status")
    let lines = status.output.split(separator: "\n").dropFirst()
    #expect(lines.count == 2, "\(status)")
    #expect(lines.first?.contains("critical  \(name)  ssh") == true, "\(status)")
    #expect(lines.last?.contains("affects 1 host, 2 services: h1") == true, "\(status)")
    #expect(status.output.contains("0 of 1 host up"), "\(status)")
    let messages = bot.messages(in: chat)
    #expect(messages.count == 1, "\(bot.conversation(of: chat))")
    #expect(messages.first?.text.contains(name) == true, "\(bot.conversation(of: chat))")
    let json = try pair.range.scrape("status", "--json").output
    let causes = json.split(separator: "\n").filter { $0.contains("\"cause\":\"\(name) ssh\"") }
    #expect(causes.count == 3, "\(json)")
    #expect(!json.contains("\"check\":\"service door\",\"state\":\"critical\""), "\(json)")
    // It is named as it is shown.
    let ack = try pair.range.scrape("ack", name, "--why", "on its way")
    #expect(ack.status == 0 && ack.output.contains("\(name)  ssh"), "\(ack)")
    let own = try pair.range.scrape("status", name)
    #expect(own.output.contains("[acked by"), "\(own)")
    #expect(try pair.range.scrape("silence", name, "1h").status == 0)
    #expect(try pair.range.scrape("silence", "--end", "1").status == 0)
    // Back: the next pass is whole, and nobody checks a jump host that is no longer named.
    try pair.jump.restart()
    let third = try pair.range.scrape("run")
    #expect(third.status == 0, "\(third)")
    let last = bot.conversation(of: chat)
    #expect(bot.messages(in: chat).count == 2, "\(last)")
    #expect(bot.messages(in: chat).first?.text.hasPrefix("🟢") == true, "\(last)")
    let hosts = pair.range.scratch.read("inventory/hosts.yml") ?? ""
    pair.range.scratch.write(
      "inventory/hosts.yml",
      hosts.replacingOccurrences(of: ", via: \"\(NSUserName())@\(name)\"", with: ""))
    #expect(!(try pair.range.scrape("status", "--verbose").output.contains(name)))
  }

  @Test func `a jump host that is not scraped itself is the cause, too`() throws {
    let pair = try Pair()
    let hosts = pair.range.scratch.read("inventory/hosts.yml") ?? ""
    pair.range.scratch.write(
      "inventory/scrape.yml", "profiles: {small: {collectors: [cpu]}, none: {collectors: []}}")
    pair.range.scratch.write(
      "inventory/hosts.yml",
      hosts.replacingOccurrences(
        of: "port: \(pair.jump.port)}", with: "port: \(pair.jump.port), profile: none}"))
    #expect(try pair.range.scrape("run").status == 0)
    pair.jump.stop()
    let run = try pair.range.scrape("run")
    #expect(run.errors.contains("jp1  hides"), "\(run)")
    let status = try pair.range.scrape("status").output
    #expect(
      status.contains("critical  jp1  ssh") && status.contains("affects 1 host: h1"), "\(status)")
  }

  @Test func `services and BMCs of hosts that are not scraped are in the line of their jump host`()
    throws
  {
    let closed = freePort()
    let range = Range(
      hosts: """
        all:
          vars: {profile: none}
          hosts: {jp1: {address: 127.0.0.1, port: \(closed)}}
          children:
            behind:
              vars: {via: jp1, probes: [http, tcp:80]}
              hosts:
                h1: {address: 10.1.1.1}
                h2: {address: 10.1.1.2, bmc: 10.1.2.2}
        """, settings: "profiles: {none: {collectors: []}}\n")
    let run = try range.scrape("run")
    #expect(run.errors.contains("jp1  hides  1 BMC, 4 services: h[1-2]"), "\(run)")
    #expect(run.errors.contains("jp1  ssh    connection_refused"), "\(run)")
    #expect(!run.errors.contains("unreachable"), "\(run)")
  }

  @Test func `a jump host that does not forward is its own reason`() throws {
    let pair = try Pair(["AllowTcpForwarding no"])
    let run = try pair.range.scrape("run", "--stdout")
    #expect(run.output.contains("reason=\"forwarding_refused\""), "\(run)")
    #expect(run.errors.contains("AllowTcpForwarding local"), "\(run)")
  }

  @Test(
    arguments: [
      ("via: jp2", "\"jp2\" is no host of the inventory", "did you mean \"jp1\"?"),
      ("via: bastion", "\"bastion\" is no host of the inventory", "user@host:port"),
      ("via: here", "here is this machine (connection: local)", "remove \"via\""),
      ("via: [jp1, h1]", "runs in a ring", "h1 → h1"),
      ("via: ring", "runs in a ring", "ring → h1 → ring"),
    ])
  func `a jump host that cannot be one is a fault of the inventory`(
    line: String, problem: String, hint: String
  ) throws {
    let range = Range(
      hosts: """
        all:
          hosts:
            jp1: {address: 10.0.0.1}
            here: {connection: local}
            ring: {via: h1}
            h1:
              address: 10.0.0.2
              \(line)
        """)
    let lint = try range.scrape("lint")
    #expect(lint.status == 2, "\(lint)")
    let text = lint.output + lint.errors
    #expect(text.contains("hosts.yml:8:") || text.contains("hosts.yml:5:"), "\(text)")
    #expect(text.contains(problem), "\(text)")
    #expect(text.contains(hint), "\(text)")
  }

  @Test func `BMCs are read through the jump host of the host, or their own`() throws {
    let bmcs = try (0..<3).map { _ in try BMC() }
    let common = "user: admin, password: \"file:bmc.pw\""
    let pair = try Pair(
      more: """
              bmc: {address: 127.0.0.1, port: \(bmcs[0].port), \(common)}
            h2:
              connection: local
              bmc: {address: localhost, port: \(bmcs[1].port), via: jp1, \(common)}
            h3:
              address: 127.0.0.1
              port: 1
              via: jp1
              bmc: {address: 127.0.0.1, port: \(bmcs[2].port), via: none, \(common)}
        """)
    pair.range.scratch.write("inventory/bmc.pw", "secret\n")
    let run = try pair.range.scrape("run", "--stdout")
    let lines = Line.all(run.output)
    let read = lines.filter { $0.tags["target"] == "bmc" && $0.fields["up"] == "1i" }
    #expect(Set(read.compactMap { $0.tags["host"] }) == ["h1", "h2", "h3"], "\(run)")
    #expect(lines.filter { $0.measurement == "ipmi_sensor" }.count > 60, "\(run)")
    let commands = pair.jump.log.components(separatedBy: "Starting session: command").count - 1
    // Its own collectors, and two bridges.
    #expect(commands == 3, "\(pair.jump.log)")
    #expect(bmcs.allSatisfy { $0.openSessions == 0 && $0.sessionsOpenedInAll == 1 })
    let host = try pair.range.scrape("host", "h1", "--explain")
    #expect(host.output.contains("port \(bmcs[0].port)/udp via jp1"), "\(host)")
    let doctor = try pair.range.scrape("doctor", "h2")
    #expect(doctor.output.contains("sensors"), "\(doctor)")
    let lint = try pair.range.scrape("lint")
    #expect(lint.status == 0, "\(lint)")
    pair.jump.stop()
    let down = try pair.range.scrape("host", "h1")
    #expect(
      down.output.components(separatedBy: "unreachable: via jp1: connection_refused").count == 3,
      "\(down)")
    #expect(try pair.range.scrape("doctor", "h3").output.contains("sensors"))
  }

  @Test func `an unknown jump host of a BMC is a fault of the inventory`() throws {
    let range = Range(
      hosts: """
        all:
          hosts:
            jp1: {address: 10.0.0.1}
            h1:
              address: 10.0.0.2
              bmc: {address: 10.0.0.3, via: jp2}
        """)
    let lint = try range.scrape("lint")
    #expect(lint.status == 2, "\(lint)")
    #expect((lint.output + lint.errors).contains("\"jp2\" is no host of the inventory"), "\(lint)")
  }

  @Test func `services and BMCs behind a jump host are not asked directly`() throws {
    let page = FakeServer([.answer { _ in Array("HTTP/1.0 200 OK\r\n\r\nok".utf8) }, .close])
    let bmc = FakeDatagrams { [$0] }
    let scratch = Scratch()
    let program = scratch.write(
      "check", "#!/bin/sh\necho ran >> \(scratch.path)/ran\n", mode: 0o755)
    let door = try Door()
    let range = Range(
      hosts: """
        all:
          hosts:
            h1:
              address: 127.0.0.1
              port: \(door.port)
              via: nobody@127.0.0.1:1
              bmc: {address: 127.0.0.1, port: \(bmc.port), user: a, password: "file:\(scratch.path)/p"}
              probes:
                - http:\(page.port)
                - icmp
                - ssh
                - dns
                - {exec: {command: \(program), name: here}}
                - {exec: {command: /bin/true, on: host, name: there}}
                - file/etc/passwd
        """)
    scratch.write("p", "x")
    let run = try range.scrape("run", "--stdout")
    let services = Line.all(run.output).filter { $0.measurement == "service" }
    #expect(services.count == 7, "\(run)")
    let unasked = services.filter { $0.fields["reason"] == "\"not_supported\"" }
    #expect(unasked.count == 1, "\(services)")
    let bmcs = Line.all(run.output).filter { $0.tags["target"] == "bmc" }
    #expect(bmcs.count == 1 && bmcs[0].fields["reason"] == "\"unreachable\"", "\(bmcs)")
    let told = run.errors.split(separator: "\n").filter { $0.contains("h1") }
    #expect(!told.contains { $0.contains("not_supported") }, "\(run.errors)")
    #expect(told.contains { $0.contains("127.0.0.1:1  hides") }, "\(run.errors)")
    #expect(run.errors.contains("127.0.0.1:1  ssh    connection_refused"), "\(run.errors)")
    let probe = try range.scrape("probe", "http:\(page.port)", "h1")
    #expect(probe.status == 1 && probe.output.contains("unreachable: via 127.0.0.1"), "\(probe)")
    let echo = try range.scrape("probe", "icmp", "h1")
    #expect(echo.status == 1 && echo.output.contains("unreachable: via 127.0.0.1"), "\(echo)")
    _ = try range.scrape("doctor", "h1")
    _ = try range.scrape("host", "h1")
    let lint = try range.scrape("lint")
    for words in [
      "here of h1 is not asked: `exec` cannot go"
    ] {
      #expect((lint.output + lint.errors).contains(words), "\(words): \(lint)")
    }
    for words in ["http:\(page.port) of h1", "dns of h1", "icmp of h1", "BMC"] {
      #expect(!(lint.output + lint.errors).contains(words), "\(lint)")
    }
    #expect(scratch.read("ran") == nil)
    #expect(page.visits == 0 && bmc.visits == 0)
  }
}
