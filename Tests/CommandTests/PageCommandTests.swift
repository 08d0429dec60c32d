import Foundation
import Lab
import Testing

@testable import Passes
@testable import Scraper

/// Folders of web pages, written by real passes.
@Suite struct PageCommandTests {
  /// Two teams, of which nothing answers. All names of the second have a mark.
  private static func range(_ pages: String, _ more: String = "") -> Range {
    Range(
      hosts: """
        all:
          vars: {connection: local, profile: none, probes: ["tcp:1"]}
          children:
            blue1: {hosts: {"alpha[1:3]": }}
            MARKgroup: {vars: {MARKvar: x}, hosts: {MARKone: {on: alpha1}, MARKtwo: {probes: ["tcp:2"]}}}

        """,
      settings: """
        profiles:
          none: {collectors: []}
        services: {MARKshop: {needs: ["MARK*/tcp:2"]}}
        pages:
        \(pages)
        \(more)
        """)
  }

  private func files(_ folder: String) -> [String: String] {
    var files: [String: String] = [:]
    for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init() {
      if let text = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) {
        files[name] = text
      }
    }
    return files
  }

  @Test func `a page of one team holds no byte about another`() throws {
    let range = Self.range(
      """
        - {folder: www/all, title: everything}
        - {folder: www/blue, title: Blue 1, hosts: blue1}
      """)
    for _ in 0..<3 { try range.scrape("run") }
    let all = files("\(range.inventory)/www/all")
    let blue = files("\(range.inventory)/www/blue")
    #expect(
      Set(blue.keys) == [
        "index.html", "hosts.html", "services.html", "incidents.html", "events.html", "scores.html",
        "changes.html", "host/alpha1.html", "host/alpha2.html", "host/alpha3.html",
      ], "\(blue.keys)")
    #expect(all["index.html"]?.contains("MARKtwo") == true)
    #expect(all["host/MARKone.html"]?.contains("MARKgroup") == true)
    for (name, text) in blue {
      #expect(!text.contains("MARK"), "\(name)")
      #expect(
        ["incidents.html", "scores.html", "changes.html"].contains(name) || text.contains("alpha"),
        "\(name)")
    }
    #expect(blue["index.html"]?.contains("3 hosts") == true)
    // Nobody but the owner may write.
    let mode = try FileManager.default.attributesOfItem(
      atPath: "\(range.inventory)/www/blue/index.html")[.posixPermissions]
    #expect(mode as? Int == 0o644)
  }

  @Test func `what is no longer for its readers is removed, and a stranger's file stays`() throws {
    let range = Self.range("  - {folder: www, title: everything}")
    try range.scrape("run")
    let folder = "\(range.inventory)/www"
    #expect(files(folder)["host/MARKone.html"] != nil)
    range.scratch.write("inventory/www/host/notes.html", "<p>mine</p>")
    range.scratch.write("inventory/www/help.html", "<p>mine</p>")
    let settings = range.scratch.read("inventory/scrape.yml") ?? ""
    range.scratch.write(
      "inventory/scrape.yml",
      settings.replacingOccurrences(
        of: "title: everything", with: "title: less, hosts: blue1, hide: [events, incidents]"))
    try range.scrape("run")
    let left = files(folder)
    #expect(left["host/MARKone.html"] == nil && left["events.html"] == nil)
    #expect(left["incidents.html"] == nil && left["host/alpha1.html"] != nil)
    #expect(left["host/notes.html"] == "<p>mine</p>" && left["help.html"] == "<p>mine</p>")
    for (name, text) in left { #expect(!text.contains("MARK"), "\(name)") }
  }

  @Test func `parts are withheld, also from the pages of hosts`() throws {
    let range = Self.range(
      "  - {folder: www, hosts: blue1, hide: [addresses, messages, events, incidents, monitor]}")
    for _ in 0..<2 { try range.scrape("run") }
    for (name, text) in files("\(range.inventory)/www") {
      #expect(!text.contains("Connection refused"), "\(name)")
      #expect(!text.contains("Events") && !text.contains("The monitor"), "\(name)")
      #expect(!text.contains("By hand"), "\(name)")
    }
  }

  /// Policies of two teams: each has one check that fails, and a title that is its own.
  private static func policed(_ pages: String) -> Range {
    let range = Range(
      hosts: """
        all:
          vars: {connection: local, profile: small}
          children:
            blue1: {hosts: {alpha1: }}
            MARKgroup: {hosts: {MARKone: }}

        """,
      settings: """
        profiles:
          small: {collectors: [system]}
        policies:
          ours: {hosts: alpha1, every: 0s}
          MARKpolicy: {hosts: MARKone, every: 0s}
        pages:
        \(pages)

        """)
    for (file, word) in [("ours", "ours"), ("MARKpolicy", "MARKtitle")] {
      range.scratch.write(
        "inventory/policies/\(file).yml",
        """
        dialect: 5
        policy: {id: \(file), name: \(file), file: \(file).yml, description: Of this test.}
        checks:
          - {id: 1, title: Root is known, condition: all, rules: ['f:/etc/passwd -> r:^root:']}
          - {id: 2, title: \(word) fails, condition: all, rules: ['f:\(range.inventory)/flag-\(word) -> r:x']}
        """)
    }
    for word in ["ours", "MARKtitle"] { range.scratch.write("inventory/flag-\(word)", "y\n") }
    return range
  }

  @Test func `policies are on the pages of those who may see them`() throws {
    let range = Self.policed(
      """
        - {folder: www/all}
        - {folder: www/blue, hosts: blue1}
        - {folder: www/none, hide: [policies]}
      """)
    try range.scrape("run")
    range.scratch.write("inventory/flag-ours", "x\n")
    try range.scrape("run")
    let all = files("\(range.inventory)/www/all")
    let page = try #require(all["policies.html"])
    #expect(page.contains("MARKtitle fails") && page.contains("MARKpolicy"), "\(page)")
    #expect(!page.contains("ours fails"), "passed now")
    #expect(all["host/MARKone.html"]?.contains("1 of 2 passed") == true)
    #expect(all["host/alpha1.html"]?.contains("2 of 2 passed") == true)
    let changes = try #require(all["changes.html"])
    #expect(changes.contains("policy ours, check 2: failed → passed: ours fails"), "\(changes)")
    let blue = files("\(range.inventory)/www/blue")
    #expect(blue["policies.html"]?.contains("ours") == true)
    for (name, text) in blue { #expect(!text.contains("MARK"), "\(name)") }
    let none = files("\(range.inventory)/www/none")
    // The overview names a host only while something is wrong with it: on a busy machine its load.
    #expect(none["policies.html"] == nil && none["hosts.html"]?.contains("MARKone") == true)
    for (name, text) in none {
      #expect(!text.contains("MARKpolicy") && !text.contains("MARKtitle"), "\(name)")
      #expect(!text.contains("olicy ours"), "\(name)")
    }
    // `scrape host` has a row of it, too.
    let host = try range.scrape("host", "MARKone")
    #expect(host.output.contains("MARKpolicy 1 of 2"), "\(host)")
  }

  @Test func `announcements are shown in their times`() throws {
    let range = Self.range(
      """
        - folder: www
          announce:
            - news.txt
            - missing.txt
            - {text: "is <over>", until: "2020-01-01 10:00"}
            - {text: "goes & on", from: "2020-01-01 10:00", until: "2199-12-31 10:00"}
            - {text: comes later, from: "2199-06-01 10:00"}
            - {text: comes first, from: "2199-05-01 10:00", until: "2199-05-02 10:00"}
      """)
    range.scratch.write("inventory/news.txt", "from a\nfile\n")
    try range.scrape("run")
    let page = try #require(files("\(range.inventory)/www")["index.html"])
    #expect(page.contains(">from a file</p>"), "\(page)")
    #expect(page.contains(">goes &amp; on<span class=\"soft\"> (until 2199-12-31 10:00)"))
    #expect(page.contains("2199-05-01 10:00 – 2199-05-02 10:00: comes first"))
    #expect(!page.contains("is &lt;over&gt;") && !page.contains("comes later"))
  }

  @Test func `a delayed page shows what was`() throws {
    var port: Listener? = try Listener()
    let number = try #require(port).port
    let range = Range(
      hosts: """
        all: {hosts: {one: {connection: local, address: 127.0.0.1, profile: none, probes: ["tcp:\(number)"]}}}

        """,
      settings: """
        profiles:
          none: {collectors: []}
        targets: {for: 1}
        pages:
          - {folder: now}
          - {folder: then, delay: 6s}

        """)
    try range.scrape("run")
    Thread.sleep(forTimeInterval: 7)
    port = nil
    try range.scrape("run")
    func page(_ folder: String) -> String {
      range.scratch.read("inventory/\(folder)/index.html") ?? ""
    }
    #expect(page("now").contains("connection_refused"), "\(page("now"))")
    #expect(page("then").contains("✓ Nothing."), "\(page("then"))")
    #expect(page("then").contains("shows what was 6 s ago"))
    Thread.sleep(forTimeInterval: 7)
    try range.scrape("run")
    #expect(page("then").contains("connection_refused"))
  }

  @Test func `a reader never gets a broken page while pages are replaced`() throws {
    let range = Self.range("  - {folder: www}")
    try range.scrape("run")
    let folder = "\(range.inventory)/www"
    let done = Flag()
    let reader = Thread {
      while !done.isSet {
        for name in ["index.html", "hosts.html", "host/alpha1.html"] {
          let text = (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)) ?? ""
          done.count(isWhole: text.hasPrefix("<!doctype") && text.hasSuffix("</html>"))
        }
      }
    }
    reader.start()
    for _ in 0..<10 { try range.scrape("page", folder) }
    done.set()
    #expect(done.whole > 100 && done.broken == 0, "\(done.whole) whole, \(done.broken) broken")
  }

  @Test func `a folder that cannot be written is named, and the pass goes on`() throws {
    let range = Self.range("  - {folder: /proc/nowhere/www}\n  - {folder: www}")
    let outcome = try range.scrape("run")
    #expect(outcome.errors.contains("pages in /proc/nowhere/www: "), "\(outcome.errors)")
    #expect(range.scratch.read("inventory/www/index.html") != nil)
  }

  @Test(
    arguments: [
      ("  - {title: x}", "has no folder"),
      ("  - {folder: www, hide: [login]}", "unknown part \"login\""),
      ("  - {folder: www, hosts: bleu1}", "bleu1"),
      ("  - {folder: www}\n  - {folder: www}", "two pages are written to"),
      ("  - {folder: www, titel: x}", "unknown key \"titel\""),
      ("  - {folder: www, announce: [{from: \"2026-01-01 10:00\"}]}", "has no text"),
      ("  - {folder: www, announce: [{text: x, file: y}]}", "both a text and a file"),
      ("  - {folder: www, announce: {text: x, from: tomorrow}}", "a moment"),
      (
        "  - {folder: www, announce: {text: x, from: \"2026-01-02 10:00\", until: \"2026-01-01 10:00\"}}",
        "ends before it begins"
      ),
    ])
  func `a wrong page is named with its line`(_ pages: String, _ words: String) throws {
    let range = Self.range(pages)
    let outcome = try range.scrape("lint")
    #expect(outcome.status != 0 || outcome.errors.contains(words))
    #expect((outcome.output + outcome.errors).contains(words), "\(outcome.output)\(outcome.errors)")
    #expect((outcome.output + outcome.errors).contains("scrape.yml:"), "\(outcome.errors)")
  }
}

/// What a reader of another thread counts.
private final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var counts = (whole: 0, broken: 0)
  private var isOver = false

  var isSet: Bool { lock.withLock { isOver } }
  var whole: Int { lock.withLock { counts.whole } }
  var broken: Int { lock.withLock { counts.broken } }
  func set() { lock.withLock { isOver = true } }
  func count(isWhole: Bool) {
    lock.withLock { if isWhole { counts.whole += 1 } else { counts.broken += 1 } }
  }
}
