import Foundation
import Lab
import Metrics
import Testing

/// Policies and facts by real sudo over a real sshd: an ordinary account with the lines that the kit writes, in a
/// mount namespace with an /etc of its own.
@Suite(.timeLimit(.minutes(4)), .enabled(if: AccountRoom.isPossible)) struct RealSudoTests {
  private static let policy = """
    dialect: 4
    policy: {id: own, name: Own, file: own.yml, description: d}
    checks:
      - {id: 1, title: "No password", condition: all, rules: ['f:/etc/shadow -> r:^monitor:*:']}
      - {id: 2, title: "No empty password", condition: none, rules: ['f:/etc/shadow -> r:^\\w+::']}
      - {id: 3, title: "Ports of sshd", condition: all, rules: ['c:sshd -T -> r:^port \\d']}
      - {id: 4, title: "No rule of sudo for all", condition: none, rules: ['d:/etc/sudoers.d -> r:^90- -> r:NOPASSWD']}
      - {id: 5, title: "Mode of passwd", condition: all, rules: ['c:stat -c %a /etc/passwd -> r:^644$']}

    """

  private func results(_ range: Range) throws -> [String: String] {
    try range.scrape("run", "--only", "policies")
    let outcome = try range.scrape("policy", "web1", "--json")
    let json = JSON(reading: Array(outcome.output.utf8))
    return Dictionary(
      uniqueKeysWithValues: (json?["checks"]?.elements ?? []).map {
        ($0["id"]?.string ?? "", $0["result"]?.string ?? "")
      })
  }

  private func expect(_ range: Range, _ wanted: [String: String]) throws {
    let found = try results(range)
    #expect(found == wanted)
  }

  @Test func `what only root may read is unknown, and with the lines of the kit it is known`()
    throws
  {
    let room = try AccountRoom(address: "127.77.68.1")
    func range(_ more: String) -> Range {
      let range = Range(
        hosts: room.hosts("web1", more),
        settings: """
          self: off
          profiles: {p: {collectors: {mem: }}}
          policies: {own: {file: ../own.yml, hosts: all, every: 1ms}}
          facts: {every: 1ms}

          """)
      range.scratch.write("own.yml", Self.policy)
      return range
    }
    let (plain, sudo) = (range(""), range("become: sudo"))
    _ = try room.sh("ssh-keygen -A; rm -f /etc/sudoers.d/*")
    let kit = room.scratch.write("kit", try sudo.scrape("authorize", "web1").output)
    let made = try room.inside("/bin/sh", [kit, "web1"])
    try #require(
      made.status == 0 && made.output.contains("wrote /etc/sudoers.d/scrape"), "\(made)")
    // Who may list a folder knows that there is no such name.
    try expect(
      plain, ["1": "unknown", "2": "unknown", "3": "unknown", "4": "passed", "5": "passed"])
    try expect(sudo, ["1": "passed", "2": "passed", "3": "passed", "4": "passed", "5": "passed"])
    _ = try room.sh(
      """
      echo 'guest::19700::::::' >>/etc/shadow
      echo 'guest ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/90-guest
      chmod 440 /etc/sudoers.d/90-guest
      """)
    try expect(sudo, ["1": "passed", "2": "failed", "3": "passed", "4": "failed", "5": "passed"])
    try expect(
      plain, ["1": "unknown", "2": "unknown", "3": "unknown", "4": "unknown", "5": "passed"])
    // Facts: the rules of sudo are root's.
    for (range, words) in [
      (plain, "no permission; see `become: sudo`"), (sudo, "guest ALL=(ALL) NOPASSWD: ALL"),
    ] {
      try range.scrape("run", "--only", "facts")
      let shown = try range.scrape("facts", "web1", "--only", "sudoers")
      #expect(shown.output.contains(words), "\(shown)")
    }
    // Whoever has the account can run these commands as root, and no others.
    let verified = try sudo.scrape("authorize", "web1", "--verify")
    #expect(verified.output.contains("sudo of any command         REFUSED"), "\(verified)")
    for (words, isPermitted) in [
      ("sshd -T", true), ("head -c 262145 /etc/shadow", true), ("head -c 9 /etc/shadow", false),
      ("head -c 262145 /etc/shadow /etc/passwd", false), ("sshd -T -f /etc/shadow", false),
      ("cat /etc/shadow", false), ("sh -c id", false), ("find / -delete", false),
      ("head -c 262145 /etc/../etc/shadow", false), ("-u daemon sshd -T", false),
      ("sshd", false), ("ss -Hlntup -K", false), ("grep -hv ^# /etc/shadow", false),
    ] {
      let outcome = try room.ssh("monitor", ["sudo -n \(words) >/dev/null"])
      #expect((outcome.status == 0) == isPermitted, "\(words): \(outcome)")
    }
  }
}
