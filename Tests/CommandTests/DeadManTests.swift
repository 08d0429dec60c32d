import Foundation
import Lab
import Testing

/// The ping that goes out after each good pass, to a server that notes who asks for what.
@Suite struct DeadManTests {
  private static let path = "/ping/5c1a-secret-uuid"
  private let local = "all: {hosts: {me: {connection: local}}}\n"

  private func monitor(_ answer: String = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") throws
    -> Peer
  { try Peer([.line, .say(answer), .close]) }

  private func settings(_ url: String, _ more: String = "") -> String {
    "self: {deadman: {url: \"\(url)\"\(more)}}\n"
      + "profiles: {linux: {collectors: {logins: no, processes: no, users: no}}}\n"
  }

  @Test func `a good pass is reported, and not too often`() throws {
    let peer = try monitor()
    let range = Range(
      hosts: local, settings: settings("http://127.0.0.1:\(peer.port)\(Self.path)"))
    for _ in 0..<3 { #expect(try range.scrape("run").status == 0) }
    #expect(peer.lines == ["GET \(Self.path) HTTP/1.1"])
    range.scratch.write(
      "inventory/scrape.yml",
      settings("http://127.0.0.1:\(peer.port)\(Self.path)", ", every: 1s, method: POST"))
    usleep(1_100_000)
    try range.scrape("run")
    #expect(peer.lines.last == "POST \(Self.path) HTTP/1.1" && peer.lines.count == 2)
    peer.stop()
  }

  @Test func `the address may be a secret`() throws {
    let peer = try monitor()
    let range = Range(hosts: local)
    let file = range.scratch.write("url", "http://127.0.0.1:\(peer.port)\(Self.path)\n")
    range.scratch.write("inventory/scrape.yml", settings("file:\(file)"))
    #expect(try range.scrape("run").status == 0)
    #expect(peer.lines.count == 1)
    peer.stop()
  }

  @Test(arguments: ["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "no HTTP\r\n", ""])
  func `a monitor that fails is one warning, without its address`(answer: String) throws {
    let peer = try monitor(answer)
    let range = Range(
      hosts: local, settings: settings("http://127.0.0.1:\(peer.port)\(Self.path)"))
    let outcome = try range.scrape("run")
    let lines = outcome.errors.split(separator: "\n").filter { $0.contains("dead-man") }
    #expect(outcome.status == 0 && lines.count == 1, "\(outcome)")
    #expect(lines.first?.contains("http://127.0.0.1:\(peer.port): ") == true, "\(lines)")
    #expect(!outcome.errors.contains("secret-uuid") && !outcome.output.contains("secret-uuid"))
    peer.stop()
  }

  @Test func `a monitor that hangs holds up nobody for long`() throws {
    let peer = try Peer([.silence])
    let range = Range(
      hosts: local, settings: settings("http://127.0.0.1:\(peer.port)\(Self.path)"))
    let begin = Date()
    let outcome = try range.scrape("run")
    #expect(Date().timeIntervalSince(begin) < 9 && outcome.status == 0)
    #expect(outcome.errors.contains("dead-man ping to http://127.0.0.1"), "\(outcome)")
    peer.stop()
  }

  @Test func `a part of a pass, and one that is not kept, are no sign of life`() throws {
    let peer = try monitor()
    let range = Range(
      hosts: local, settings: settings("http://127.0.0.1:\(peer.port)\(Self.path)"))
    try range.scrape("run", "--only", "mem")
    let folder = range.scratch.path
    let lost = try run(
      Scrape.program,
      ["run", "--inventory", range.inventory, "--store", "\(folder)/inventory/hosts.yml/no.db"])
    #expect(lost.errors.contains("store"), "\(lost)")
    #expect(peer.lines.isEmpty)
    peer.stop()
  }

  @Test func `a wrong address is reported without the address`() throws {
    let range = Range(
      hosts: local, settings: "self: {deadman: {url: \"https://user:hunter2@hc.example/x\"}}\n")
    let outcome = try range.scrape("lint")
    #expect(outcome.status == 2 && !outcome.errors.contains("hunter2"), "\(outcome)")
  }
}
