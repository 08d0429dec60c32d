import Foundation
import Lab
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// Commands that contact nobody: no key, no secret, and a group of people who may use them.
@Suite struct ReadOnlyTests {
  private static let hosts = """
    all:
      vars: {connection: local, profile: small}
      hosts:
        a: {}
        b: {connection: ssh, address: 127.0.0.1, port: 1, key: KEY, password: "${UNSET_IN_TEST}"}

    """

  private func range(_ more: String = "") -> Range {
    let range = Range(
      hosts: "", settings: "profiles: {small: {collectors: {mem: {}}}}\n\(more)")
    let key = range.scratch.write("key", "secret", mode: 0o600)
    range.scratch.write(
      "inventory/hosts.yml", Self.hosts.replacingOccurrences(of: "KEY", with: key))
    return range
  }

  @Test func `commands that contact no host need neither keys nor secrets`() throws {
    let range = range(
      "contacts: {ops: {webhook: {url: \"http://127.0.0.1:1/${UNSET_IN_TEST}\"}}}\n")
    try range.scrape(words: ["run"], environment: ["UNSET_IN_TEST": "x"])
    unlink("\(range.scratch.path)/key")
    #expect(try range.scrape("run").status == 2)
    for words in [["status"], ["list"], ["alerts"], ["silence"], ["ack"], ["silence", "a", "1h"]] {
      let outcome = try range.scrape(words: words)
      #expect([0, 1].contains(outcome.status), "\(words): \(outcome)")
      #expect(!outcome.errors.contains("key"), "\(words): \(outcome)")
    }
    #expect(try range.scrape("status").output.contains("b  "))
  }

  @Test(.enabled(if: geteuid() == 0)) func `a group may use the store, and nobody else`() throws {
    let range = range("store: {group: daemon}\n")
    // Others may read the inventory, as in /etc/scrape.
    for (path, mode) in [
      ("", 0o755), ("/inventory", 0o755), ("/inventory/hosts.yml", 0o644),
      ("/inventory/scrape.yml", 0o644),
    ] as [(String, mode_t)] {
      chmod(range.scratch.path + path, mode)
    }
    let parents = sequence(first: range.scratch.path as NSString) {
      $0.length > 1 ? $0.deletingLastPathComponent as NSString : nil
    }
    try #require(parents.allSatisfy { access($0 as String, X_OK) == 0 })
    try range.scrape(words: ["run"], environment: ["UNSET_IN_TEST": "x"])
    func status(_ words: String..., groups: String) throws -> Outcome {
      try run(
        "/usr/bin/setpriv",
        ["--reuid", "65534", "--regid", "65534", "--groups", groups, Scrape.program] + words
          + ["--inventory", range.inventory, "--store", range.store])
    }
    let member = try status("status", groups: "1")
    #expect(member.output.hasPrefix("last whole pass "), "\(member)")
    #expect(try status("list", groups: "1").output.contains("a "))
    #expect(try status("status", "--history", groups: "1").status == 0)
    #expect(try status("ack", "b", groups: "1").status == 0)
    let stranger = try status("status", groups: "65534")
    #expect(!stranger.output.contains("pass "), "\(stranger)")
    // Also after the next pass, whose files are new.
    try range.scrape(words: ["run"], environment: ["UNSET_IN_TEST": "x"])
    #expect(try status("status", groups: "1").output.contains("[acked by "))
    range.scratch.write(
      "inventory/scrape.yml",
      "profiles: {small: {collectors: {mem: {}}}}\nstore: {group: no-such-group}\n")
    let wrong = try range.scrape(words: ["run"], environment: ["UNSET_IN_TEST": "x"])
    #expect(wrong.errors.contains("there is no group no-such-group"), "\(wrong)")
  }
}
