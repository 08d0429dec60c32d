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
