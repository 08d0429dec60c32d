import Foundation
import Lab
import Testing

/// A pass with probes, on servers that the tests start.
@Suite struct ServicePassTests {
  @Test func `services are asked beside their hosts, and each has its point`() throws {
    let sshd = try Sshd()
    let silent = SilentPort()
    let closed = freePort()
    let range = Range(
      hosts: """
        all:
          vars: {tags: {team: blue}}
          hosts:
            h1:
              address: 127.0.0.1
              port: \(sshd.port)
              key: \(sshd.key)
              known_hosts: \(sshd.knownHosts)
              probes: ["ssh:\(sshd.port)", "tcp:\(closed) closed",
                {http: {port: \(silent.port), timeout: 500ms, name: shop}}]
        """)
    let outcome = try range.scrape("run", "--stdout")
    #expect(outcome.status == 1)
    let lines = Line.all(outcome.output)
    let services = lines.filter { $0.measurement == "service" }
    #expect(
      services.map { $0.tags["service"] ?? "" }
        == ["ssh:\(sshd.port)", "tcp:\(closed)", "shop"], "\(outcome.errors)")
    #expect(services.allSatisfy { $0.tags["host"] == "h1" && $0.tags["team"] == "blue" })
    let shop = services.first { $0.tags["service"] == "shop" }
    #expect(shop?.fields["state"] == "3i" && shop?.fields["reason"] == "\"timeout\"")
    #expect(shop?.tags["probe"] == "http" && shop?.fields["up"] == "0i")
    // The collectors' session was the SSH check: the server saw one connection.
    let ssh = services.first { $0.tags["probe"] == "ssh" }
    #expect(ssh?.fields["state"] == "0i", "\(String(describing: ssh))")
    #expect(lines.contains { $0.measurement == "mem" })
    #expect(outcome.errors.contains("1 host, 3 services (2 ok) in"), "\(outcome.errors)")
    let status = try range.scrape("status").output
    #expect(status.contains("service shop  ") && status.contains("timeout"))
    let host = try range.scrape("host", "h1", "--only", "probes", "--explain").output
    #expect(host.contains("probe shop") && host.contains("✗") && host.contains("by hand"))
    let list = try range.scrape("list").output
    #expect(
      list.contains("shop (http \(silent.port))") && list.contains("ssh:\(sshd.port), "), "\(list)")
    #expect(list.contains("tcp:\(closed) closed"))
    #expect(list.contains("collectors conntrack, cpu, disk, "))
    let json = try range.scrape("list", "h1", "--json").output
    #expect(
      json.contains(
        "{\"service\":\"shop\",\"probe\":\"http\",\"port\":\(silent.port)}"), "\(json)")
    let lint = try range.scrape("lint").output
    #expect(lint.contains("shop (http \(silent.port))"), "\(lint)")
  }

  @Test func `a service is asked at the address that its entry names`() throws {
    let port = freePort()
    let near = SilentPort(port: port)
    let far = SilentPort("127.0.0.2", port: port)
    let range = Range(
      hosts: """
        all:
          vars: {connection: local, profile: none, probes: ["tcp:\(port)", "tcp@public:\(port)"]}
          hosts:
            h1: {address: 127.0.0.1, public_address: 127.0.0.2}
            h2: {address: 127.0.0.1, public_address: 127.0.0.3}
            h3: {address: 127.0.0.1}
        """, settings: "profiles: {none: {collectors: []}}\n")
    let outcome = try range.scrape("run", "--stdout")
    withExtendedLifetime((near, far)) {}
    let lines = Line.all(outcome.output)
    let found = lines.filter { $0.measurement == "service" }.map {
      "\($0.tags["host"] ?? "") \($0.tags["service"] ?? "") \($0.tags["path"] ?? "-") "
        + "\($0.fields["up"] ?? "")"
    }
    #expect(
      found == [
        "h1 tcp:\(port) - 1i", "h1 tcp@public:\(port) public 1i",
        "h2 tcp:\(port) - 1i", "h2 tcp@public:\(port) public 0i", "h3 tcp:\(port) - 1i",
      ], "\(outcome.errors)")
    let connections = lines.filter { $0.measurement == "net_response" }
    #expect(
      connections.filter { $0.tags["path"] == "public" }.map { $0.tags["server"] }
        == ["127.0.0.2", "127.0.0.3"])
    #expect(outcome.errors.contains("5 services (4 ok)"), "\(outcome.errors)")
    #expect(!outcome.errors.contains("h3"), "\(outcome.errors)")
    let host = try range.scrape("host", "h3").output
    #expect(host.contains("not_supported: h3 has no `public_address`; it is not asked"), "\(host)")
    let probe = try range.scrape("probe", "tcp@public:\(port)", "h2", "--json")
    #expect(probe.output.contains("\"path\":\"public\""), "\(probe)")
    #expect(probe.output.contains("127.0.0.3:\(port)"), "\(probe)")
    let stranger = try range.scrape("probe", "tcp@public:\(port)", "127.0.0.1")
    #expect(stranger.errors.contains("@public is an address of a host of the inventory"))
    let list = try range.scrape("list").output
    #expect(
      list.contains("public 127.0.0.2") && list.contains("tcp@public:\(port)  ") == false, "\(list)"
    )
  }

  @Test func `answers inside and outside that disagree are one trouble and one incident`() throws {
    let chat: BotAPI.Chat = -1_001_234_567_892
    let bot = try BotAPI(chats: [chat])
    let port = freePort()
    var inside: SilentPort? = SilentPort(port: port)
    var outside: SilentPort? = SilentPort("127.0.0.2", port: port)
    let range = Range(
      hosts: """
        all:
          vars: {connection: local, profile: none}
          hosts:
            h1:
              address: 127.0.0.1
              public_address: 127.0.0.2
              probes: ["tcp:\(port)", "tcp@public:\(port)"]
        """,
      settings: """
        profiles: {none: {collectors: []}}
        contacts: {team: {telegram: {token: "file:token", chats: [\(chat.id)], api: "\(bot.url)"}}}
        """)
    range.scratch.write("inventory/token", bot.token)
    chmod("\(range.inventory)/token", 0o600)
    func troubles(_ status: Int32) throws -> [String] {
      let run = try range.scrape("run")
      #expect(run.status == status, "\(run)")
      let lines = try range.scrape("status").output.split(separator: "\n").dropFirst()
      return lines.map { line in
        line.split(separator: " ").filter { !$0.contains(":") || $0.contains("tcp") }
          .prefix(4).joined(separator: " ")
      }
    }
    _ = try range.scrape("run")
    let well = try range.scrape("status", "--json").output
    #expect(well.contains("\"check\":\"paths tcp:\(port)\",\"state\":\"ok\""), "\(well)")
    outside = nil
    #expect(try troubles(1) == ["critical h1 paths tcp:\(port)"])
    let run = try range.scrape("run").errors
    #expect(
      run.contains("paths_disagree: inside ok, outside connection_refused: 127.0.0.2:\(port)"),
      "\(run)")
    #expect(!run.contains("critical  h1  tcp"), "\(run)")
    let host = try range.scrape("host", "h1")
    #expect(host.output.contains("paths tcp:\(port) ✗ paths_disagree: inside ok"), "\(host)")
    let json = try range.scrape("host", "h1", "--json").output
    #expect(json.contains("\"paths\":[{\"check\":\"paths tcp:\(port)\",\"state\":\"critical\""))
    let states = try range.scrape("status", "--json").output
    #expect(states.contains("\"reason\":\"paths_disagree\",\"message\":\"inside ok, outside"))
    #expect(states.contains("\"cause\":\"h1 paths tcp:\(port)\""), "\(states)")
    #expect(bot.messages(in: chat).count == 1, "\(bot.conversation(of: chat))")
    // Both fail alike: the trouble is that of the service, and the other way is its effect.
    inside = nil
    let both = try troubles(1)
    #expect(both.first == "critical h1 service tcp:\(port)", "\(both)")
    #expect(try range.scrape("status").output.contains("affects 1 service"))
    outside = SilentPort("127.0.0.2", port: port)
    #expect(try troubles(1) == ["critical h1 paths tcp:\(port)"])
    #expect(
      try range.scrape("status").output.contains("inside connection_refused, outside ok: 127.0.0.1")
    )
    inside = SilentPort(port: port)
    _ = try range.scrape("run")
    withExtendedLifetime((inside, outside)) {}
    #expect(try range.scrape("status").output.split(separator: "\n").count == 1)
    #expect(
      bot.messages(in: chat).first?.text.hasPrefix("🟢") == true, "\(bot.conversation(of: chat))")
  }

  @Test func `findings stand apart, and their services are up`() throws {
    let display = FakeServer([
      .read(12),
      .send(
        [1, 0, 11, 0, 0, 0, 10, 0] + [UInt8](repeating: 0, count: 16) + [5, 0]
          + [UInt8](repeating: 0, count: 14) + Array("ACME!".utf8) + [0, 0, 0]), .silence,
    ])
    let range = Range(
      hosts: """
        all:
          hosts:
            h1:
              connection: local
              profile: none
              probes: [{x11: {port: \(display.port), name: screen}}, {tcp: {port: \(freePort()), name: gone}}]
        """, settings: "profiles: {none: {collectors: []}}\n")
    let outcome = try range.scrape("run", "--stdout")
    let screen = Line.all(outcome.output).first { $0.tags["service"] == "screen" }
    #expect(screen?.fields["up"] == "1i" && screen?.fields["state"] == "1i", "\(outcome)")
    func stands(_ text: String) -> Bool {
      let parts = text.components(separatedBy: "findings (these services are up):\n")
      return parts.count == 2 && parts[0].contains("gone") && !parts[0].contains("open_display")
        && parts[1].contains("open_display")
    }
    #expect(stands(outcome.errors), "\(outcome.errors)")
    #expect(outcome.errors.contains("2 services (1 ok)"), "\(outcome.errors)")
    let status = try range.scrape("status").output
    #expect(stands(status), "\(status)")
    range.scratch.write(
      "inventory/scrape.yml", "profiles: {none: {collectors: []}}\nfindings: critical\n")
    let strict = try range.scrape("run", "--stdout").output
    #expect(Line.all(strict).first { $0.tags["service"] == "screen" }?.fields["state"] == "3i")
  }

  @Test func `a host that is down leaves its services their own verdicts`() throws {
    let port = freePort()
    let range = Range(
      hosts: """
        all:
          hosts:
            h1: {address: 127.0.0.1, port: \(port), probes: [icmp, "ssh:\(port)"]}
        """)
    let lines = Line.all(try range.scrape("run", "--stdout").output)
    let services = lines.filter { $0.measurement == "service" }
    #expect(services.first { $0.tags["probe"] == "icmp" }?.fields["state"] == "0i")
    #expect(
      services.first { $0.tags["probe"] == "ssh" }?.fields["reason"] == "\"connection_refused\"")
    #expect(lines.contains { $0.measurement == "ping" })
  }

  @Test func `a service that is asked no more is shown no more`() throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local, probes: [\"tcp:\(freePort())\"]}}}\n")
    try range.scrape("run", "--only", "probes")
    #expect(try range.scrape("status").output.contains("service tcp"))
    range.scratch.write("inventory/hosts.yml", "all: {hosts: {me: {connection: local}}}\n")
    #expect(!(try range.scrape("status").output.contains("service tcp")))
  }

  @Test func `services that were not asked are due at the next pass`() throws {
    let silent = SilentPort()
    let probes = "probes: [{http: {port: \(silent.port), timeout: 5s}}]"
    let range = Range(
      hosts: """
        all:
          vars: {profile: none, every: 1h, \(probes)}
          hosts: {h1: {address: 127.0.0.1}, h2: {address: 127.0.0.1}}
        """,
      settings: "profiles: {none: {collectors: {}}}\n")
    let outcome = try range.scrape("run", "--fanout", "1", "--deadline", "1s")
    #expect(outcome.errors.contains("timeout") && outcome.errors.contains("not_reached"))
    let next = try range.scrape("run", "--dry-run")
    #expect(next.errors.contains("1 host would be asked, 1 with nothing due"), "\(next.errors)")
    withExtendedLifetime(silent) {}
  }

  @Test func `only what is named is asked`() throws {
    let range = Range(
      hosts: "all: {hosts: {me: {connection: local, probes: [icmp]}}}\n")
    let probes = Line.all(try range.scrape("run", "--only", "probes", "--stdout").output)
    let own: Set = ["scrape_pass", "topology_node"]
    #expect(Set(probes.map(\.measurement)) == own.union(["service", "service_summary", "ping"]))
    let mem = Line.all(try range.scrape("run", "--only", "mem", "--stdout").output)
    #expect(!mem.contains { $0.measurement == "service" })
    let dry = try range.scrape("run", "--dry-run").output
    #expect(dry.contains("probes icmp"))
  }

  @Test func `what only the host knows is asked in its one session`() throws {
    let sshd = try Sshd()
    let scratch = Scratch()
    let file = scratch.write("file's", "hello\n", mode: 0o640)
    let plugin = scratch.write(
      "plugin", "#!/bin/sh\necho 'WARNING - 3 left | left=3;5;1'\nexit 1\n", mode: 0o755)
    let range = Range(
      hosts: """
        all:
          vars: {key: \(sshd.key), known_hosts: \(sshd.knownHosts), port: \(sshd.port)}
          hosts:
            h1:
              address: 127.0.0.1
              probes:
                - file: {path: "\(file)", mode: "0640", size: {min: 1}, name: good}
                - file: {path: "\(file)", mode: "0600", name: wrong-mode}
                - file: {path: /nowhere/at/all, exists: no, name: absent}
                - exec: {command: ["\(plugin)"], on: host, name: left}
                - exec: {command: [/bin/sh, -c, "kill -9 $$"], on: host, name: killed}
                - exec: {command: [sleep, "60"], on: host, name: hangs}
        """)
    let outcome = try range.scrape("run", "--stdout")
    let lines = Line.all(outcome.output)
    func service(_ name: String) -> Line? {
      lines.first { $0.measurement == "service" && $0.tags["service"] == name }
    }
    #expect(service("good")?.fields["state"] == "0i", "\(outcome.errors)")
    #expect(service("wrong-mode")?.fields["state"] == "3i")
    #expect(service("left")?.fields["state"] == "1i")
    #expect(["3i", "4i"].contains(service("killed")?.fields["state"]))
    #expect(service("hangs")?.fields["state"] != "0i" && service("hangs") != nil)
    #expect(lines.contains { $0.measurement == "nagios" && $0.tags["perfdata"] == "left" })
    #expect(lines.contains { $0.measurement == "filestat" && $0.fields["size_bytes"] == "6i" })
    // The collectors are there beside them, from the same session.
    #expect(lines.contains { $0.measurement == "mem" })
    #expect(sshd.log.components(separatedBy: "Accepted publickey").count <= 2)
    let alone = try range.scrape("run", "--only", "probes", "--stdout")
    #expect(Line.all(alone.output).contains { $0.tags["service"] == "good" })
    #expect(!Line.all(alone.output).contains { $0.measurement == "mem" })
    let one = try range.scrape(
      "probe", "file\(file.replacing("file's", with: "plugin"))", "h1", "--explain")
    #expect(one.status == 0 && one.output.contains("stat"), "\(one.output)\(one.errors)")
  }
}
