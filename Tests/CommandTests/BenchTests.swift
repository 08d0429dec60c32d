import Foundation
import Lab
import Testing

/// The measurements of `bench/` are no tests, but they must come to an end.
struct BenchTests {
  private static let ask = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "bench/ask").path()

  /// The dead endpoints used to hold one of the tools up for two minutes each.
  @Test(.enabled(if: RoutedRange.isPossible), .timeLimit(.minutes(2)))
  func `a tool that does not end is given up at the limit`() throws {
    let scratch = Scratch()
    for tool in ["fping", "nmap"] {
      chmod(scratch.write("bin/\(tool)", "#!/bin/sh\nsleep 600 & sleep 600\n"), 0o755)
    }
    let begun = Date()
    let outcome = try run(
      "/usr/bin/python3", [Self.ask, "--skip-build", "--rounds", "2", "--limit", "1"],
      environment: ["PATH": "\(scratch.path)/bin:/usr/bin:/bin:/usr/sbin:/sbin"], timeout: 100)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count >= 16)
    for tool in ["fping", "nmap"] {
      let own = lines.filter { $0.contains(tool) }
      #expect(!own.isEmpty && own.allSatisfy { $0.hasSuffix("late") }, "\(outcome.output)")
    }
    #expect(Date().timeIntervalSince(begun) < 60)
    // What it started is ended, too.
    let left = try run("/usr/bin/pgrep", ["-f", "\(scratch.path)/bin/"])
    #expect(left.output.isEmpty)
  }
}
