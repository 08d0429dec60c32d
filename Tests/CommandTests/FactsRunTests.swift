import Foundation
import Lab
import Metrics
import Testing

/// Facts in whole passes over real servers, and `scrape facts`.
@Suite(.timeLimit(.minutes(3)), .enabled(if: geteuid() == 0)) struct FactsRunTests {
  private struct Site {
    let lab: HostileLab
    let scratch = Scratch()

    init() throws {
      let folder = scratch.path
      // A dpkg-query whose answer is a file of the test.
      let host = { (name: String) in
        LabHost(
          name, nil,
          .script(
            """
            mkdir -p "$LAB/\(name)"
            printf '%s\\n' '#!/bin/sh' 'cat \(folder)/packages-\(name)' >"$LAB/\(name)/dpkg-query"
            chmod +x "$LAB/\(name)/dpkg-query"; PATH=$LAB/\(name):$PATH; export PATH
            exec sh -c "$SSH_ORIGINAL_COMMAND"
            """))
      }
      lab = try HostileLab([host("one"), host("two")], net: 41)
      scratch.write("inventory/hosts.yml", lab.inventory)
      scratch.write(
        "inventory/scrape.yml",
        "self: off\nprofiles: {linux: {collectors: {}}}\nfacts: {every: 1ms}\n")
      packages("one", ["bash": "5.2-1", "openssl": "3.0.11-1"])
      packages("two", ["bash": "5.2-1", "openssl": "3.0.15-1", "vim": "9.0"])
    }

    func packages(_ host: String, _ all: [String: String]) {
      let text = all.map { "\($0.key)\t\($0.value)\tii \n" }.sorted().joined()
      scratch.write("packages-\(host)", text, mode: 0o644)
    }

    @discardableResult
    func scrape(_ words: String...) throws -> Outcome {
      try run(
        Scrape.program,
        words + [
          "--inventory", "\(scratch.path)/inventory", "--store", "\(scratch.path)/scrape.db",
        ], environment: ["SSH_AUTH_SOCK": "", "HOME": scratch.path, "LC_ALL": "C.UTF-8"])
    }
  }

  @Test func `facts are read, and what changed is an event, kept and shown`() throws {
    let site = try Site()
    let first = try site.scrape("run", "--stdout", "--deadline", "40")
    let points = Line.all(first.output).filter { $0.measurement == "facts" }
    #expect(points.count == 2, "\(first)")
    #expect(points.first { $0.tags["host"] == "one" }?.fields["packages"] == "2i")
    #expect(points.allSatisfy { $0.fields["users"] != nil && $0.fields["groups"] != nil })
    #expect(!Line.all(first.output).contains { $0.tags["source"] == "facts" })
    let summary = try site.scrape("list", "--facts").output
    #expect(summary.hasPrefix("host  packages  updates  security"), "\(summary)")
    #expect(
      try site.scrape("facts", "--compare", "--only", "packages").output.contains(
        "packages  openssl  3.0.11-1: one; 3.0.15-1: two\npackages  vim  9.0: two; not on one\n"))
    let shown = try site.scrape("facts", "one", "--only", "packages").output
    #expect(shown.contains("one  packages: 2\n  bash     5.2-1\n  openssl  3.0.11-1\n"), "\(shown)")

    site.packages("one", ["bash": "5.2-1", "openssl": "3.0.15-1", "evil": "1"])
    let second = try site.scrape("run", "--stdout", "--only", "facts")
    let events = Line.all(second.output).filter {
      $0.measurement == "event" && $0.tags["source"] == "facts"
        && $0.fields["subject"] == "\"packages\""
    }
    #expect(
      Set(events.compactMap { $0.fields["text"] }) == [
        "\"package new: evil 1\"", "\"package changed: openssl 3.0.11-1 → 3.0.15-1\"",
      ], "\(second.output)")
    let diff = try site.scrape("facts", "one", "--diff", "--only", "packages").output
    #expect(
      diff.hasSuffix("  + packages  evil 1\n  ~ packages  openssl 3.0.11-1 → 3.0.15-1\n"), "\(diff)"
    )
    #expect(try site.scrape("facts", "two", "--diff", "--only", "packages").output.isEmpty)
    let json = try site.scrape("facts", "one", "--json", "--diff").output
    let members = JSON(reading: Array(json.utf8))
    #expect(members?["packages"]?["entries"]?["evil"]?.string == "1", "\(json)")

    // dpkg-query fails: what was known stays, and nothing changed.
    site.scratch.write("packages-one", "", mode: 0o000)
    unlink("\(site.scratch.path)/packages-one")
    let third = try site.scrape("run", "--stdout", "--only", "facts")
    #expect(!third.output.contains("package gone"), "\(third.output)")
    #expect(
      try site.scrape("facts", "one", "--only", "packages").output.contains("openssl  3.0.15-1"))
    withExtendedLifetime(site) {}
  }

  @Test func `facts are off unless scrape.yml asks for them`() throws {
    let site = try Site()
    site.scratch.write("inventory/scrape.yml", "self: off\nprofiles: {linux: {collectors: {}}}\n")
    let pass = try site.scrape("run", "--stdout")
    #expect(!Line.all(pass.output).contains { $0.measurement == "facts" })
    #expect(try site.scrape("facts").errors.contains("has no `facts:`"))
    #expect(try site.scrape("facts", "--only", "package").status == 2)
    withExtendedLifetime(site) {}
  }
}
