import Transfer
import Configuration
import Engine
import Foundation
import Lab
import Metrics
import Notifiers
import Synchronization
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// A notifier that does as the test says, and keeps what it saw.
private final class Recorder: Sendable {
  private let kept = Mutex<[String]>([])
  func add(_ line: String) { kept.withLock { $0.append(line) } }
  var lines: [String] { kept.withLock { $0 } }
}

private struct Place: Notifier {
  static let kind = "place"
  let name: String
  let lane: String
  var isLiving: Bool { false }
  var error: DeliveryError?
  var pause: Duration = .zero
  let recorder: Recorder

  static let summary = "A place of the tests."
  static let example = "{}"
  static func decode(_ fields: inout Fields, secrets: Bool) -> [any Notifier] { [] }

  func deliver(
    _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    recorder.add("begin \(name)")
    do throws(WaitError) {
      try await reactor.sleep(until: .after(pause))
    } catch { throw DeliveryError(.cancelled, name, "cancelled") }
    recorder.add("end \(name)")
    let count = memory.values["count"].flatMap { Int($0) } ?? 0
    memory.values["count"] = String(count + 1)
    sent = SentMessage("half")
    if let error { throw error }
    sent = SentMessage("sent \(notice.subject)")
  }

  func close() {}
}

@Suite(.serialized, .timeLimit(.minutes(2)))
struct NotificationJobTests {
  private func notice(_ subject: String) -> Notice {
    Notice(
      .test, severity: .minor, subject: subject, text: StyledText(), opened: Timestamp(seconds: 0),
      contact: "ops")
  }

  @Test func `lanes go side by side, those of one lane in their order`() async {
    let recorder = Recorder()
    let slow = Place(name: "a", lane: "1", pause: .milliseconds(300), recorder: recorder)
    let same = Place(name: "b", lane: "1", recorder: recorder)
    let other = Place(name: "c", lane: "2", recorder: recorder)
    var memories = ["c": NotifierMemory(["count": "7"])]
    let outcomes = await NotificationJob.send(
      [
        NotificationJob(slow, notice("1"), .first), NotificationJob(same, notice("2"), .first),
        NotificationJob(other, notice("3"), .first), NotificationJob(other, notice("4"), .end),
      ], memories: &memories, on: Reactor(), by: .after(.seconds(10)))
    #expect(outcomes.map(\.sent.text) == ["sent 1", "sent 2", "sent 3", "sent 4"])
    #expect(outcomes.allSatisfy { $0.error == nil && $0.wasTried })
    let lines = recorder.lines
    #expect(
      lines.filter { $0.hasSuffix("a") || $0.hasSuffix("b") } == [
        "begin a", "end a", "begin b", "end b",
      ])
    #expect((lines.firstIndex(of: "end c") ?? 99) < (lines.firstIndex(of: "end a") ?? 0))
    // The second saw what the first remembered.
    #expect(memories["c"]?.values["count"] == "9" && memories["a"]?.values["count"] == "1")
  }

  @Test func `a lane that does not answer is asked once, and one that refuses again`() async {
    let recorder = Recorder()
    let gone = DeliveryError(.unreachable, "a", "no connection")
    let refused = DeliveryError(.refused, "c", "not that")
    let dead = Place(name: "a", lane: "1", error: gone, recorder: recorder)
    let same = Place(name: "b", lane: "1", recorder: recorder)
    let picky = Place(name: "c", lane: "2", error: refused, recorder: recorder)
    var memories: [String: NotifierMemory] = [:]
    let outcomes = await NotificationJob.send(
      [
        NotificationJob(dead, notice("1"), .first),
        NotificationJob(same, notice("2"), .first, sent: SentMessage("old")),
        NotificationJob(picky, notice("3"), .first), NotificationJob(picky, notice("4"), .first),
      ], memories: &memories, on: Reactor(), by: .after(.seconds(10)))
    #expect(outcomes.map(\.wasTried) == [true, false, true, true])
    #expect(outcomes.map { $0.error?.name } == ["a", "b", "c", "c"])
    // A half-way delivery is kept; what was not tried is as it was.
    #expect(outcomes.map(\.sent.text) == ["half", "old", "half", "half"])
    #expect(recorder.lines.count == 6)
  }

  @Test func `no place is called after the deadline`() async {
    let recorder = Recorder()
    var memories: [String: NotifierMemory] = [:]
    let outcomes = await NotificationJob.send(
      [NotificationJob(Place(name: "a", lane: "1", recorder: recorder), notice("1"), .first)],
      memories: &memories, on: Reactor(), by: .now)
    #expect(outcomes.map(\.wasTried) == [false] && outcomes[0].error?.reason == .timeout)
    #expect(recorder.lines == [])
  }
}

@Suite(.serialized, .timeLimit(.minutes(2)))
struct NotifyCommandTests {
  static func range(_ contacts: String) -> Range {
    Range(
      hosts: "all: {hosts: {me: {connection: local}}}\n", settings: "contacts:\n\(contacts)\n")
  }

  @Test func `a test goes to each place, and what failed is said with its reason`() throws {
    let scratch = Scratch()
    let range = Self.range(
      """
        ops:
          exec:
            - {command: [/bin/sh, -c, "cat >\(scratch.path)/in"]}
            - {command: [/bin/sh, -c, "echo no such room >&2; exit 4"]}
        night:
          webhook: {url: "https://hooks.example/x", token: "${SCRAPE_TEST_NOT_SET}"}
      """)
    let outcome = try range.scrape("notify", "test", "ops")
    #expect(outcome.status == 1, "\(outcome)")
    let lines = outcome.output.split(separator: "\n")
    try #require(lines.count == 2, "\(outcome)")
    #expect(lines[0].hasSuffix("  ok"))
    #expect(lines[1].hasSuffix("  failed: the program ended with status 4: no such room"))
    #expect(scratch.read("in")?.contains(#""kind":"test""#) == true)
    let list = try range.scrape("notify", "list")
    #expect(list.status == 0)
    #expect(list.output.contains("night\n  webhook https://hooks.example/x\n"))
    // Whose secret is not there cannot be tested, and does not keep others from it.
    let night = try range.scrape("notify", "test", "night")
    #expect(night.status == 2 && night.errors.contains("SCRAPE_TEST_NOT_SET is not set"))
  }

  @Test(
    arguments: [
      (["test", "osp"], "unknown contact \"osp\"; did you mean \"ops\"?"),
      (["test"], "name the contact"),
      ([], "say what: list, or test CONTACT"),
      (["tset", "ops"], "did you mean \"test\"?"),
      (["list", "ops"], "did you mean test ops?"),
    ] as [([String], String)])
  func `a wrong command line is refused with what was meant`(
    words: [String], says: String
  ) throws {
    let range = Self.range("  ops: {exec: {command: [/bin/true]}}")
    let outcome = try run(
      Scrape.program,
      ["notify"] + words + ["--inventory", range.inventory, "--store", range.store])
    #expect(outcome.status == 2 && outcome.errors.contains(says), "\(outcome)")
  }

  @Test func `a contact whose places all take it is well`() throws {
    let range = Self.range("  ops: {exec: {command: [/bin/true]}}")
    let outcome = try range.scrape("notify", "test", "ops")
    #expect(outcome.status == 0 && outcome.output == "exec /bin/true  ok\n")
  }
}
