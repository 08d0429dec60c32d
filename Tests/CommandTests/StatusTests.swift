import Foundation
import Lab
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// `scrape status` as a tired person reads it.
@Suite struct StatusTests {
  /// Hosts of which nothing answers, some behind another, some that lack a tool, some fine.
  private static func range(webs: Int = 40, rules: String = "") -> Range {
    Range(
      hosts: """
        all:
          vars: {connection: local, profile: none}
          children:
            web: {vars: {probes: ["tcp:1"]}, hosts: {"web[001:\(String(format: "%03d", webs))]": }}
            vm:
              vars: {connection: ssh, profile: small, address: 127.0.0.1, port: 1, probes: ["tcp:1"]}
              hosts: {esx: , "vm[1:4]": {on: esx}}
            gpu: {vars: {profile: gpus}, hosts: {"gpu[01:30]": }}

        """,
      settings: """
        profiles:
          none: {collectors: []}
          small: {collectors: {mem: {}}}
          gpus: {collectors: {gpu: {}, mem: {}}}
        rules: {memory: {when: mem.used_percent, major: "> 0"}\(rules)}

        """)
  }

  private func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }

  @Test func `one trouble is one line, of four hundred hosts and of collectors that complain`()
    throws
  {
    let range = Self.range(webs: 400)
    try range.scrape("run")
    let lines = lines(try range.scrape("status").output)
    #expect(lines.filter { $0.contains("web[001-400]  service tcp:1") }.count == 1, "\(lines)")
    let complaints = lines.filter { $0.contains("missing_tool") }
    #expect(complaints.count == 1, "\(complaints)")
    #expect(complaints.first?.hasPrefix("unknown   gpu[01-30]    gpu ") == true, "\(complaints)")
    #expect(lines.count <= 7, "\(lines)")
  }

  @Test func `beside faulty files the store still says what is wrong`() throws {
    let range = Self.range(webs: 3)
    try range.scrape("run")
    let before = lines(try range.scrape("status").output)
    let good = try #require(range.scratch.read("inventory/hosts.yml"))
    for (bad, place) in [
      (good.replacing("[\"tcp:1\"]}}\n", with: "[\"tcp:1\", htpp]}}\n"), "htpp"),
      (good.replacing("gpu:", with: "web: {hosts: {}}\n    gpu:"), "hosts.yml:"),
      ("all: [\n", "hosts.yml:"), ("", "hosts.yml"),
    ] {
      range.scratch.write("inventory/hosts.yml", bad)
      guard try range.scrape("lint").status != 0 else { continue }
      let outcome = try range.scrape("status")
      let shown = lines(outcome.output)
      #expect(outcome.status == 2, "\(outcome)")
      #expect(shown.first?.hasPrefix("FAULTY FILES: ") == true, "\(outcome)")
      #expect(shown.first?.contains(place) == true, "\(outcome)")
      #expect(shown.count > 1 && shown[1].hasPrefix("NO PASS RUNS WITH THESE FILES"), "\(outcome)")
      // What was wrong is wrong: without groups and causes it may be in other words.
      let words = ["web[001-003]  service tcp:1", "esx", "gpu["]
      for word in words { #expect(shown.contains { $0.contains(word) }, "\(word): \(outcome)") }
      let one = try range.scrape("status", "web002")
      #expect(one.status == 2 && one.output.contains("web002"), "\(one)")
      #expect(!one.output.contains("esx"), "\(one)")
      let json = try range.scrape("status", "--json")
      #expect(json.status == 2 && json.output.contains(#"{"files":{"faults":"#), "\(json)")
      #expect(json.output.contains(#""host":"web002""#) && json.errors.contains("FAULTY FILES"))
    }
    range.scratch.write("inventory/hosts.yml", good)
    let after = try range.scrape("status")
    #expect(after.status == 1 && lines(after.output).count == before.count, "\(after)")
    // Where the store is not known there is nothing to show.
    range.scratch.write("inventory/hosts.yml", "all: [\n")
    let none = try run(
      Scrape.program,
      ["status", "--inventory", range.inventory, "--store", "\(range.scratch.path)/none.db"])
    #expect(none.status == 2 && none.output.isEmpty && none.errors.contains("hosts.yml"), "\(none)")
  }

  @Test func `effects stand below their cause`() throws {
    let range = Self.range()
    try range.scrape("run")
    let lines = lines(try range.scrape("status").output)
    let cause = try #require(lines.firstIndex { $0.contains("esx  ") && $0.contains(" ssh ") })
    #expect(lines[cause + 1].hasSuffix("└ affects 4 hosts, 5 services: vm[1-4]"), "\(lines)")
    #expect(!lines.contains { $0.contains("vm") && !$0.contains("affects") }, "\(lines)")
    // Where the cause is not shown, the effect is.
    let one = try range.scrape("status", "vm2").output
    #expect(one.contains("vm2") && one.contains("because of esx"), "\(one)")
  }

  @Test func `what is acknowledged or silenced is marked at once and comes last`() throws {
    let range = Self.range()
    try range.scrape("run")
    try range.scrape("ack", "web[001-020]", "--why", "cable")
    try range.scrape("silence", "gpu*", "2h", "--check", "rule memory")
    let lines = lines(try range.scrape("status").output)
    #expect(lines.contains { $0.contains("web[021-040]") && !$0.contains("acked") }, "\(lines)")
    let acked = try #require(lines.first { $0.contains("web[001-020]") })
    #expect(acked.contains("[acked by \(NSUserName())]") && acked.hasSuffix("; cable"), "\(acked)")
    let silenced = try #require(lines.first { $0.contains("rule memory") && $0.contains("gpu[") })
    #expect(silenced.contains("[silenced until "), "\(silenced)")
    #expect(Set(lines.suffix(2)) == [acked, silenced], "\(lines)")
    let json = try range.scrape("status", "--json", "web001").output
    #expect(json.contains(#""acknowledged":"\#(NSUserName()): cable""#), "\(json)")
    try range.scrape("ack", "web[001-020]", "--end")
    #expect(!(try range.scrape("status").output.contains("acked")))
  }

  @Test(arguments: [60, 80, 132])
  func `lines are cut to the terminal, and the message is kept`(columns: Int) throws {
    let range = Self.range()
    try range.scrape("run")
    let shown = lines(
      try range.onTerminal("status", "--color", "never", columns: columns)
        .replacingOccurrences(of: "\r", with: ""))
    #expect(shown.count > 4 && shown.allSatisfy { $0.count <= columns }, "\(shown)")
    #expect(shown.contains { $0.contains("connection_refused") }, "\(shown)")
    #expect(shown.contains { $0.contains("missing_tool") }, "\(shown)")
    #expect(columns > 100 || shown.contains { $0.hasSuffix("…") }, "\(shown)")
    // A pipe is given all of it.
    #expect(try range.scrape("status").output.contains("Connection refused; is sshd running"))
    let asked = try range.scrape(words: ["status"], environment: ["COLUMNS": "70"]).output
    #expect(lines(asked).allSatisfy { $0.count <= 70 }, "\(asked)")
  }

  @Test func `ages stand beside times, and the zone is named`() throws {
    let range = Self.range()
    try range.scrape("run")
    try range.sql("UPDATE state SET since = since - 12000000000000")
    let environment = ["TZ": "Asia/Tokyo"]
    let lines = lines(try range.scrape(words: ["status"], environment: environment).output)
    #expect(lines[0].contains(" JST, took "), "\(lines)")
    #expect(lines.contains { $0.contains("tcp:1") && $0.contains("  3 h 20 min  ") }, "\(lines)")
    let history = try range.scrape(words: ["status", "--history"], environment: environment).output
    #expect(history.contains(" JST  "), "\(history)")
  }

  @Test func `critical and major have colours of their own`() throws {
    let range = Self.range()
    try range.scrape("run")
    let shown = try range.scrape("status", "--color", "always").output
    #expect(shown.contains("\u{1b}[1;31mcritical\u{1b}[0m"), "\(shown)")
    #expect(shown.contains("\u{1b}[35mmajor   \u{1b}[0m"), "\(shown)")
    #expect(!(try range.scrape("status").output.contains("\u{1b}")))
    #expect(try range.onTerminal("status").contains("\u{1b}[1;31m"))
    #expect(!(try range.onTerminal("status", "--color", "never").contains("\u{1b}")))
    #expect(!(try range.onTerminal("status", environment: ["NO_COLOR": "1"]).contains("\u{1b}")))
    #expect(try range.scrape("status", "--color", "red").status == 2)
  }

  @Test func `without UTF-8 all is ASCII`() throws {
    let range = Self.range()
    try range.scrape("run")
    let plain = ["LC_ALL": "", "LC_CTYPE": "", "LANG": "C"]
    for words in [["status"], ["status", "--history"], ["list"], ["run"], ["doctor"]] {
      let outcome = try range.scrape(words: words, environment: plain)
      #expect(outcome.output.utf8.allSatisfy { $0 < 0x80 }, "\(words): \(outcome.output)")
      #expect(outcome.errors.utf8.allSatisfy { $0 < 0x80 }, "\(words): \(outcome.errors)")
    }
    #expect(
      try range.scrape(words: ["status"], environment: plain).output
        .contains("`- affects 4 hosts, 5 services: vm[1-4]"))
    let cut = try range.scrape(
      words: ["status"], environment: plain.merging(["COLUMNS": "60"]) { $1 }
    ).output
    #expect(cut.contains("..."), "\(cut)")
    // Data stays what it is.
    #expect(try range.scrape(words: ["status", "--json"], environment: plain).status == 1)
  }

  @Test func `severity leaves out what is less bad`() throws {
    let range = Self.range(rules: ", small: {when: mem.total, minor: \"> 0\"}, gpu lost: off")
    try range.scrape("run")
    func words(_ least: String) throws -> Set<String> {
      Set(
        lines(try range.scrape("status", "--severity", least).output).dropFirst()
          .compactMap { $0.split(separator: " ").first.map(String.init) }.filter { $0 != "└" })
    }
    #expect(try words("unknown") == ["critical", "major", "minor", "unknown"])
    #expect(try words("minor") == ["critical", "major", "minor"])
    #expect(try words("major") == ["critical", "major"])
    #expect(try words("critical") == ["critical"])
    #expect(try range.scrape("status", "gpu*", "--severity", "critical").status == 0)
    #expect(try range.scrape("status", "gpu*", "--severity", "major").status == 1)
    let wrong = try range.scrape("status", "--severity", "majr")
    #expect(wrong.status == 2 && wrong.errors.contains("did you mean \"major\"?"), "\(wrong)")
  }

  @Test func `sort puts first what is asked for`() throws {
    let range = Self.range()
    try range.scrape("run")
    try range.sql("UPDATE state SET since = since - 5000000000 WHERE name != 'rule memory'")
    func first(_ order: String) throws -> String {
      lines(try range.scrape("status", "--sort", order).output).dropFirst().first ?? ""
    }
    #expect(try first("severity").hasPrefix("critical  web["))
    #expect(try first("since").contains("rule memory"))
    #expect(try first("host").contains("esx"))
    #expect(try first("check").hasPrefix("unknown   gpu[01-30]    gpu "))
    #expect(try range.scrape("status", "--sort", "age").status == 2)
  }

  @Test func `watch shows it again and again`() throws {
    let range = Self.range()
    try range.scrape("run")
    let log = range.scratch.write("watch.log", "")
    let watch = try Daemon(
      Scrape.program,
      ["status", "--watch", "1", "--inventory", range.inventory, "--store", range.store], log: log)
    let heads = { (range.scratch.read("watch.log") ?? "").occurrences(of: "last whole pass ") }
    #expect(eventually(within: 15) { heads() >= 3 }, "\(heads())")
    watch.stop(SIGTERM)
    #expect(eventually { !watch.isRunning })
    #expect(try range.scrape("status", "--watch", "1", "--json").status == 2)
    #expect(try range.scrape("status", "--watch", "0").status == 2)
  }

  @Test func `one long tag pads nobody else's line`() throws {
    let long = String(repeating: "long-", count: 20)
    let range = Range(
      hosts: """
        all:
          hosts:
            a: {connection: local, profile: none, probes: [{tcp: {port: 1, name: \(long)}}]}
            b: {connection: local, profile: none, probes: [{tcp: {port: 1, name: short}}]}

        """,
      settings: """
        profiles: {none: {collectors: []}}
        rules: {state: {when: service.state, major: "> 0"}}

        """)
    try range.scrape("run")
    let lines = lines(try range.scrape("status").output)
    let short = try #require(lines.first { $0.contains("service short") })
    #expect(short.count < 120 && !short.contains("          "), "\(lines)")
    #expect(lines.filter { $0.contains("rule state") }.count == 1, "\(lines)")
  }

  @Test func `quiet passes print a line for each new problem, once`() throws {
    let range = Self.range()
    let first = try range.scrape("run", "-q")
    let shown = lines(first.errors)
    #expect(first.output.isEmpty)
    #expect(shown.contains { $0.hasPrefix("critical  web[001-040]  service tcp:1") }, "\(shown)")
    #expect(
      shown.contains { $0.contains("esx  ssh") && $0.contains("affects 4 hosts") }, "\(shown)")
    #expect(shown.filter { $0.contains("missing_tool") }.count == 1, "\(shown)")
    #expect(shown.count <= 5, "\(shown)")
    let again = try range.scrape("run", "-q")
    #expect(again.errors.isEmpty && again.status == 1, "\(again)")
    range.scratch.write(
      "inventory/more.yml",
      "all: {hosts: {new: {connection: local, profile: none, probes: [\"tcp:1\"]}}}\n")
    let more = lines(try range.scrape("run", "-q").errors)
    #expect(more.count == 1 && more[0].contains("new  service tcp:1"), "\(more)")
  }
}
