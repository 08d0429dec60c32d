import Transfer
import Foundation
import Lab
import Metrics
import Testing

@testable import Notifiers

@Suite(.serialized, .timeLimit(.minutes(2)))
struct ExecTests {
  @Test func `the program gets the notice, the facts and nothing of ours`() async throws {
    setenv("SCRAPE_TEST_OUR_SECRET", "s3cr3t", 1)
    defer { unsetenv("SCRAPE_TEST_OUR_SECRET") }
    let scratch = Scratch()
    let program = scratch.write(
      "notify", "#!/bin/sh\ncat >\"$1/in\"\nenv >\"$1/env\"\nprintf '%s\\n' \"$@\" >\"$1/words\"\n",
      mode: 0o700)
    let evil = "-rf $(touch \(scratch.path)/pwned) `id` ; \n\u{1b}]0;x\u{7}"
    let exec = Exec([program, scratch.path, "--now", "a b"])
    let outcome = await deliver(exec, .outage(subject: evil))
    #expect(outcome.error == nil && outcome.sent == SentMessage("sent"))
    let input = try #require(scratch.read("in"))
    #expect(input == Notice.outage(subject: evil).object(.first).text + "\n")
    #expect(scratch.read("words") == "\(scratch.path)\n--now\na b\n")
    let variables = try #require(scratch.read("env"))
    #expect(!variables.contains("s3cr3t"))
    var names = variables.split(separator: "\n").map { String($0.prefix { $0 != "=" }) }
    names.removeAll { ["PWD", "_", "SHLVL", "OLDPWD"].contains($0) }
    #expect(
      names.sorted() == [
        "HOME", "LC_ALL", "PATH", "SCRAPE_CONTACT", "SCRAPE_INCIDENT", "SCRAPE_KIND",
        "SCRAPE_OCCASION", "SCRAPE_SEVERITY", "SCRAPE_SUBJECT",
      ])
    #expect(variables.contains("SCRAPE_SUBJECT=\(evil.visible)\n"))
    #expect(variables.contains("SCRAPE_KIND=problem\n"))
    #expect(!FileManager.default.fileExists(atPath: "\(scratch.path)/pwned"))
  }

  @Test(
    arguments: [
      ("exit 3", .failed, "ended with status 3, and said nothing"),
      (
        "echo first >&2; echo 'no such room\u{1b}[31m' >&2; echo >&2; exit 1", .failed,
        "ended with status 1: no such room\\x1b[31m"
      ),
      ("kill -9 $$", .failed, "ended by a signal"),
      ("sleep 60", .timeout, "was killed"),
      ("exec <&-; exit 0", nil, ""),
      ("yes | head -c 3000000; exit 0", nil, ""),
      ("head -c 5000000 /dev/zero >&2; echo last >&2; exit 1", .failed, "status 1"),
      ("sleep 60 & exit 0", nil, ""),
    ] as [(String, DeliveryError.Reason?, String)])
  func `how the program ends decides`(
    script: String, reason: DeliveryError.Reason?, says: String
  ) async throws {
    let start = Date()
    let exec = Exec(["/bin/sh", "-c", script], timeout: .seconds(3))
    let outcome = await deliver(exec, .outage())
    #expect(outcome.error?.reason == reason, "\(outcome)")
    #expect(says.isEmpty || outcome.error?.message.contains(says) == true, "\(outcome)")
    #expect(Date().timeIntervalSince(start) < 6)
  }

  @Test func `at the deadline the whole group is killed`() async throws {
    let scratch = Scratch()
    let exec = Exec(
      ["/bin/sh", "-c", "sleep 300 & echo $! >\(scratch.path)/pid; wait"],
      timeout: .milliseconds(700))
    #expect(await deliver(exec, .outage()).error?.reason == .timeout)
    let child = try #require(scratch.read("pid").flatMap { Int32($0.dropLast()) })
    // A zombie that nobody has reaped yet is dead, too.
    #expect(
      eventually(within: 5) {
        let status = try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8)
        return status?.contains("State:\tZ") ?? true
      })
  }

  @Test func `a large notice is no trouble to a program that does not read it`() async {
    var notice = Notice.outage(message: String(repeating: "x", count: 4_000))
    notice.alerts = Array(repeating: notice.alerts[0], count: 1_000)
    #expect(await deliver(Exec(["/bin/true"]), notice).error == nil)
    let slow = Exec(["/bin/sh", "-c", "sleep 0.3; wc -c >&2; exit 7"])
    let outcome = await deliver(slow, notice)
    let size = notice.object(.first).bytes.count + 1
    #expect(outcome.error?.message == "the program ended with status 7: \(size)")
  }

  @Test(arguments: ["/does/not/exist", "/etc/passwd", "/tmp"])
  func `a program that cannot run is reported`(path: String) async {
    let error = await deliver(Exec([path]), .outage()).error
    #expect(error?.reason == .failed)
    #expect(
      error?.message.contains("is it there and executable?") == true, "\(String(describing: error))"
    )
  }
}
