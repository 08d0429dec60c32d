import Foundation
import Lab
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct DoctorTests {
  /// The lines by what they are about.
  private func checks(_ outcome: Outcome) -> [String: (isFine: Bool?, message: String)] {
    var checks: [String: (Bool?, String)] = [:]
    for line in outcome.output.split(separator: "\n") {
      guard
        let check = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let subject = check["subject"] as? String
      else { continue }
      checks[subject] = (check["ok"] as? Bool, check["message"] as? String ?? "")
    }
    return checks
  }

  @Test(.enabled(if: InfluxServer.isInstalled))
  func `all that is well is said to be, and nothing else`() throws {
    let sshd = try Sshd(addresses: ["127.77.40.1"])
    let influx = try InfluxServer()
    let range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), key: \(sshd.key), known_hosts: \(sshd.knownHosts)}
          hosts:
            web1: {address: 127.77.40.1, port: \(sshd.port), profile: small}
        """,
      settings: """
        profiles: {small: {collectors: {mem: {}, cpu: {}}}}
        store: {size: 1MiB}
        sinks:
          - influxdb: {url: "\(influx.url)", database: range}
          - file: {path: points.lp, measurements: [cpu]}
        """)
    let outcome = try range.scrape("doctor", "web1", "--json")
    let found = checks(outcome)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    for subject in [
      "store", "keys", "descriptors", "clock", "influxdb \(influx.url) range", "web1",
    ] {
      #expect(found[subject]?.isFine == true, "\(subject) in \(outcome.output)")
    }
    #expect(found["web1"]?.message.contains("2 collectors, same clock") == true)
    #expect(try influx.query("SELECT canary FROM scrape_doctor", database: "range").count == 1)
    // For people, each of them is one line.
    let text = try range.scrape("doctor", "web1")
    #expect(text.output.split(separator: "\n").count == found.count)
    #expect(text.output.contains("✓ web1"))
    #expect(text.errors == "nothing is wrong\n")
  }

  /// It is no fault, and passes do not mention it again.
  @Test func `a collector that a host can never serve is said once`() throws {
    let sshd = try Sshd(addresses: ["127.77.40.1"])
    let range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), key: \(sshd.key), known_hosts: \(sshd.knownHosts)}
          hosts:
            web1: {address: 127.77.40.1, port: \(sshd.port), profile: small}
        """,
      settings: "profiles: {small: {collectors: {mem: , mdstat: }}}\nstore: {size: 1MiB}\n")
    let outcome = try range.scrape("doctor", "web1", "--json")
    let found = checks(outcome)
    #expect(found["web1"]?.isFine == true, "\(outcome.output)")
    // Where this machine has a RAID there is nothing to say.
    if found["web1 collectors"] == nil {
      #expect(FileManager.default.fileExists(atPath: "/proc/mdstat"))
    } else {
      #expect(found["web1 collectors"]?.isFine == nil)
      #expect(found["web1 collectors"]?.message.contains("mdstat (no software RAID)") == true)
    }
    let pass = try range.scrape("run", "--stdout")
    #expect(pass.status == 0 && pass.output.contains("problems=0i"), "\(pass)")
  }

  @Test func `each thing that is wrong has its line with what to do`() throws {
    let sshd = try Sshd(addresses: ["127.77.40.1"])
    let silent = SilentPort()
    let range = Range(
      hosts: """
        all:
          vars: {user: \(NSUserName()), known_hosts: \(sshd.knownHosts)}
          hosts:
            web1: {address: 127.77.40.1, port: \(sshd.port), key: \(sshd.key), profile: none}
            web2: {address: nosuch.invalid, key: \(sshd.key)}
            web3: {address: 127.0.0.1, port: \(silent.port), key: \(sshd.key)}
            web4:
              address: 127.0.0.1
              port: 9
              key: \(sshd.key)
              bmc: {address: 127.0.0.1, port: 9, user: x, password: "${SCRAPE_TEST_UNSET}"}
        """,
      settings: """
        profiles: {none: {collectors: {gpu: {}}}}
        fanout: 10000
        self: {gateway: off, resolver: off}
        store: {size: 100000GiB}
        sinks:
          - graphite: {port: 9}
          - splunk: {url: "http://127.0.0.1:9", token: "${SCRAPE_TEST_UNSET}"}
        """)
    let start = Date()
    let outcome = try run(
      "/bin/sh",
      [
        "-c",
        "ulimit -n 500; exec \"$0\" doctor all --json --deadline 8 -i \"$1\" --store \"$2\"",
        Scrape.program, range.inventory, range.store,
      ], environment: ["SSH_AUTH_SOCK": ""])
    #expect(Date().timeIntervalSince(start) < 20)
    #expect(outcome.status == 1, "\(outcome.errors)")
    let found = checks(outcome)
    for (subject, part) in [
      ("store", "make room"),
      ("passwords", "SCRAPE_TEST_UNSET is not set"), ("descriptors", "ulimit -n"),
      ("resolver", "nosuch.invalid: name_unknown"), ("graphite 127.0.0.1:9", "is carbon running"),
      ("web1", "gpu missing_tool"), ("web2", "name_unknown"), ("web3", "timeout"),
      ("web4", "connection_refused"),
      ("web4 bmc", "SCRAPE_TEST_UNSET"),
    ] {
      #expect(found[subject]?.isFine == false, "\(subject) in \(outcome.output)")
      #expect(found[subject]?.message.contains(part) == true, "\(found[subject]?.message ?? "")")
    }
    #expect(found.contains { $0.key.contains("scrape.yml") && $0.value.isFine == false })
  }

  /// One line for each thing that commonly goes wrong on the monitor itself.
  @Test func `files with wrong rights, a stale lock and a second instance are named`() throws {
    let sshd = try Sshd(addresses: ["127.77.40.1"])
    func range(_ settings: String = "") -> Range {
      Range(
        hosts: """
          all:
            vars: {user: \(NSUserName()), key: key, known_hosts: known}
            hosts:
              web1: {address: 127.77.40.1, port: \(sshd.port), profile: small}
              web2: {address: 127.77.40.1, port: \(sshd.port), profile: small}
          """,
        settings: "profiles: {small: {collectors: {mem: {}}}}\nstore: {size: 1MiB}\n\(settings)")
    }
    let first = range(
      "contacts: {ops: {exec: {command: [/nonexistent]}, webhook: {url: \"http://127.0.0.1:9\"}}}")
    first.scratch.write("inventory/key", sshd.scratch.read("user") ?? "")
    first.scratch.write("inventory/known", sshd.knownHostsLines())
    var found = checks(try first.scrape("doctor", "--json"))
    #expect(found["known_hosts"]?.isFine == true, "\(found)")
    #expect(found["lock"]?.isFine == nil && found["lock"]?.message.contains("no pass") == true)
    #expect(found["libraries"]?.isFine == true)
    #expect(found["libraries"]?.message.contains("libssh2 1.") == true, "\(found)")
    #expect(found["libraries"]?.message.contains("libcurl/") == true, "\(found)")
    #expect(found["ops: exec /nonexistent"]?.isFine == false, "\(found)")
    #expect(found["ops: exec /nonexistent"]?.message.contains("cannot be run by this user") == true)
    #expect(found.contains { $0.key.hasPrefix("ops: webhook") && $0.value.isFine == nil })

    // Rights: a key that all may read, and keys of hosts that all may change.
    let inventory = first.inventory
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o644], ofItemAtPath: "\(inventory)/key")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o666], ofItemAtPath: "\(inventory)/known")
    let wrong = try first.scrape("doctor", "--json")
    found = checks(wrong)
    #expect(wrong.status == 1, "\(wrong.errors)")
    let key = found.first { $0.key.contains("hosts.yml") }?.value
    #expect(key?.isFine == false && key?.message.contains("chmod 600") == true, "\(wrong.output)")
    #expect(found["known_hosts"]?.message.contains("chmod go-w") == true, "\(wrong.output)")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o600], ofItemAtPath: "\(inventory)/key")
    first.scratch.write("inventory/known", "127.77.40.9 ssh-ed25519 AAAA\n")
    found = checks(try first.scrape("doctor", "--json"))
    #expect(
      found["known_hosts"]?.message.hasPrefix("web[1-2]: no host key is accepted") == true,
      "\(found)")

    // A pass that was killed, and one that stands still.
    first.scratch.write("inventory/known", sshd.knownHostsLines())
    let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    func lock(_ process: Int32, began: String, deadline: String = "\(Int64.max / 2)") {
      first.scratch.write(
        "state/scrape.db.lock",
        "process \(process)\nbegan \(began)\nboot \(boot)\nsince 1700000000000000000\n"
          + "deadline \(deadline)\nstate running\ncommand run\n")
    }
    lock(2_000_000_000, began: "5")
    let stale = try first.scrape("doctor", "--json")
    found = checks(stale)
    #expect(
      found["lock"]?.isFine == false && found["lock"]?.message.hasPrefix("stale:") == true,
      "\(found)")
    #expect(
      stale.output.contains("\"see\":\"docs/troubleshooting.md#vanished\""), "\(stale.output)")
    let text = try first.scrape("doctor").output
    #expect(text.contains("; see docs/troubleshooting.md#vanished"), "\(text)")
    let own = try String(contentsOfFile: "/proc/self/stat", encoding: .utf8)
      .split(separator: " ").map(String.init)
    lock(getpid(), began: own[21], deadline: "1")
    found = checks(try first.scrape("doctor", "--json"))
    #expect(
      found["lock"]?.message.contains("past its deadline; the next pass ends it") == true,
      "\(found)")
    try FileManager.default.removeItem(atPath: "\(first.scratch.path)/state/scrape.db.lock")

    // A second one, over the same inventory and into another store.
    let watch = try Daemon(
      Scrape.program,
      ["watch", "-i", first.inventory, "--store", "\(first.scratch.path)/other/scrape.db"],
      environment: ["SSH_AUTH_SOCK": ""], log: "\(first.scratch.path)/watch.log")
    #expect(
      eventually { FileManager.default.fileExists(atPath: "\(first.scratch.path)/other/scrape.db") }
    )
    found = checks(try first.scrape("doctor", "--json"))
    #expect(found["instance"]?.isFine == false, "\(found)")
    #expect(
      found["instance"]?.message.contains("process \(watch.identifier)) asks the same inventory")
        == true,
      "\(found)")
    watch.stop()
    found = checks(try first.scrape("doctor", "--json"))
    #expect(found["instance"] == nil, "\(found)")
  }

  @Test func `a BMC answers, or says why it does not`() throws {
    var configuration = BMC.Configuration()
    configuration.users = [.init("monitor", "s3cr3t", limit: 2)]
    let bmc = try BMC(configuration)
    let range = Range(
      hosts: """
        all:
          vars: {bmc: {user: monitor, timeout: 800ms, retransmit: 200ms}}
          hosts:
            h1:
              connection: local
              profile: small
              bmc: {address: \(bmc.address), port: \(bmc.port), password: "file:right"}
            h2:
              connection: local
              profile: small
              bmc: {address: \(bmc.address), port: \(bmc.port), password: "file:wrong"}
        """, settings: "profiles: {small: {collectors: {mem: {}}}}")
    range.scratch.write("inventory/right", "s3cr3t\n")
    range.scratch.write("inventory/wrong", "other\n")
    let outcome = try range.scrape("doctor", "h*", "--json")
    let found = checks(outcome)
    #expect(outcome.status == 1)
    #expect(found["h1"]?.isFine == true, "\(outcome.output)")
    #expect(found["h1 bmc"]?.isFine == true, "\(outcome.output)")
    #expect(found["h1 bmc"]?.message.contains("sensors") == true)
    #expect(found["h2 bmc"]?.isFine == false)
    #expect(found["h2 bmc"]?.message.hasPrefix("auth_failed") == true, "\(outcome.output)")
    #expect(!outcome.output.contains("s3cr3t"))
  }
}
