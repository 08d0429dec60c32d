import Metrics
import Testing

@testable import Collectors

@Suite struct SmallPartsTests {
  @Test(
    arguments: [
      (0, " 0:00"), (59, " 0:00"), (7 * 60, " 0:07"), (86_399, "23:59"), (86_400, "1 day,  0:00"),
      (12 * 86_400 + 3 * 3600 + 14 * 60 + 59, "12 days,  3:14"),
      (.max, "106751991167300 days, 15:30"),
    ] as [(Int64, String)])
  func `an uptime as people read it`(_ seconds: Int64, _ text: String) {
    #expect(SystemCollector.format(uptime: seconds) == text)
  }

  @Test(arguments: [
    ("eth0", "eth0", true), ("eth0", "eth", false), ("eth0", "eth*", true), ("eth0", "*", true),
    ("eth0", "e*0", true), ("eth0", "e?h0", true), ("eth0", "?eth0", false), ("", "*", true),
    ("", "", true), ("", "?", false), ("ab", "a*b*", true), ("aab", "*ab", true),
    ("br-1", "br-*", true), ("/a/b", "/a/*", true), ("a", "", false),
  ])
  func `a name matches a pattern`(_ name: String, _ pattern: String, _ matched: Bool) {
    #expect(matches(name, anyOf: [pattern]) == matched)
  }

  @Test func `a pattern full of stars ends in time`() {
    let name = String(repeating: "a", count: 2000)
    let pattern = String(repeating: "a*", count: 200) + "b"
    #expect(!matches(name, anyOf: [pattern]))
  }

  @Test func `what a profile says does not get into the disk script`() throws {
    let evil = CollectorOptions([
      "ignore_fs": .strings(["ext4) rm -rf /;;", "xfs"]), "ignore_paths": .strings(["$(reboot)"]),
    ])
    let script = try #require(DiskCollector.script(evil))
    #expect(!script.contains("rm -rf"))
    #expect(!script.contains("reboot"))
    #expect(script.contains("ext4|btrfs"))
  }

  @Test(arguments: [
    (124, "", Reason.timeout), (127, "df: not found\n", .missingTool),
    (126, "", .permission), (1, "no\nmore", .commandFailed),
  ])
  func `a script that failed says why`(
    _ status: Int, _ said: String, _ reason: Reason
  ) {
    let output = CommandOutput(
      standardOutput: [], standardError: Array(said.utf8)[...], status: status)
    #expect(output.failure.reason == reason)
    #expect(!output.failure.detail.isEmpty)
  }
}
