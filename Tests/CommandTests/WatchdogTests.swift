import Engine
import Foundation
import Lab
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// The second line: what happens when a pass does not come to its end.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct WatchdogTests {
  let silent = SilentPort()

  /// A pass that waits for a silent server, and its process.
  private func waiting(_ length: String) throws -> (range: Range, pass: Daemon) {
    let range = Range(
      hosts: "all: {hosts: {slow: {address: 127.0.0.1, port: \(silent.port)}}}\n")
    let pass = try Daemon(
      Scrape.program,
      ["run", "--deadline", length, "--inventory", range.inventory, "--store", range.store],
      environment: ["SSH_AUTH_SOCK": ""], log: "\(range.scratch.path)/log")
    let isWaiting = eventually {
      (try? String(contentsOfFile: range.store + ".lock", encoding: .utf8))?.contains("running")
        == true && !StoppedThreads.threads(of: pass.identifier, named: "reactor").isEmpty
    }
    try #require(isWaiting)
    usleep(700_000)
    return (range, pass)
  }

  @Test(arguments: ["reactor", "store"])
  func `a pass whose threads hang is ended, and the next one reports it`(
    thread: String
  ) throws {
    let (range, pass) = try waiting("2")
    let began = Date()
    let stopped = StoppedThreads(named: thread, of: pass.identifier)
    #expect(stopped.count > 0)
    #expect(eventually(within: 14) { !pass.isRunning })
    #expect(Date().timeIntervalSince(began) > 9)
    let log = range.scratch.read("log") ?? ""
    #expect(log.contains("after its deadline") && log.contains("what it waited for"), "\(log)")
    #expect(log.contains(thread == "reactor" ? "slow: key exchange" : "pass: "), "\(log)")
    let next = try range.scrape("run", "--deadline", "2")
    #expect(next.errors.contains("was ended after its deadline"), "\(next.errors)")
    #expect(!next.errors.contains("another pass is running"))
    let status = try range.scrape("status")
    #expect(status.output.contains("overdue") && status.output.contains("pass"), "\(status)")
    // And of that there is an event.
    let history = try range.scrape("status", "--history")
    #expect(history.output.contains("overdue"), "\(history)")
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `a signal ends any pass within two seconds`(signal: Int32) throws {
    for stops in [false, true] {
      let (range, pass) = try waiting("30")
      let stopped = stops ? StoppedThreads(named: "reactor", of: pass.identifier) : nil
      #expect((stopped?.count ?? 1) > 0)
      kill(pass.identifier, signal)
      #expect(eventually(within: 2) { !pass.isRunning })
      // It was asked to end: that is no trouble of the next pass.
      let next = try range.scrape("run", "--deadline", "2")
      #expect(!next.errors.contains("the pass of"), "\(next.errors)")
      _ = stopped
    }
  }

  @Test func `a pass that was killed is reported, one that ended is not`() throws {
    let (range, pass) = try waiting("30")
    pass.stop(SIGKILL)
    let next = try range.scrape("run", "--deadline", "2")
    #expect(next.errors.contains("(process \(pass.identifier)) ended without its results"))
    let again = try range.scrape("run", "--deadline", "2")
    #expect(!again.errors.contains("ended without its results"))
    // Remembered long enough that people can be notified.
    #expect(try range.scrape("status").output.contains("vanished"))
  }

  /// Somebody who holds the lock and is past his deadline, and what becomes of him.
  @Test(arguments: [
    ("exec sleep 60", true, 61, true, "the next pass ended it"),
    ("trap '' TERM; exec sleep 60", true, 61, true, "the next pass ended it"),
    (
      "exec sleep 60", true, 59, false,
      "past its deadline; it is ended when that is more than 1 min 0 s"
    ),
    ("exec sleep 60", true, -5, false, "leaving it alone"),
    (
      "sleep 60 & wait", true, 61, true, "its process is gone, but one that it began holds the lock"
    ),
    ("exec sleep 60", false, 61, false, "is another one by now"),
  ])
  func
    `a lock is taken from a holder that is past its deadline by a minute, and only from that one`(
      script: String, isSame: Bool, overdue: Double, isTaken: Bool, words: String
    ) throws
  {
    let range = Range(hosts: "all: {hosts: {me: {connection: local}}}\n")
    _ = try range.scrape("run")
    let holder = try Daemon(
      "/bin/sh", ["-c", "exec 9<>\(range.store).lock; flock 9; echo held; \(script)"],
      log: "\(range.scratch.path)/holder")
    try #require(eventually { range.scratch.read("holder")?.contains("held") == true })
    var record = LockRecord(until: .now.advanced(by: .seconds(-overdue)))
    record.process = holder.identifier
    record.began = (LockRecord.beginning(of: holder.identifier) ?? 0) + (isSame ? 0 : 1)
    try record.text.write(toFile: range.store + ".lock", atomically: false, encoding: .utf8)
    let pass = try range.scrape("run")
    #expect(pass.errors.contains(words), "\(pass)")
    #expect(holder.isRunning == !isTaken)
    #expect((pass.status == 0) == (isTaken && script.contains("exec")))
  }

  @Test func `a record comes back as it was written, and nonsense is none`() {
    var record = LockRecord(until: .now)
    record.state = .overdue
    record.waits = ["web1: batch, for 3 s", "pass: asking hosts"]
    #expect(LockRecord(record.text) == record)
    for text in ["", "process x", "process 1", "process 12, since 10:00", "\u{0}\u{1}"] {
      #expect(LockRecord(text) == nil, "\(text)")
    }
    #expect(LockRecord.beginning(of: getpid()) != nil)
    #expect(LockRecord.beginning(of: -1) == nil)
  }
}
