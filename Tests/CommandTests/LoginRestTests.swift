import Foundation
import Lab
import Testing

/// Accounts that rest after refused log-ins, counted at real servers.
@Suite struct LoginRestTests {
  private final class Place {
    let sshd: Sshd
    let range: Range
    let key: String

    /// One host whose server does not know our key.
    init(_ host: (Sshd) -> String = { "{address: 127.0.0.1, port: \($0.port)}" }) throws {
      sshd = try Sshd()
      let scratch = Scratch()
      key = "\(scratch.path)/stranger"
      try Lab.run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key])
      range = Range(
        hosts: """
          all:
            vars: {user: \(NSUserName()), key: \(key), profile: small}
            hosts:
              h1: \(host(sshd))
          """, settings: "profiles: {small: {collectors: [cpu, mem]}}\n")
      range.scratch.write("inventory/known_hosts", sshd.scratch.read("known_hosts") ?? "")
      keys = scratch
    }

    private let keys: Scratch

    var attempts: Int { sshd.log.components(separatedBy: "Failed publickey").count - 1 }
    var connections: Int { sshd.log.components(separatedBy: "Connection from").count - 1 }

    func sql(_ statement: String) throws -> String {
      try Lab.run("/usr/bin/sqlite3", [range.store, statement]).output
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The time has come nearer by so many minutes, as if the clock had been set.
    func wait(minutes: Int) throws {
      _ = try sql("UPDATE rest SET until = until - \(minutes * 60)")
    }

    /// Minutes of rest that are left.
    func left() throws -> Double {
      (Double(try sql("SELECT until FROM rest")) ?? 0) / 60 - Date().timeIntervalSince1970 / 60
    }
  }

  @Test func `preflight counts refused log-ins, and asks no account that rests`() throws {
    let place = try Place()
    place.range.scratch.write(
      "inventory/scrape.yml", "self: off\nprofiles: {small: {collectors: [cpu, mem]}}\n")
    for round in 1...3 {
      let sheet = try place.range.scrape("preflight")
      #expect(sheet.status == 1 && sheet.output.contains("auth_failed"), "\(sheet)")
      #expect(place.attempts == round)
    }
    #expect(try place.range.scrape("preflight").output.contains("resting"))
    #expect(place.attempts == 3)
    // So does a pass.
    #expect(try place.range.scrape("run").errors.contains("resting: "))
    #expect(place.attempts == 3)
    // A log-in that is accepted ends it.
    try place.wait(minutes: 6)
    place.sshd.scratch.write(
      "authorized_keys", try String(contentsOfFile: "\(place.key).pub", encoding: .utf8))
    _ = try place.range.scrape("preflight")
    #expect(try place.sql("SELECT count(*) FROM rest") == "0")
  }

  @Test func `preflight asks a BMC that refused its password once`() throws {
    var configuration = BMC.Configuration()
    configuration.users = [.init("monitor", "s3cr3t", limit: 2)]
    let bmc = try BMC(configuration)
    let range = Range(
      hosts: """
        all:
          hosts:
            web1: {address: 127.0.0.1, profile: outside, bmc: {address: \(bmc.address), port: \(bmc.port),
              user: monitor, password: "file:bmc", timeout: 2s, retransmit: 500ms}}
        """, settings: "self: off\nprofiles: {outside: {collectors: {}}}\n")
    range.scratch.write("inventory/bmc", "wrong\n")
    let first = try range.scrape("preflight", "--json")
    #expect(first.output.contains("\"reason\":\"auth_failed\""), "\(first)")
    let attempts = bmc.count(.rakp1)
    #expect(attempts >= 1)
    let second = try range.scrape("preflight", "--json")
    #expect(second.output.contains("\"reason\":\"resting\""), "\(second)")
    #expect(bmc.count(.rakp1) == attempts)
    // Another password is tried, and what was refused is forgotten.
    range.scratch.write("inventory/bmc", "s3cr3t\n")
    for _ in 1...2 {
      let third = try range.scrape("preflight", "--json")
      #expect(third.output.contains("has no more than USER"), "\(third)")
    }
    withExtendedLifetime(bmc) {}
  }

  @Test func `an account rests after three refused log-ins, longer each time`() throws {
    let place = try Place()
    for pass in 1...3 {
      let run = try place.range.scrape("run")
      #expect(run.status == 1 && run.errors.contains("auth_failed"), "\(run)")
      #expect(run.errors.contains("next try is at") == (pass == 3), "\(run)")
      #expect(place.attempts == pass)
    }
    #expect((4.5...5).contains(try place.left()))
    let connections = place.connections
    // Missing is never ok.
    for _ in 1...2 {
      let run = try place.range.scrape("run", "--stdout")
      #expect(run.status == 1 && run.errors.contains("resting: "), "\(run)")
      let point = Line.all(run.output).first { $0.measurement == "scrape" }
      #expect(point?.fields["up"] == "0i" && point?.fields["reason"] == "\"resting\"", "\(run)")
    }
    let status = try place.range.scrape("status")
    #expect(status.status == 1 && status.output.contains("next try at"), "\(status)")
    #expect(status.output.contains("critical") && status.output.contains("--now"), "\(status)")
    let host = try place.range.scrape("host", "h1")
    #expect(host.status == 1 && host.output.contains("resting: "), "\(host)")
    _ = try place.range.scrape("doctor", "h1")
    #expect(place.connections == connections)
    // By hand; `host` stores nothing.
    let now = try place.range.scrape("host", "h1", "--now")
    #expect(now.output.contains("auth_failed") && place.attempts == 4, "\(now)")
    #expect((4...5).contains(try place.left()))
    _ = try place.range.scrape("run", "--now")
    #expect(place.attempts == 5)
    #expect((9.5...10).contains(try place.left()))
    try place.wait(minutes: 10)
    for length in [20, 40, 60, 60] {
      for _ in 1...2 { _ = try place.range.scrape("run") }
      #expect((Double(length) - 0.5...Double(length)).contains(try place.left()), "\(length)")
      try place.wait(minutes: length)
    }
    // 19 commands, 9 attempts.
    #expect(place.attempts == 9)
  }

  @Test(arguments: ["key", "user", "address"])
  func `a change of what the log-in is made with ends the rest`(what: String) throws {
    let place = try Place()
    for _ in 1...4 { _ = try place.range.scrape("run") }
    #expect(place.attempts == 3)
    var hosts = place.range.scratch.read("inventory/hosts.yml") ?? ""
    switch what {
    case "key":
      let good = try String(contentsOfFile: place.sshd.key, encoding: .utf8)
      try good.write(toFile: place.key, atomically: false, encoding: .utf8)
    case "user": hosts = hosts.replacing("user: \(NSUserName())", with: "user: nobody")
    default: hosts = hosts.replacing("address: 127.0.0.1", with: "address: localhost")
    }
    place.range.scratch.write("inventory/hosts.yml", hosts)
    if what == "address" {
      place.range.scratch.write(
        "inventory/known_hosts",
        (place.sshd.scratch.read("known_hosts") ?? "").replacing("127.0.0.1", with: "localhost"))
    }
    let run = try place.range.scrape("run")
    if what == "key" {
      #expect(run.status == 0, "\(run)")
      #expect(try place.sql("SELECT count(*) FROM rest") == "0")
    } else {
      // It counts from the beginning.
      #expect(run.errors.contains("auth_failed"), "\(run)")
      #expect(try place.sql("SELECT min(refusals) FROM rest") == "1")
      #expect(try place.range.scrape("run").errors.contains("auth_failed"))
    }
  }

  @Test func `a jump host's account rests for all that is behind it`() throws {
    let place = try Place {
      """
      {address: 127.0.0.1, port: 1, via: "127.0.0.1:\($0.port)"}
          h2: {address: 127.0.0.2, port: 1, via: "127.0.0.1:\($0.port)"}
      """
    }
    for pass in 1...6 {
      let run = try place.range.scrape("run", "--stdout")
      let wanted = pass > 3 ? "resting" : "auth_failed"
      let line = run.errors.split(separator: "\n").first { $0.contains("  ssh  ") } ?? ""
      #expect(line.contains("127.0.0.1:\(place.sshd.port)") && line.contains(wanted), "\(run)")
      #expect(run.output.contains("reason=\"unreachable\""), "\(run)")
    }
    #expect(place.attempts == 3)
  }

  @Test func `the host of a spool is shown a refused key once in a pass`() throws {
    let place = try Place {
      """
      {address: 127.0.0.1, port: \($0.port), spool: {path: /var/spool/scrape, hosts: h2}}
          h2:
      """
    }
    for pass in 1...4 {
      let run = try place.range.scrape("run")
      #expect(run.errors.contains(pass > 3 ? "resting" : "auth_failed"), "\(run)")
      #expect(place.attempts == min(pass, 3), "\(run)")
    }
  }

  @Test func `where nothing was tried, nothing rests`() throws {
    let place = try Place()
    // A key that cannot be used is no attempt.
    try "no key\n".write(toFile: place.key, atomically: false, encoding: .utf8)
    for _ in 1...4 {
      let run = try place.range.scrape("run")
      #expect(run.errors.contains("auth_failed"), "\(run)")
    }
    #expect(try place.sql("SELECT count(*) FROM rest") == "0")
  }

  @Test func `a BMC rests from the first refusal on, and says so`() throws {
    var configuration = BMC.Configuration()
    configuration.users = [.init("monitor", "right", limit: 2)]
    let bmc = try BMC(configuration)
    let range = Range(
      hosts: """
        all:
          hosts:
            h1:
              address: 127.0.0.1
              port: 9
              bmc: {address: \(bmc.address), port: \(bmc.port), user: monitor, password: "file:p",
                timeout: 800ms, retransmit: 200ms}
        """)
    range.scratch.write("inventory/p", "wrong\n")
    let first = try range.scrape("run")
    #expect(first.errors.contains("auth_failed"), "\(first)")
    let before = bmc.requests
    // A timer may run BMCs alone: that is no wish to ask at once.
    let second = try range.scrape("run", "--only", "bmc")
    #expect(second.errors.contains("resting: ") && bmc.requests == before, "\(second)")
    let host = try range.scrape("host", "h1", "--only", "bmc")
    #expect(host.output.contains("resting: ") && bmc.requests == before, "\(host)")
    let doctor = try range.scrape("doctor", "h1")
    #expect(doctor.output.contains("resting: ") && bmc.requests == before, "\(doctor)")
    _ = try range.scrape("run", "--only", "bmc", "--now")
    #expect(bmc.requests > before)
    range.scratch.write("inventory/p", "right\n")
    let good = try range.scrape("run", "--only", "bmc")
    #expect(good.errors.contains("1 BMC in") && !good.errors.contains("resting"), "\(good)")
  }
}
