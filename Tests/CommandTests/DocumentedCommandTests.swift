import Foundation
import Lab
import Synchronization
import Testing

@testable import Scraper

/// What the documents say to type exists, and runs. CONTRIBUTING.md says how a block is marked that cannot be run here.
@Suite struct DocumentedCommandTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardized

  private static let pages: [String] = {
    let docs =
      (try? FileManager.default.contentsOfDirectory(
        atPath: root.appending(path: "docs").path())) ?? []
    return ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md"]
      + docs.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
  }()

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  @Test(arguments: pages) func `commands and options that a page names exist`(_ page: String) throws
  {
    for fault in DocumentedCommand.faults(of: try Self.text(page)) {
      Issue.record("\(page):\(fault)")
    }
  }

  @Test(arguments: [
    ("```sh\nscrape run --limt x\n```", "1"), ("```sh\nsudo -u scrape scrape rnu\n```", "1"),
    ("```console\n$ scrape status | head\nscrape rnu\n$ scrape host a b\n```", "1"),
    ("```ini\nExecStart=/usr/bin/scrape run --quite\n```", "1"),
    ("```sh\nfor a in b; do scrape probe --lst; done  # scrape rnu\n```", "1"),
    ("```sh\nscrape run --spool\n```", "1"), ("`scrape run --spool`, `scrape rnu`", "1"),
    ("`scrape notify send ops`\n\n`scrape help settings`\n\n`--watchful`", "3"),
    ("`scrape status --json=yes` and `scrape setup influx`", "2"),
    (
      "`scrape host NAME --explain`, `scrape probe … --explain`, `--json`, `scrape policy try --root /`",
      "0"
    ),
    ("`scrape import wazuh\nossec.conf`, `scrape help metrics NAME`, `scrape COMMAND --help`", "0"),
    (
      "```sh\nscrape silence 'ctf*,!ctf07' 2h --why 'a # b' > x 2>&1 && scrape log --all # --al\n```",
      "0"
    ),
  ]) func `a lie is found, and nothing else`(page: String, count: String) {
    let faults = DocumentedCommand.faults(of: page)
    #expect("\(faults.count)" == count, "\(faults)")
  }

  @Test func `examples and texts of the commands name what exists`() throws {
    for command in subcommands {
      for (line, _) in command.examples {
        for words in DocumentedCommand.words(in: line) {
          #expect(DocumentedCommand.fault(of: words) == nil, "\(line)")
        }
      }
      for (_, code) in CommandBlock.code(in: command.discussion) where code.hasPrefix("scrape ") {
        for words in DocumentedCommand.words(in: code) {
          #expect(DocumentedCommand.fault(of: words, inText: true) == nil, "\(code)")
        }
      }
    }
  }

  @Test func `messages of the program name commands that exist`() throws {
    let sources = Self.root.appending(path: "Sources").path()
    let files = FileManager.default.enumerator(atPath: sources)
    var count = 0
    while let file = files?.nextObject() as? String {
      guard file.hasSuffix(".swift") else { continue }
      let text = try String(contentsOfFile: "\(sources)/\(file)", encoding: .utf8)
      guard text.utf8.contains(UInt8(ascii: "`")), text.contains("`scrape ") else { continue }
      for piece in text.components(separatedBy: "`scrape ").dropFirst() {
        // A line break of the source, with the signs of a comment, is a blank; what is filled in is one word.
        let code = piece.prefix { $0 != "`" }.replacing(/\s*\n[\s\/]*/, with: " ")
          .replacing(/\\\([^)]*\)*/, with: "X")
        for words in DocumentedCommand.words(in: "scrape \(code)") {
          count += 1
          let fault = DocumentedCommand.fault(of: words, inText: true)
          #expect(fault == nil, "\(file): scrape \(code)")
        }
      }
    }
    #expect(count > 100)
  }

  @Test(arguments: pages) func `every block says what it is, and every mark why`(_ page: String)
    throws
  {
    let makefile = try Self.text("Makefile")
    for block in CommandBlock.all(in: try Self.text(page)) {
      let place = "\(page):\(block.number)"
      #expect(!block.language.isEmpty, "\(place): a block without a language: sh, console, text …")
      #expect(!block.holdsCommands || !block.commands.isEmpty, "\(place): no command in it")
      guard let mark = block.mark else { continue }
      #expect(block.holdsCommands, "\(place): a mark on what holds no commands")
      #expect(mark.split(separator: " ").count >= 2, "\(place): a mark without a reason")
      for (_, name) in CommandBlock.code(in: mark) {
        let isThere =
          name.hasPrefix("make ")
          ? makefile.contains("\n\(name.dropFirst(5)):")
          : Self.tests.contains { $0.contains("struct \(name)") }
        #expect(isThere, "\(place): there is no \(name)")
      }
    }
  }

  /// Sections of scrape.yml with which a block of YAML may begin.
  private static let sections: Set<String> = [
    "alerts", "bmc", "contacts", "facts", "modules", "pages", "policies", "profiles", "rules",
    "scores",
    "self", "services", "sinks", "store", "targets", "watch",
  ]

  @Test(arguments: pages) func `settings and inventories that a page shows are without fault`(
    _ page: String
  ) throws {
    for block in CommandBlock.all(in: try Self.text(page)) where block.language == "yaml" {
      let text = block.lines.map(\.text).joined(separator: "\n") + "\n"
      let first = block.lines.first { !$0.text.hasPrefix("#") }?.text.prefix { $0 != ":" } ?? ""
      let isInventory = first == "all"
      guard isInventory || Self.sections.contains(String(first)) else { continue }
      let scratch = Scratch()
      scratch.write(
        "inventory/hosts.yml",
        isInventory
          ? text
          : """
          all:
            children:
              web: {hosts: {web1: , web3: }}
              ctf: {hosts: {ctf07: }}
              lab: {hosts: {ctf07: }}
              db: {hosts: {db1: }}
              peers: {hosts: {peer1: }}
              blue1: {hosts: {blue1-web: }}

          """)
      let contacts =
        "contacts: {green: {syslog: {address: local}}, night: {syslog: {address: local}}}\n"
      scratch.write(
        "inventory/scrape.yml",
        isInventory ? "" : text + (first == "alerts" ? contacts : ""))
      for name in ["sshd", "cis_debian12"] {
        scratch.write(
          "inventory/policies/\(name).yml",
          try Self.text("policies/sshd.yml").replacing("id: sshd", with: "id: \(name)"))
      }
      scratch.write(".ssh/known_hosts", "")
      try run(
        "/usr/bin/ssh-keygen",
        ["-q", "-t", "ed25519", "-N", "", "-f", "\(scratch.path)/.ssh/monitor"])
      let outcome = try run(
        Scrape.program, ["lint", "--inventory", "\(scratch.path)/inventory"],
        environment: ["HOME": scratch.path, "LC_ALL": "C.UTF-8"])
      #expect(outcome.status == 0, "\(page):\(block.number): \(outcome.errors)")
    }
  }

  /// The texts of the suites.
  private static let tests: [String] = {
    let folder = root.appending(path: "Tests").path()
    let files = FileManager.default.enumerator(atPath: folder)
    var texts: [String] = []
    while let file = files?.nextObject() as? String {
      guard file.hasSuffix("Tests.swift") else { continue }
      if let text = try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8) {
        texts.append(text)
      }
    }
    return texts
  }()

  /// What several threads find.
  private final class Faults: Sendable {
    private let list = Mutex<[String]>([])
    var all: [String] { list.withLock { $0.sorted() } }
    func add(_ fault: String) { list.withLock { $0.append(fault) } }
  }

  /// Commands whose exit code 1 says that something is not ok.
  private static let verdicts: Set<String> = [
    "run", "status", "alerts", "doctor", "preflight", "policy", "dashboards",
  ]

  /// What is wrong with how a command ended; nil if nothing is.
  private static func fault(of line: String, _ outcome: Outcome) -> String? {
    let name = DocumentedCommand.words(in: line).first?.first ?? ""
    if outcome.status == 0 || outcome.status == 1 && verdicts.contains(name) { return nil }
    return
      "`\(line)` ends with \(outcome.status): \(outcome.errors.suffix(400))\(outcome.output.suffix(200))"
  }

  @Test(.enabled(if: InfluxServer.isInstalled))
  func `every block of commands runs, or says why it does not`() throws {
    let site = try DocumentedSite()
    let faults = Faults()
    var count = (run: 0, marked: 0, commands: 0)
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 3
    for page in Self.pages {
      let blocks = CommandBlock.all(in: try Self.text(page)).filter(\.holdsCommands)
      let chosen = blocks.filter { $0.mark == nil }
      count.marked += blocks.count - chosen.count
      count.run += chosen.count
      count.commands += chosen.reduce(0) { $0 + $1.commands.count }
      guard !chosen.isEmpty else { continue }
      // The blocks of a page follow one another, as for its reader.
      let lines = chosen.flatMap(\.commands)
      queue.addOperation {
        do {
          let copy = try site.copy()
          for (number, line) in lines {
            if let fault = Self.fault(of: line, try site.run(line, of: copy)) {
              faults.add("\(page):\(number): \(fault)")
            }
          }
        } catch {
          faults.add("\(page): \(error)")
        }
      }
    }
    queue.waitUntilAllOperationsAreFinished()
    for fault in faults.all { Issue.record("\(fault)") }
    print("blocks run: \(count.run) with \(count.commands) commands; marked: \(count.marked)")
    #expect(count.run >= 20 && count.commands >= 60)
    withExtendedLifetime(site) {}
  }

  @Test func `an action has the account that made it, whatever USER says`() throws {
    let range = Range(hosts: "all: {hosts: {me: {connection: local}}}\n")
    let outcome = try run(
      Scrape.program,
      ["silence", "me", "1h", "--inventory", range.inventory, "--store", range.store],
      environment: ["USER": "mallory", "LOGNAME": "mallory", "SUDO_UID": "", "LC_ALL": "C.UTF-8"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    // Through sudo to root, it is who called sudo; others cannot say so.
    let nobody = try run(
      Scrape.program,
      ["silence", "me", "2h", "--inventory", range.inventory, "--store", range.store],
      environment: ["USER": "mallory", "SUDO_UID": "65534", "LC_ALL": "C.UTF-8"])
    #expect(nobody.status == 0, "\(nobody.errors)")
    let log = try range.scrape("log", "--kind", "action", "--json").output
    #expect(log.contains("\"who\":\"\(NSUserName())\""), "\(log)")
    #expect(log.contains("\"who\":\"nobody\"") == (getuid() == 0), "\(log)")
    #expect(!log.contains("mallory"))
  }
}

/// The page of sizes follows from what was measured.
@Suite struct SizesPageTests {
  private static func text(_ path: String) throws -> String {
    try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/\(path)").standardized, encoding: .utf8)
  }

  /// The numbers of each row of a table whose cells begin so.
  private static func rows(_ text: String, _ start: String) -> [[Double]] {
    text.split(separator: "\n").filter { $0.hasPrefix(start) }.map { line in
      line.split(separator: "|").compactMap { cell in
        Double(
          cell.trimmingCharacters(in: .whitespaces).prefix { "0123456789.,".contains($0) }.filter {
            $0 != ","
          })
      }
    }
  }

  @Test func `each row is what the figures say, a third more or less`() throws {
    let performance = try Self.text("performance.md")
    let sshd = try #require(
      Self.rows(performance, "| scrape run | 200 | sshd |").first,
      "no pass over real sshd was measured")
    let kept = try #require(Self.rows(performance, "| memory of a kept session |").first?.last)
    let rows: [[[Double]]] = [10, 100, 400, 1000].map {
      Self.rows((try? Self.text("sizes.md")) ?? "", "| \($0) |")
    }
    for row in rows.compactMap(\.first) {
      try #require(row.count == 6, "\(row)")
      let hosts = row[0]
      // The greatest peak of the least measured number of hosts that is not smaller.
      let measured: Double = hosts <= 200 ? 200 : 1000
      // Hosts, CPU ms a host, wall, peak MiB, failures.
      let passes = Self.rows(performance, "| scrape run | \(Int(measured)) |")
      let peaks: [Double] = passes.filter { $0.count == 5 }.map { $0[3] }
      let peak: Double = try #require(peaks.max())
      let timer: Double = hosts * sshd[1] / 15_000 * 100
      // 3.8 % of a core for 50 hosts each 2 s.
      let watch: Double = hosts * 3.8 / 25 / 15
      let sessions: Double = hosts * kept / 1000
      let disk: Double = hosts * 0.8 * 7
      let wanted: [Double] = [timer, watch, peak, sessions, disk]
      for (value, wanted) in zip(row.dropFirst(), wanted) where wanted >= 0.5 {
        #expect(
          value > wanted / 1.34 && value < wanted * 1.34, "\(hosts) hosts: \(value), not \(wanted)")
      }
    }
    #expect(rows.compactMap(\.first).count == 4)
    #expect(try Self.text("decisions/0006-store.md").contains("0.8 MB a day"))
  }
}
