import Foundation
import Lab
import Testing

@testable import Passes

/// What a watch that systemd started writes to the journal, on the socket where the journal listens.
///
/// See systemd.io's "Native Journal Protocol": fields as `NAME=value`, or with a length where the value has line
/// breaks.
@Suite(.serialized, .timeLimit(.minutes(2))) struct JournalTests {
  /// Each entry as its fields.
  private static func entry(_ datagram: [UInt8]) -> [String: String] {
    var fields: [String: String] = [:]
    var rest = datagram[...]
    while let end = rest.firstIndex(of: 10) {
      let line = rest[..<end]
      rest = rest[(end + 1)...]
      if let mark = line.firstIndex(of: UInt8(ascii: "=")) {
        fields[String(decoding: line[..<mark], as: UTF8.self)] = String(
          decoding: line[(mark + 1)...], as: UTF8.self)
      } else if rest.count >= 8 {
        let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(8)
        fields[String(decoding: line, as: UTF8.self)] = String(
          decoding: rest.prefix(length), as: UTF8.self)
        rest = rest.dropFirst(length + 1)
      }
    }
    return fields
  }

  @Test func `each kind has an identifier of its own, as systemd wants it`() {
    let all = Notable.Kind.allCases.map(\.identifier)
    #expect(Set(all).count == all.count)
    #expect(all.allSatisfy { $0.count == 32 && $0.allSatisfy { $0.isHexDigit && !$0.isUppercase } })
  }

  @Test(.enabled(if: Sshd.canHaveAccounts, "needs root, for a socket in the journal's place"))
  func `entries have a message, an identifier, a priority and fields`() async throws {
    let closed = freePort()
    let good = """
      all:
        vars: {every: 1s}
        hosts:
          me: {connection: local}
          dead: {address: 127.0.0.1, port: \(closed)}

      """
    let range = Range(
      hosts: good,
      settings:
        "watch: {every: 1s}\nself: off\nprofiles: {linux: {collectors: {system: , mem: }}}\n")
    let folder = "\(range.scratch.path)/journal"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let journal = try NotifySocket("\(folder)/socket")
    let log = range.scratch.write("watch.log", "")
    // The journal's stream is standard error, as JOURNAL_STREAM says: see systemd.exec(5).
    let script = """
      mount -t tmpfs none /run && mkdir -p /run/systemd/journal
      mount --bind '\(folder)' /run/systemd/journal
      exec 2>> '\(log)'
      JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); export JOURNAL_STREAM
      exec "$@"
      """
    let watch = try Daemon(
      "/usr/bin/unshare",
      [
        "-m", "/bin/sh", "-e", "-c", script, "sh", Scrape.program, "watch", "--inventory",
        range.inventory, "--store", range.store,
      ], environment: ["SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8"], log: log)
    var entries: [[String: String]] = []
    func entry(
      _ kind: Notable.Kind, within seconds: Double = 30,
      _ isIt: ([String: String]) -> Bool = { _ in true }
    ) -> [String: String]? {
      func found() -> [String: String]? {
        entries += journal.takeDatagrams().map(Self.entry)
        return entries.first { $0["SCRAPE_KIND"] == kind.rawValue && isIt($0) }
      }
      _ = eventually(within: seconds) { found() != nil }
      return found()
    }
    let started = try #require(entry(.started), "\(range.scratch.read("watch.log") ?? "")")
    #expect(started["MESSAGE"] == "watching 2 hosts, 0 BMCs")
    #expect(started["MESSAGE_ID"] == Notable.Kind.started.identifier)
    #expect(started["PRIORITY"] == "6" && started["SYSLOG_IDENTIFIER"] == "scrape")
    let trouble = try #require(entry(.trouble), "\(entries)")
    #expect(trouble["MESSAGE"]?.hasPrefix("critical  dead  ssh  connection_refused") == true)
    #expect(trouble["MESSAGE_ID"] == Notable.Kind.trouble.identifier && trouble["PRIORITY"] == "2")
    #expect(trouble["SCRAPE_HOSTS"] == "dead" && trouble["SCRAPE_CHECK"] == "ssh")
    #expect(trouble["SCRAPE_SEVERITY"] == "critical")
    // A message of several lines is one entry.
    range.scratch.write("inventory/hosts.yml", good + "    wrong: {probes: [htpp]}\n")
    let faulty = try #require(entry(.faulty), "\(entries)")
    #expect(faulty["MESSAGE"]?.contains("htpp") == true && faulty["PRIORITY"] == "3")
    #expect(faulty["MESSAGE"]?.split(separator: "\n").count ?? 0 > 2, "\(faulty)")
    #expect(faulty["MESSAGE_ID"] == Notable.Kind.faulty.identifier)
    let fault = try #require(entry(.trouble) { $0["SCRAPE_HOSTS"] == "(scraper)" }, "\(entries)")
    #expect(fault["SCRAPE_CHECK"] == "configuration" && fault["SCRAPE_SEVERITY"] == "major")
    range.scratch.write("inventory/hosts.yml", good.replacing("dead:", with: "other:"))
    let reloaded = try #require(entry(.reloaded), "\(entries)")
    #expect(reloaded["MESSAGE"]?.contains("new other, removed dead") == true, "\(reloaded)")
    let recovered = try #require(
      entry(.recovered) { $0["SCRAPE_HOSTS"] == "(scraper)" }, "\(entries)")
    #expect(recovered["SCRAPE_CHECK"] == "configuration")
    #expect(recovered["MESSAGE"] == "ok again  (scraper)  configuration")
    watch.signal(SIGTERM)
    let ended = try #require(entry(.ended), "\(entries)")
    #expect(ended["MESSAGE"] == "ended in order")
    #expect(eventually(within: 5) { !watch.isRunning })
    // The journal has it all: nothing is said a second time.
    #expect(range.scratch.read("watch.log") == "", "\(range.scratch.read("watch.log") ?? "")")
  }
}
