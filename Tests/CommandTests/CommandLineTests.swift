import Metrics
import Foundation
import Lab
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

@Suite struct CommandLineTests {
  let local = Range(
    hosts: """
      all:
        children:
          lab:
            hosts: {me: {connection: local}, "web[1:3]": {address: "127.99.0.[1:3]"}}
      """)

  @Test(
    arguments: [
      ([], 2, "USAGE: scrape COMMAND"),
      (["rnu"], 2, "did you mean \"run\"?"),
      (["help", "metrics", "cpo"], 2, "did you mean \"cpu\"?"),
      (["run", "--limt", "x"], 2, "did you mean \"--limit\"?"),
      (["run", "--fanout", "many"], 2, "--fanout takes a whole number from 1 to 10000"),
      (["run", "--deadline"], 2, "--deadline needs a value: --deadline SECONDS"),
      (["run", "--deadline", "soon"], 2, "a time such as 30, 30s or 2m"),
      (["run", "--inventory", "/does/not/exist"], 2, "no inventory at /does/not/exist"),
      (["host"], 2, "name one host"),
      (["run", "web01"], 2, "unexpected \"web01\"; did you mean --limit web01?"),
      (["trust", "web1", "web2"], 2, "unexpected \"web2\""),
    ] as [([String], Int32, String)])
  func `a wrong command line is refused with what was meant`(
    words: [String], status: Int32, says: String
  ) throws {
    let outcome = try run(Scrape.program, words)
    #expect(outcome.status == status)
    #expect(outcome.errors.contains(says), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }

  @Test(arguments: subcommands.map { $0.name })
  func `every subcommand has a help page with examples`(name: String) throws {
    let outcome = try run(Scrape.program, [name, "--help"])
    #expect(outcome.status == 0)
    #expect(outcome.output.hasPrefix("OVERVIEW: "))
    #expect(outcome.output.contains("USAGE: scrape \(name) "))
    #expect(outcome.output.contains("\nEXAMPLES:\n  scrape \(name)"))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 110 })
    #expect(outcome.errors.isEmpty)
  }

  @Test func `the help of list reads as it should`() throws {
    let outcome = try run(Scrape.program, ["list", "--help"])
    #expect(
      outcome.output == """
        OVERVIEW: Lists groups and hosts of the inventory with their collectors and probes.

        USAGE: scrape list [OPTIONS] [PATTERN]

        OPTIONS:
          -i, --inventory PATH  Inventory file or folder; default: ./inventory, then /etc/scrape.
          --config FILE         Settings; default: scrape.yml beside the inventory.
          --store FILE          Store; default: scrape.yml, else below the state folder.
          -l, --limit PATTERN   Only these hosts.
          --json                Prints one JSON object per host, or per rule.
          --facts               Lists counts of packages, updates, accounts and services instead.
          --rules               Lists rules instead: those of scrape.yml and the built-in ones.
          -h, --help            This page.

        Facts (system, kernel) are from the last pass. Reads the store and contacts no host.

        EXAMPLES:
          scrape list
              shows the tree of groups with their hosts
          scrape list --facts
              shows what is installed where, in numbers
          scrape list --rules
              shows thresholds, and which rules are off
          scrape list 'gpu*' --json
              prints facts of some hosts for scripts

        """)
  }

  @Test func `an unknown probe of words in the inventory is shown with its place`() throws {
    let range = Range(hosts: "all:\n  hosts:\n    me: {adress: 10.0.0.1, port: ssh}\n")
    let outcome = try range.scrape("lint")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("hosts.yml:3:"))
    #expect(outcome.errors.contains("^"))
  }

  @Test func `a dry run names who would be asked what and contacts nobody`() throws {
    let outcome = try local.scrape("run", "--dry-run", "--only", "cpu,mem")
    #expect(outcome.status == 0)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines.contains { $0.hasPrefix("web2") && $0.contains("127.99.0.2:22  cpu mem") })
    #expect(!FileManager.default.fileExists(atPath: local.store))
  }

  @Test func `limit chooses hosts, and a name that is nobody's is an error`() throws {
    let outcome = try local.scrape("run", "--dry-run", "--limit", "web*,!web2")
    #expect(outcome.output.split(separator: "\n").count == 2)
    let wrong = try local.scrape("run", "--dry-run", "--limit", "wbe1")
    #expect(wrong.status == 2)
    #expect(wrong.errors.contains("web1"), "\(wrong.errors)")
  }

  @Test func `an unknown collector is named with the nearest`() throws {
    let outcome = try local.scrape("run", "--only", "cpuu")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("unknown collector \"cpuu\"; did you mean \"cpu\"?"))
  }

  @Test func `standard output holds line protocol alone`() throws {
    let outcome = try local.scrape("run", "--limit", "me", "--stdout")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count > 10)
    for line in lines {
      let parsed = try #require(Line(String(line)), "\(line)")
      #expect(!parsed.fields.isEmpty)
      if parsed.tags["host"] == "(scraper)" { continue }
      #expect(parsed.tags["host"] == "me" && parsed.tags["group"] == "lab")
    }
  }

  @Test func `run prints JSON lines on demand`() throws {
    let outcome = try local.scrape("run", "--limit", "me", "--json")
    for line in outcome.output.split(separator: "\n") {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      #expect(object?["measurement"] is String)
    }
  }

  @Test func `a host is shown to a person and as JSON`() throws {
    let screen = try local.scrape("host", "me")
    #expect(screen.output.hasPrefix("me  local  group lab  "))
    #expect(screen.output.contains("\nmemory "))
    #expect(screen.output.contains("\ncpu "))
    // The point of Telegraf's protocol counters is no interface.
    let net = screen.output.split(separator: "\n").filter { $0.contains("↓") }
    #expect(!net.isEmpty && !net.contains { $0.contains(" all ") }, "\(screen.output)")
    let answer = try local.scrape("host", "me", "--json")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any])
    #expect(object["up"] as? Bool == true)
    let points = object["points"] as? [[String: Any]] ?? []
    #expect(points.contains { $0["measurement"] as? String == "cpu" })
    #expect(!FileManager.default.fileExists(atPath: local.store))
  }

  @Test func `explain shows the script, its output and how to repeat it`() throws {
    let sshd = try Sshd()
    let range = Range(
      hosts: """
        all:
          hosts:
            web:
              {address: 127.0.0.1, port: \(sshd.port), key: \(sshd.key), known_hosts: \(sshd.knownHosts)}
        """)
    let outcome = try range.scrape("host", "web", "--only", "mem", "--explain")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("ssh -p \(sshd.port) -i \(sshd.key) -o IdentitiesOnly=yes"))
    #expect(outcome.output.contains("tail -n +1 /proc/sys/kernel/random/boot_id /proc/uptime"))
    #expect(outcome.output.contains("MemTotal:"))
    #expect(outcome.output.contains("key exchange"))
  }

  @Test func `a host that is down is said so, with the reason`() throws {
    let outcome = try local.scrape("host", "web1", "--deadline", "5")
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("connection_refused: 127.99.0.1:22: Connection refused"))
  }

  @Test func `a misspelt host is answered with the nearest`() throws {
    let outcome = try local.scrape("host", "mee")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("did you mean \"me\"?"))
  }

  @Test func `list shows the tree, and the facts of the last pass`() throws {
    _ = try local.scrape("run", "--limit", "me")
    let outcome = try local.scrape("list")
    #expect(outcome.output.contains("lab (4)"))
    #expect(outcome.output.contains("Linux"))
    let json = try local.scrape("list", "me", "--json").output
    #expect(json.contains("\"facts\":{"))
  }

  @Test func `status shows the last pass and hosts never asked`() throws {
    let before = try local.scrape("status")
    #expect(before.status == 1)
    #expect(before.errors.contains("no pass has run yet"))
    _ = try local.scrape("run")
    let after = try local.scrape("status")
    #expect(after.status == 1)
    #expect(after.output.contains("1 of 4 hosts up"))
    #expect(after.output.contains("connection_refused"))
  }

  @Test func `trust shows a new key, remembers it, and reports a changed one`() throws {
    let sshd = try Sshd()
    let hosts = """
      all:
        hosts:
          web: {address: 127.0.0.1, port: \(sshd.port), key: \(sshd.key)}
      """
    let range = Range(hosts: hosts)
    // Without a terminal nobody can say yes.
    let shown = try range.scrape("trust")
    #expect(shown.status == 1)
    #expect(shown.output.contains("new      ssh-ed25519 SHA256:"))
    #expect(range.scratch.read("inventory/known_hosts") == nil)
    #expect(try range.scrape("run", "--stdout").output.contains("reason=\"host_key_unknown\""))
    #expect(try range.scrape("trust", "--accept-new").status == 0)
    let known = range.scratch.read("inventory/known_hosts") ?? ""
    #expect(known.hasPrefix("[127.0.0.1]:\(sshd.port),[web]:\(sshd.port) ssh-ed25519 "))
    #expect(try range.scrape("trust").output.contains("known"))
    let lines = try range.scrape("run", "--only", "mem", "--stdout").output
    #expect(lines.contains("up=1i"))

    sshd.stop()
    let other = try Sshd(port: sshd.port)
    #expect(try range.scrape("run", "--stdout").output.contains("reason=\"host_key_changed\""))
    #expect(!other.log.contains("Accepted"))
    let changed = try range.scrape("trust", "--accept-new")
    #expect(changed.status == 1)
    #expect(changed.output.contains("CHANGED"))
    #expect(range.scratch.read("inventory/known_hosts") == known)
    #expect(try range.scrape("trust", "--yes").status == 0)
    #expect(range.scratch.read("inventory/known_hosts") != known)
  }

  @Test func `secrets never reach arguments, output or the store`() throws {
    let sshd = try Sshd()
    let range = Range(
      hosts: """
        all:
          hosts:
            web: {address: 127.0.0.1, port: \(sshd.port), key: \(sshd.key), known_hosts: \(
              sshd.knownHosts), password: "${SECRET_OF_TEST}"}
        """)
    sshd.scratch.write("authorized_keys", "")
    let outcome = try run(
      Scrape.program,
      ["run", "--stdout", "-v", "--inventory", range.inventory, "--store", range.store],
      environment: ["SECRET_OF_TEST": "hunter2hunter2", "USER": NSUserName()])
    #expect(outcome.output.contains("auth_failed"))
    #expect(!(outcome.output + outcome.errors).contains("hunter2"))
    let store = try Data(contentsOf: URL(fileURLWithPath: range.store))
    #expect(store.range(of: Data("hunter2".utf8)) == nil)
  }
}

@Suite struct FigureTests {
  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (44_200_000_000, "41.2 GiB"),
      (1_000_000_000_000_000, "909 TiB"),
    ] as [(Double, String)])
  func `bytes take the unit that suits`(count: Double, text: String) {
    #expect(Format.bytes(count) == text)
  }

  @Test(
    arguments: [
      (.milliseconds(3.24), "3.2 ms"), (.milliseconds(38), "38 ms"), (.seconds(2.11), "2.1 s"),
      (.seconds(375), "6 min 15 s"), (.seconds(12_000), "3 h 20 min"),
      (.seconds(12 * 86_400 + 11_640), "12 d 03:14"),
    ] as [(Duration, String)])
  func `a length of time has two digits`(length: Duration, text: String) {
    #expect(Format.duration(length) == text)
  }

  @Test(
    arguments: [
      (0.05, 1, "0.1"), (-0.04, 1, "0.0"), (12.345, 2, "12.35"), (.infinity, 1, "–"),
      (9.99, 1, "10.0"), (-3.5, 0, "-4"),
    ] as [(Double, Int, String)])
  func `numbers have fixed decimals, and what is none is a dash`(
    value: Double, decimals: Int, text: String
  ) {
    #expect(Format.fixed(value, decimals) == text)
  }
}
