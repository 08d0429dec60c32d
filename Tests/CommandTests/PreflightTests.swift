import Foundation
import Lab
import Testing

/// The readiness sheet, on real servers that are well and on those that are broken in each way.
@Suite(.serialized, .timeLimit(.minutes(3))) struct PreflightTests {
  /// A sheet as `--json` prints it.
  private struct Sheet {
    var objects: [[String: Any]] = []

    init(_ outcome: Outcome) {
      for line in outcome.output.split(separator: "\n") {
        let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
        if let object = object as? [String: Any] { objects.append(object) }
      }
    }

    var head: [String: Any] { objects.first ?? [:] }

    func line(_ host: String?, _ part: String, _ subject: String) -> [String: Any]? {
      objects.first {
        $0["change"] == nil && $0["host"] as? String == host && $0["part"] as? String == part
          && $0["subject"] as? String == subject
      }
    }

    func isFine(_ host: String?, _ part: String, _ subject: String) -> Bool? {
      line(host, part, subject)?["ok"] as? Bool
    }

    func scope(_ word: String, _ name: String) -> [String: Any] {
      objects.first { $0[word] as? String == name && $0["part"] == nil } ?? [:]
    }

    func changes(_ word: String) -> [String] {
      objects.filter { $0["change"] as? String == word }.map {
        "\($0["host"] ?? "") \($0["part"] ?? "") \($0["subject"] ?? "")"
      }
    }
  }

  private func count(_ table: String, in range: Range) throws -> String {
    try run("/usr/bin/sqlite3", [range.store, "SELECT count(*) FROM \(table)"]).output
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// What a pass stores.
  private func stored(in range: Range) throws -> [String] {
    try ["pass", "status", "state", "transition", "recent", "incident", "rest", "queue"].map {
      "\($0) \(try count($0, in: range))"
    }
  }

  // MARK: All is well

  @Test(.enabled(if: InfluxServer.isInstalled))
  func `what is ready is said to be, per team and group, and on a page to sign`() throws {
    let sshd = try Sshd(addresses: ["127.77.50.1", "127.77.50.2", "127.77.50.3"])
    let influx = try InfluxServer()
    var configuration = BMC.Configuration()
    configuration.users = [.init("monitor", "s3cr3t", limit: 2)]
    let bmc = try BMC(configuration)
    let bot = try BotAPI(chats: [-1_001_234_567_890])
    let range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), key: \(sshd.key), known_hosts: \(sshd.knownHosts), profile: p,
            port: \(sshd.port)}
          children:
            web:
              hosts:
                web1: {address: 127.77.50.1, tags: {team: "<i>blue</i>"}, probes: ["tcp:\(sshd.port)"],
                  public_address: 127.77.50.3}
                web2: {address: 127.77.50.2, tags: {team: red}, bmc: {address: \(bmc.address),
                  port: \(bmc.port), user: monitor, password: "file:bmc", timeout: 800ms, retransmit: 200ms}}
        """,
      settings: """
        profiles: {p: {collectors: {mem: , cpu: }}}
        store: {size: 100MiB}
        sinks: [influxdb: {url: "\(influx.url)", database: range}]
        contacts:
          ops:
            telegram: {token: "file:token", chats: [-1001234567890], api: "\(bot.url)"}
            exec: {command: [/bin/true]}
        services: {shop: {needs: ["web1/tcp:\(sshd.port)"]}}
        """)
    range.scratch.write("inventory/bmc", "s3cr3t\n")
    range.scratch.write("inventory/token", bot.token)
    let page = "\(range.scratch.path)/sheet.html"
    let outcome = try range.scrape("preflight", "--json", "--page", page)
    let sheet = Sheet(outcome)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.hasSuffix("ready\n"), "\(outcome.errors)")
    #expect(sheet.head["ready"] as? Bool == true && sheet.head["hosts"] as? Int == 2)
    for (host, part, subject) in [
      ("web1", "reach", "address"), ("web1", "reach", "address public"),
      ("web1", "login", "session"),
      ("web1", "tools", "collectors"), ("web1", "clock", "clock"),
      ("web1", "probes", "tcp:\(sshd.port)"), ("web2", "bmc", "answer"),
      ("web2", "bmc", "privilege"),
    ] {
      #expect(sheet.isFine(host, part, subject) == true, "\(host) \(part) \(subject)")
    }
    for subject in [
      "store", "known_hosts", "descriptors", "influxdb \(influx.url) range",
      "influxdb \(influx.url) range retention", "ops: telegram -1001234567890",
      "ops: exec /bin/true", "service shop",
    ] {
      #expect(sheet.isFine(nil, "centre", subject) == true, "\(subject) in \(outcome.output)")
    }
    let blue = sheet.scope("team", "<i>blue</i>")
    #expect(blue["ready"] as? Bool == true && blue["ready_hosts"] as? Int == 1)
    #expect(sheet.scope("group", "web")["hosts"] as? Int == 2)
    // Nobody was sent anything, and nothing of a pass is there.
    #expect(bot.calls.map(\.method) == ["getChat"] && bot.violations.isEmpty)
    let rows = try stored(in: range)
    #expect(rows.allSatisfy { $0.hasSuffix(" 0") }, "\(rows)")
    #expect(try count("readiness", in: range) == "1")
    #expect(bmc.openSessions == 0)

    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("&lt;i&gt;blue&lt;/i&gt;") && !html.contains("<i>"))
    #expect(html.contains("Checked by") && html.contains(">ready<") && !html.contains("<script"))
    #expect(html.contains("default-src &#39;none&#39;"))

    // For people: teams and groups in columns.
    let text = try range.scrape("preflight", "--send", "--hours", "12")
    #expect(text.status == 0, "\(text.output)")
    let lines = text.output.split(separator: "\n").map(String.init)
    #expect(
      lines.first?.wholeMatch(of: /TEAM +HOSTS +REACH +LOGIN +TOOLS +CLOCK +BMC +PROBES +READY/)
        != nil,
      "\(text.output)")
    #expect(
      lines.contains { $0.wholeMatch(of: /red +1\/1 +✓ +✓ +✓ +✓ +1\/1 +– +yes/) != nil },
      "\(text.output)")
    #expect(lines.contains { $0.contains("✓ ops: telegram") && $0.contains("was accepted") })
    #expect(bot.calls.contains { $0.method.hasPrefix("send") } && bot.violations.isEmpty)
  }

  // MARK: Broken in each way

  @Test(.enabled(if: InfluxServer.isInstalled))
  func `each thing that is broken has its line, with what to do`() throws {
    let sshd = try Sshd(addresses: ["127.77.51.1", "127.77.51.4"])
    let other = try Sshd(addresses: ["127.77.51.2"])
    // Its clock is two hours ahead, it has no cat for its processes, and its GPU has lost its driver.
    let scripts = Scratch()
    scripts.write(
      "date", "#!/bin/sh\necho $(( $(/bin/date +%s) + 7200 ))\n", mode: 0o755)
    // What a shell says of a program that is not there; the batch adds the usual folders to the path.
    scripts.write("cat", "#!/bin/sh\necho 'cat: not found' >&2\nexit 127\n", mode: 0o755)
    scripts.write(
      "nvidia-smi",
      "#!/bin/sh\necho 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'\n"
        + "exit 9\n", mode: 0o755)
    let box = try Toolbox(
      ["sh", "tail", "timeout"],
      links: [
        "date": "\(scripts.path)/date", "cat": "\(scripts.path)/cat",
        "nvidia-smi": "\(scripts.path)/nvidia-smi",
      ])
    let poor = try Sshd(addresses: ["127.77.51.3"], options: [box.option])
    var configuration = BMC.Configuration()
    configuration.users = [.init("monitor", "s3cr3t", limit: 4)]
    let bmc = try BMC(configuration)
    let influx = try InfluxServer(["INFLUXDB_HTTP_AUTH_ENABLED": "true"])
    try influx.execute("CREATE USER boss WITH PASSWORD 'b' WITH ALL PRIVILEGES")
    try influx.execute(
      "CREATE DATABASE short WITH DURATION 24h; CREATE USER r WITH PASSWORD 'r'; GRANT READ ON short TO r",
      user: "boss", password: "b")
    let closed = freePort()
    let lines = sshd.knownHostsLines().replacing(",[127.77.51.4]:\(sshd.port)", with: "")
    let range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), key: \(sshd.key), known_hosts: known, profile: p}
          children:
            blue:
              vars: {tags: {team: blue}}
              hosts:
                fine: {address: 127.77.51.1, port: \(sshd.port), probes: ["tcp:\(sshd.port)", "tcp:\(closed)"]}
                key: {address: 127.77.51.2, port: \(other.port)}
                silent: {address: 127.77.51.1, port: \(closed)}
                nowhere: {address: nosuch.invalid}
                stranger: {address: 127.77.51.4, port: \(sshd.port)}
                inner: {address: 127.77.51.1, port: \(sshd.port), via: silent}
                behind: {address: 127.77.51.1, port: \(sshd.port), via: fine}
                away: {address: 127.77.51.1, port: \(sshd.port), addresses: {vpn: nosuch2.invalid}}
            red:
              vars: {tags: {team: red}}
              hosts:
                poor: {address: 127.77.51.3, port: \(poor.port), key: \(poor.key), profile: all}
                board: {connection: local, profile: p, bmc: {address: \(bmc.address), port: \(bmc.port),
                  user: monitor, password: "file:bmc", timeout: 800ms, retransmit: 200ms}}
        """,
      settings: """
        profiles: {p: {collectors: {mem: }}, all: {collectors: {mem: , processes: , gpu: }}}
        self: {gateway: off, resolver: off}
        store: {size: 100MiB, keep: 1d}
        sinks:
          - influxdb: {name: short, url: "\(influx.url)", database: short, username: boss, password: "file:b"}
          - influxdb: {name: denied, url: "\(influx.url)", database: short, username: r, password: "file:r"}
        contacts: {ops: {exec: {command: [/nonexistent/notify]}}}
        services: {shop: {needs: ["fine/tcp:\(closed)"]}}
        """)
    range.scratch.write("inventory/bmc", "s3cr3t\n")
    range.scratch.write("inventory/b", "b\n")
    range.scratch.write("inventory/r", "r\n")
    // Of the stranger nothing is known.
    range.scratch.write(
      "inventory/known",
      lines + (other.scratch.read("known_hosts") ?? "") + (poor.scratch.read("known_hosts") ?? ""))
    let outcome = try range.scrape("preflight", "--json", "--deadline", "20")
    let sheet = Sheet(outcome)
    #expect(outcome.status == 1, "\(outcome.errors)")
    let expected: [(host: String?, part: String, subject: String, words: String)] = [
      ("key", "login", "session", "auth_failed"),
      ("silent", "reach", "address", "connection_refused"),
      ("nowhere", "reach", "address", "name_unknown"),
      ("inner", "reach", "address", "via silent"),
      ("stranger", "login", "session", "host_key_unknown"),
      ("away", "reach", "address vpn", "name_unknown"),
      ("poor", "tools", "processes", "status 127, and without it there is no processes, procstat"),
      ("poor", "clock", "clock", "2 h ahead of ours"),
      ("poor", "gpu", "gpu", "NVIDIA driver"),
      ("board", "bmc", "privilege", "is granted ADMIN, and USER is enough"),
      ("fine", "probes", "tcp:\(closed)", "connection_refused"),
      (nil, "centre", "short retention", "keeps points 1 d, and they are needed for 2 d"),
      (nil, "centre", "denied", "not authorized"),
      (nil, "centre", "ops: exec /nonexistent/notify", "cannot be run"),
      (nil, "centre", "known_hosts", "no host key is accepted"),
      (nil, "centre", "service shop", "it is critical"),
    ]
    for (host, part, subject, words) in expected {
      let line = sheet.line(host, part, subject)
      #expect(line?["ok"] as? Bool == false, "\(host ?? "") \(part) \(subject): \(outcome.output)")
      let text = "\(line?["reason"] ?? "") \(line?["message"] ?? "")"
      #expect(text.contains(words), "\(text)")
      // What to do stands in the message or beside it.
      let remedy = line?["remedy"] as? String ?? ""
      let message = line?["message"] as? String ?? ""
      #expect(
        !remedy.isEmpty || message.contains("; ") || part == "centre",
        "\(host ?? "") \(part): \(text)")
      if let reason = line?["reason"] as? String {
        #expect(line?["see"] as? String == "docs/troubleshooting.md#\(reason)")
      }
    }
    // What is well beside it is not blamed.
    for (host, part, subject) in [
      ("key", "reach", "address"), ("fine", "login", "session"), ("fine", "clock", "clock"),
      ("poor", "login", "session"), ("board", "bmc", "answer"),
      ("fine", "probes", "tcp:\(sshd.port)"), ("away", "reach", "address"),
      ("behind", "reach", "address"), ("behind", "login", "session"),
    ] {
      #expect(sheet.isFine(host, part, subject) == true, "\(host) \(part) \(subject)")
    }
    let blue = sheet.scope("team", "blue")
    #expect(blue["ready"] as? Bool == false && blue["ready_hosts"] as? Int == 1, "\(blue)")
    let columns = blue["columns"] as? [String: [String: Int]]
    #expect(columns?["reach"] == ["ok": 4, "failed": 4, "unknown": 0], "\(columns ?? [:])")
    #expect(columns?["probes"] == ["ok": 1, "failed": 1, "unknown": 0])
    #expect(!outcome.output.contains("s3cr3t"))
    // Nothing is stored but the refused log-ins.
    let rows = try stored(in: range)
    #expect(rows.filter { !$0.hasSuffix(" 0") }.map { $0.prefix(5) } == ["rest "], "\(rows)")

    let text = try range.scrape("preflight", "red", "--deadline", "20")
    #expect(text.output.contains(/red +0\/2/), "\(text.output)")
    #expect(
      text.output.contains(/red +board +bmc privilege +user "monitor" is granted ADMIN/),
      "\(text.output)")
    #expect(text.errors.contains("not ready: 2 of 2 hosts"), "\(text.errors)")
    #expect(!text.output.contains("blue"))
  }

  // MARK: Changes

  @Test func `what failed and what was mended since an earlier sheet`() throws {
    let first = try Sshd(addresses: ["127.77.52.1"])
    let second = try Sshd(addresses: ["127.77.52.2"])
    let range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), key: \(first.key), known_hosts: known, profile: p}
          hosts:
            one: {address: 127.77.52.1, port: \(first.port)}
            two: {address: 127.77.52.2, port: \(second.port)}
        """,
      settings: """
        profiles: {p: {collectors: {mem: }}}
        store: {size: 10MiB}
        """)
    range.scratch.write(
      "inventory/known",
      (first.scratch.read("known_hosts") ?? "") + (second.scratch.read("known_hosts") ?? ""))
    let none = try range.scrape("preflight", "--since", "yesterday")
    #expect(none.errors.contains("there is no earlier sheet to compare with"), "\(none.errors)")
    #expect(none.output.contains(/two +login +auth_failed/), "\(none.output)")
    // The key is accepted now, and the other host is gone.
    second.scratch.write("authorized_keys", first.scratch.read("user.pub") ?? "")
    first.stop()
    let later = Sheet(try range.scrape("preflight", "--since", "2h", "--json"))
    #expect(later.changes("failing") == ["one reach address"])
    #expect(later.changes("mended") == ["two login session"])
    let text = try range.scrape("preflight", "two", "--since", "1h")
    #expect(text.output.contains(/mended +two  login/), "\(text.output)")
    #expect(!text.output.contains("failing  one"))
    for word in ["soon", "25:00", "2026-13-01"] {
      let wrong = try range.scrape("preflight", "--since", word)
      #expect(wrong.status == 2 && wrong.errors.contains("is no time"), "\(word)")
    }
  }

  @Test func `it runs beside a watch, which goes on, and the rate of its store is known`()
    async throws
  {
    let sshd = try Sshd(addresses: ["127.77.53.1"])
    let range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), key: \(sshd.key), known_hosts: \(sshd.knownHosts), profile: p}
          hosts:
            web1: {address: 127.77.53.1, port: \(sshd.port), every: 1s}
        """,
      settings: """
        profiles: {p: {collectors: {mem: {every: 1s}, cpu: {every: 1s}}}}
        store: {size: 500MiB}
        watch: {every: 2s}
        """)
    let watcher = try Watcher(range)
    #expect(try await watcher.asks("web1", 6), "\(watcher.log)")
    #expect(
      eventually(within: 30) { Int((try? count("pass", in: range)) ?? "") ?? 0 >= 4 },
      "\(watcher.log)")
    let outcome = try range.scrape("preflight", "--json", "--hours", "10")
    let sheet = Sheet(outcome)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    let lock = sheet.line(nil, "centre", "lock")?["message"] as? String ?? ""
    #expect(lock.contains("held by `scrape watch`"), "\(lock)")
    let disk = sheet.line(nil, "centre", "disk")
    let words = disk?["message"] as? String ?? ""
    #expect(
      words.contains(/10 h at this rate need at most [0-9.]+ [KM]iB \(a pass every [0-9]+ s/),
      "\(words)"
    )
    #expect(try await watcher.asks("web1", 2) && watcher.daemon.isRunning, "\(watcher.log)")
  }
}
