import Foundation
import Lab
import Metrics
import Testing

@testable import IPMI
@testable import Probes

@Suite(.serialized, .timeLimit(.minutes(1)))
struct ExecProbeTests {
  @Test(
    arguments: [
      ("echo 'OK - fine | t=5ms;10;20;0'", "ok - up", "OK - fine"),
      ("echo WARN; exit 1", "minor wrong_answer up", "WARN"),
      ("echo CRIT; exit 2", "critical wrong_answer up", "CRIT"),
      ("echo '?'; exit 3", "unknown no_answer ?", "?"),
      ("exit 0", "ok - up", "it said nothing"),
      ("echo complaint >&2; exit 2", "critical wrong_answer up", "complaint"),
      ("kill -9 $$", "unknown not_supported ?", "signal"),
      ("sleep 30", "critical timeout down", "had not ended"),
      ("sleep 30 & echo OK", "ok - up", "OK"),
      ("trap '' TERM INT; while :; do :; done", "critical timeout down", "had not ended"),
      ("yes", "unknown protocol_error down", "more than 64 KiB"),
      ("printf '\\033[2Jboo'", "ok - up", "\\x1b[2Jboo"),
      ("echo $SCRAPE_TEST_SECRET$PATH; test -z \"$SCRAPE_TEST_SECRET\"", "ok - up", "/usr"),
      ("cat; echo OK", "ok - up", "OK"),
    ])
  func `a program is run, evaluated and always reaped`(
    script: String, summary: String, words: String
  ) async throws {
    setenv("SCRAPE_TEST_SECRET", "hush", 1)
    let scratch = Scratch()
    let program = scratch.write("check", "#!/bin/sh\n\(script)\n", mode: 0o700)
    let start = Date()
    let result = try await ask("{exec: {command: [\(program)], timeout: 500ms}}")
    #expect(result.summary == summary && result.isSound, "\(result.verdict)")
    #expect(result.verdict.message.contains(words), "\(result.verdict)")
    #expect(Date().timeIntervalSince(start) < 2)
    // Nothing of it runs any more, and no zombie is left. On a busy machine it may die a moment later, and then the
    // next program reaps it.
    var left = ""
    for _ in 0..<20 {
      left = try run("/usr/bin/pgrep", ["-f", program]).output
      left += try run("/bin/ps", ["--ppid", "\(getpid())", "-o", "stat="]).output
        .filter { $0 == "Z" }
      if left.isEmpty { break }
      try await Task.sleep(for: .milliseconds(100))
      _ = try await ask("{exec: {command: [/bin/true]}}")
    }
    #expect(left.isEmpty)
  }

  @Test func `perfdata become points, and words stand for the host`() async throws {
    let scratch = Scratch()
    setenv("SCRAPE_TEST_SECRET", "hush", 1)
    let program = scratch.write(
      "check", "#!/bin/sh\necho \"OK $1 $2 $3 $WORD| a=5ms;@1:2;10;0;99\"\necho more\n", mode: 0o700
    )
    let result = try await ask(
      "{exec: {command: \"\(program) $HOSTADDRESS$ $HOSTNAME$ a$b;\", "
        .replacing(";", with: "") + "environment: {WORD: \"${SCRAPE_TEST_SECRET}\"}}}")
    #expect(result.verdict.message == "OK 127.0.0.1 lab a$b •••", "\(result.verdict)")
    let points = result.points.dropFirst()
    #expect(points.map(\.measurement) == ["nagios_state", "nagios"])
    #expect(points.first?[field: "long_service_output"] == .string("more"))
    let value = points.last
    #expect(value?[tag: "perfdata"] == "a" && value?[tag: "unit"] == "ms")
    #expect(value?[field: "value"] == .float(5) && value?[field: "warning_ge"] == .float(1))
    #expect(value?[field: "critical_gt"] == .float(10) && value?[field: "max"] == .float(99))
  }

  @Test func `a program's environment is what the page says, and nothing else`() async throws {
    setenv("SCRAPE_TEST_LEAK", "x", 1)
    let result = try await ask(
      "{exec: {command: /usr/bin/env, environment: {WORD: a b}}}")
    let output = (result.trace?.steps ?? []).first { $0.name == "output" }?.detail ?? ""
    #expect(
      Set(output.split(separator: "\n").map(String.init)) == [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/",
        "WORD=a b",
      ])
  }

  @Test func `local checks of Checkmk are one service each, the worst counts`() async throws {
    let scratch = Scratch()
    let program = scratch.write(
      "check", "#!/bin/sh\necho '0 a - fine'\necho '1 \"b c\" x=1 so so'\n", mode: 0o700)
    let result = try await ask("{exec: {command: [\(program)], format: checkmk}}")
    #expect(result.summary == "minor wrong_answer up" && result.isSound)
    #expect(result.verdict.message == "2 checks, 1 not ok; b c: so so")
    #expect(result.points.compactMap { $0[tag: "check"] } == ["a", "b c"])
    #expect(result.points.last?[tag: "perfdata"] == "b c.x")
  }

  @Test(
    arguments: [
      ("echo 'a,x=1 v=2 '; echo 'b v=1i'", "ok - up", "2 points", 2),
      (
        "echo '# slow disk'; echo 'a v=2'; exit 1", "minor wrong_answer up", "slow disk; 1 point", 1
      ),
      ("echo gone >&2; echo more >&2; exit 2", "critical wrong_answer up", "gone", 0),
      ("echo noise >&2; echo 'a v=2'", "ok - up", "1 point", 1),
      ("exit 1", "minor wrong_answer up", "it said nothing", 0),
      ("echo OK - fine", "unknown protocol_error down", "expected", 0),
      ("echo 'cpu usage_user=\"x\"'; echo 'a v=1'", "ok - up", "1 point, 1 left out", 1),
      ("echo \"a v=1 $(date +%s)\"", "ok - up", "0 points, 1 left out", 0),
      ("echo \"a v=1 $(date +%s)000000000\"", "ok - up", "1 point", 1),
      ("echo 'a v=1 9223372036854775807'", "ok - up", "0 points, 1 left out", 0),
      ("echo 'a v=1 -9223372036854775808'", "ok - up", "0 points, 1 left out", 0),
    ])
  func `line protocol becomes points, and the exit status decides`(
    script: String, summary: String, words: String, count: Int
  ) async throws {
    let scratch = Scratch()
    let program = scratch.write("check", "#!/bin/sh\n\(script)\n", mode: 0o700)
    let result = try await ask("{exec: {command: [\(program)], format: influx}}")
    #expect(result.summary == summary && result.isSound, "\(result.verdict)")
    #expect(result.verdict.message.hasPrefix(words) || count == 0, "\(result.verdict)")
    #expect(result.verdict.message.contains(words), "\(result.verdict)")
    #expect(result.points.count == 1 + count)
  }

  @Test func `what is written as line protocol is read back the same`() async throws {
    var point = Point("my measure,=")
    point.tag("t g", "a=b, c")
    point.integer("whole", Int64.min)
    point.float("real", -1.5e-7)
    point.string("text", "say \"hi\" \\ é")
    point.boolean("yes", true)
    point.time = .now
    var lines = LineProtocol()
    lines.append(point, common: [Tag("host", "evil"), Tag("group", "evil")], at: .now)
    let scratch = Scratch()
    let file = scratch.write("lines", String(decoding: lines.bytes, as: UTF8.self), mode: 0o600)
    let result = try await ask("{exec: {command: [/bin/cat, \(file)], format: influx}}")
    #expect(result.verdict.points == [point], "\(result.verdict)")
  }

  @Test(
    arguments: [
      ("{exec: {}}", "needs a command"), ("exec", "needs a command"),
      ("{exec: {command: []}}", "needs a command"), ("{exec: {command: \" \"}}", "needs a command"),
      ("{exec: {command: check_load}}", "whole path"),
      ("{exec: {command: \"/bin/sh -c 'x'\"}}", "not read by a shell"),
      ("{exec: {command: /bin/true, on: there}}", "unknown on"),
    ])
  func `a slip in the options is named`(entry: String, words: String) throws {
    let (plan, findings) = try read(entry)
    #expect(plan == nil)
    #expect(findings.errors.first?.description.contains(words) == true, "\(findings.errors)")
  }

  @Test func `on the host it is a line of sh, whatever its words hold`() throws {
    let (plan, _) = try read(
      "{exec: {command: [check_x, \"it's\", \"$(id)\", $HOSTADDRESS$], on: host}}")
    let probe = try #require(plan?.probe as? any HostQuestion)
    let script = try #require(probe.script(of: "web", at: "192.0.2.7"))
    #expect(script == "$limit 'check_x' 'it'\\''s' '$(id)' '192.0.2.7' </dev/null")
    let verdict = probe.evaluate(
      output: Array("OK | a=1".utf8), status: 0, took: .zero, reserved: [])
    #expect(verdict.severity == .ok && verdict.points.count == 2)
    #expect(probe.evaluate(output: [], status: 127, took: nil, reserved: []).severity == .unknown)
  }

  @Test(.enabled(if: Plugin.isInstalled("check_dummy")))
  func `real plugins are understood`() async throws {
    let severities: [Severity] = [.ok, .minor, .critical, .unknown]
    for (state, severity) in severities.enumerated() {
      let result = try await ask(
        "{exec: {command: [/usr/lib/nagios/plugins/check_dummy, \"\(state)\", words]}}")
      #expect(result.verdict.severity == severity && result.verdict.message.contains("words"))
    }
    let load = try await ask(
      "{exec: {command: /usr/lib/nagios/plugins/check_load -w 9999 -c 9999}}")
    #expect(load.points.contains { $0[tag: "perfdata"] == "load1" }, "\(load.verdict)")
  }
}

@Suite(.serialized, .timeLimit(.minutes(1)))
struct FileProbeTests {
  /// Runs the probe's script as the host would, in a shell.
  private func evaluate(_ entry: String, shell: [String] = ["/bin/sh"]) throws -> ServiceResult {
    let (plan, findings) = try read(entry)
    try findings.finish()
    let plan1 = try #require(plan)
    let probe = try #require(plan1.probe as? any HostQuestion)
    let outcome = try run(
      shell[0],
      shell.dropFirst() + [
        "-c", "limit='timeout 5'\n" + (probe.script(of: "x", at: "192.0.2.7") ?? ""),
      ])
    var result = ServiceResult(plan1)
    result.verdict = probe.evaluate(
      output: Array(outcome.output.utf8), status: outcome.status, took: .zero, reserved: [])
    return result
  }

  @Test(arguments: [["/bin/sh"], ["/bin/bash"], ["/bin/busybox", "sh"]])
  func `a file is evaluated by all its options`(shell: [String]) throws {
    let scratch = Scratch()
    let name = "it's a $(file)"
    let file = scratch.write(name, "hello\n", mode: 0o640)
    let path = "path: \"\(file)\""
    let sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    let cases: [(String, String, String)] = [
      ("{file: {\(path)}}", "ok - up", "6 bytes, changed"),
      ("{file: {\(path), mode: 0640, sha256: \(sum)}}", "ok - up", ""),
      ("{file: {\(path), mode: 0644}}", "critical wrong_answer up", "has mode 640"),
      (
        "{file: {\(path), sha256: \(sum.reversed().map(String.init).joined())}}",
        "critical wrong_answer up", "has other content"
      ),
      ("{file: {\(path), size: {max: 5}}}", "critical wrong_answer up", "has 6 bytes"),
      ("{file: {\(path), size: {min: 1KiB}}}", "critical wrong_answer up", "6 bytes only"),
      ("{file: {\(path), age: {max: 1m}}}", "ok - up", ""),
      ("{file: {\(path), age: {min: 1h}}}", "critical wrong_answer up", "s ago"),
      ("{file: {\(path), owner: \(NSUserName())}}", "ok - up", ""),
      ("{file: {\(path), owner: nobody}}", "critical wrong_answer up", "belongs to"),
      ("{file: {\(path), exists: no}}", "critical wrong_answer up", "exists"),
      ("{file: {path: \"\(file).none\"}}", "critical wrong_answer up", "does not exist"),
      ("{file: {path: \"\(file).none\", exists: no}}", "ok - up", "as it should be"),
      ("{file: {path: /no/such/folder/x}}", "unknown not_permitted up", "looked into"),
    ]
    for (entry, summary, words) in cases {
      let result = try evaluate(entry, shell: shell)
      #expect(
        result.summary == summary
          || summary.hasPrefix("unknown") && result.verdict.severity == .unknown,
        "\(entry): \(result.verdict)")
      #expect(words.isEmpty || result.verdict.message.contains(words), "\(result.verdict)")
      #expect(result.isSound)
    }
    let point = try evaluate("{file: {\(path)}}", shell: shell).points.last
    #expect(point?.measurement == "filestat" && point?[field: "size_bytes"] == .integer(6))
    #expect(point?[field: "exists"] == .integer(1) && point?[field: "mode"] == .string("640"))
  }

  @Test func `what a host invents is no answer, or a bounded one`() throws {
    let (plan, _) = try read("{file: {path: /x, mode: 0644}}")
    let probe = try #require(plan?.probe as? any HostQuestion)
    for text in ["", "stat", "now x\nstat a b c d", "now 9223372036854775807\nstat -1 -9 9 a b"] {
      #expect(
        probe.evaluate(output: Array(text.utf8), status: 0, took: nil, reserved: []).severity
          >= .unknown)
    }
  }
}
