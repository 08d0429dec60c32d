import Foundation
import Lab
import Metrics
import Synchronization
import Testing

@testable import Notifiers

/// Datagrams that came, oldest first.
private final class Datagrams: Sendable {
  private let kept = Mutex<[String]>([])
  func add(_ bytes: [UInt8]) { kept.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) } }
  var all: [String] { kept.withLock { $0 } }
}

@Suite(.serialized, .timeLimit(.minutes(2)))
struct SyslogTests {
  @Test func `messages have the form of the standards`() {
    let message = SyslogMessage(
      level: .critical, kind: "ALERT",
      facts: [("host", "we\"b]3\\"), ("check", "ssh\n"), ("group", "")], text: "no answer")
    let time = Timestamp(nanoseconds: 1_738_555_506_789_000_000)
    let line = message.network(3, at: time, from: "mon.example", limit: 2_000)
    #expect(
      String(decoding: line, as: UTF8.self)
        == "<26>1 2025-02-03T04:05:06.789Z mon.example scrape \(getpid()) ALERT "
        + #"[scrape@32473 host="we\"b\]3\\" check="ssh\\x0a"] no answer"#)
    var local = String(decoding: message.local(16, at: time, limit: 2_000), as: UTF8.self)
    #expect(local.hasPrefix("<130>Feb "))
    local.removeFirst("<130>".count + 16)
    #expect(local == "scrape[\(getpid())]: no answer")
  }

  @Test func `only text beyond ASCII begins with the byte order mark`() {
    var message = SyslogMessage(level: .notice, kind: "X", facts: [], text: "plain")
    let time = Timestamp(seconds: 0)
    #expect(!message.network(3, at: time, from: "h", limit: 99).contains(0xef))
    message.text = "läuft\u{1b}[2J\nx"
    let line = String(decoding: message.network(3, at: time, from: "h", limit: 99), as: UTF8.self)
    #expect(line.hasSuffix(" X - \u{feff}läuft\\x1b[2J\\x0ax"))
    message.text = String(repeating: "ü", count: 500)
    let cut = message.network(3, at: time, from: "h", limit: 100)
    #expect(cut.count <= 100 && String(validating: cut, as: UTF8.self)?.last == "…")
  }

  @Test(
    .enabled(if: Rsyslog.isInstalled, "needs Debian's rsyslog"),
    arguments: ["udp", "tcp", "local"])
  func `a real daemon reads what is sent`(way: String) async throws {
    let daemon = try Rsyslog()
    defer { daemon.stop() }
    let address: Syslog.Address =
      switch way {
      case "udp": .udp("127.0.0.1", daemon.port)
      case "tcp": .tcp("localhost", daemon.port)
      default: .local(daemon.socket)
      }
    let syslog = Syslog(address, facility: 16)
    let outage = Notice.outage(message: "kein Öl \u{1b}[31m")
    let first = await deliver(syslog, outage)
    #expect(first.error == nil)
    var read: [[String: String]] = []
    func wait(_ count: Int) -> Bool {
      eventually {
        read = daemon.messages
        return read.count >= count
      }
    }
    try #require(wait(3), "\(read) \(daemon.scratch.read("out") ?? "")")
    #expect(read.compactMap { $0["priority"] } == ["local0.crit", "local0.crit", "local0.warning"])
    let texts = read.map {
      ($0["text"] ?? "").trimmingCharacters(in: .init(charactersIn: " \u{feff}"))
    }
    #expect(texts[0].hasSuffix("web[03-04] down"))
    #expect(texts[1] == "web03 ssh: critical: kein Öl \\x1b[31m")
    #expect(texts[2] == "web04 rule disk full{path=/}: minor: 91 % (because of web03)")
    #expect(read[1]["process"] == "\(getpid())")
    if way != "local" {
      #expect(read.map { $0["kind"] } == ["PROBLEM", "ALERT", "ALERT"])
      #expect(
        read[2]["facts"]
          == #"[scrape@32473 host="web04" check="rule disk full{path=/}" group="web" "#
          + #"severity="minor" incident="web-1738555506"]"#)
    }
    // What is as it was is not said again, but for what all of it is now.
    var worse = outage
    worse.alerts[1].severity = .major
    let second = await deliver(syslog, worse, .again, sent: first.sent)
    #expect(second.error == nil)
    #expect(wait(5) && read.count == 5)
    #expect(read.last?["priority"] == "local0.err")
    let end = await deliver(syslog, worse.over, .end, sent: second.sent)
    #expect(end.error == nil)
    #expect(wait(8) && read.suffix(3).allSatisfy { $0["priority"] == "local0.notice" })
  }

  @Test(.enabled(if: Rsyslog.isInstalled, "needs Debian's rsyslog"), arguments: ["tcp", "local"])
  func `four hundred hosts are all there`(way: String) async throws {
    let daemon = try Rsyslog()
    defer { daemon.stop() }
    var notice = Notice.outage()
    notice.alerts = (0..<400).map { index in
      var alert = notice.alerts[0]
      alert.host = "n\(index)"
      return alert
    }
    let address: Syslog.Address =
      way == "tcp" ? .tcp("127.0.0.1", daemon.port) : .local(daemon.socket)
    #expect(await deliver(Syslog(address), notice).error == nil)
    #expect(eventually { daemon.messages.count == 401 }, "\(daemon.messages.count)")
  }

  @Test func `frames over TCP say their length in bytes`() async throws {
    let peer = try Peer([.line, .close])
    defer { peer.stop() }
    var notice = Notice.outage(subject: "läuft nicht\n")
    notice.alerts = []
    _ = await deliver(Syslog(.tcp("127.0.0.1", peer.port)), notice)
    // The peer reads up to a line break, and there is none: all of it, at the end.
    #expect(peer.lines == [])
    let datagrams = Datagrams()
    let listener = FakeDatagrams { bytes in
      datagrams.add(bytes)
      return []
    }
    _ = await deliver(Syslog(.udp("127.0.0.1", listener.port)), notice)
    #expect(eventually { datagrams.all.count == 1 })
    #expect(datagrams.all[0].hasPrefix("<26>1 20"))
    #expect(datagrams.all[0].hasSuffix("\u{feff}läuft nicht\\x0a"))
  }

  @Test func `a socket without a listener is reported`() async throws {
    let port = freePort()
    let scratch = Scratch()
    for address in [
      Syslog.Address.udp("127.0.0.1", port), .tcp("127.0.0.1", port),
      .local("\(scratch.path)/none"), .local(String(repeating: "x", count: 200)),
    ] {
      let outcome = await deliver(Syslog(address), .outage())
      #expect(outcome.error != nil && outcome.sent == SentMessage(), "\(address)")
      #expect(outcome.error?.closesLane == true || outcome.error?.reason == .failed)
    }
  }

  @Test func `a server that resets or takes nothing is an error within the time`() async throws {
    let reset = try Peer([.reset])
    defer { reset.stop() }
    let silent = try Peer([.pause(5_000)])
    defer { silent.stop() }
    var notice = Notice.outage(message: String(repeating: "x", count: 7_000))
    notice.alerts = (0..<1_900).map { index in
      var alert = notice.alerts[0]
      alert.host = "n\(index)"
      return alert
    }
    let broken = await deliver(Syslog(.tcp("127.0.0.1", reset.port)), notice)
    #expect(broken.error?.reason == .unreachable, "\(String(describing: broken.error))")
    let start = Date()
    let stuck = await deliver(Syslog(.tcp("127.0.0.1", silent.port)), notice, within: .seconds(1))
    #expect(stuck.error?.reason == .timeout, "\(String(describing: stuck.error))")
    #expect(Date().timeIntervalSince(start) < 3)
  }
}
