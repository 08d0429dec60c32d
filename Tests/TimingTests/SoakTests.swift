import Foundation
import Lab
import Testing

@testable import LabRange

/// The built command over the range of all daemons, and over servers that close: a part of what
/// `make soak` does.
@Suite(.serialized, .timeLimit(.minutes(8))) struct SoakTests {
  /// It lies beside the test bundle.
  private static let program =
    (CommandLine.arguments[0] as NSString).deletingLastPathComponent + "/range"

  @Test(.enabled(if: LabRange.missing.isEmpty))
  func `no pass over the range is late, no verdict is wrong and no point is lost`() throws {
    let outcome = try run(
      Self.program, ["soak", "--passes", "200", "--seconds", "50", "--seed", "20"], timeout: 300)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
  }

  @Test func `no pass hangs on servers that close after each answer`() throws {
    let outcome = try run(
      Self.program, ["closing", "--passes", "300", "--seconds", "15"], timeout: 300)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
  }

  /// A short form of `make watch-soak`: each fault once.
  @Test func `a watch loses nothing to servers, cables, databases, files and its own end`() throws {
    let outcome = try run(
      Self.program, ["watch", "--seconds", "26", "--hosts", "8", "--lose", "4"], timeout: 180)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
  }

  @Test(.enabled(if: LabRange.missing.isEmpty && RoutedRange.isPossible))
  func `a range that is killed leaves no daemon behind`() throws {
    let scratch = Scratch()
    let range = try Daemon(
      Self.program, ["soak"], environment: ["TMPDIR": scratch.path], log: "\(scratch.path)/log")
    let hasDaemons = eventually(within: 60) { daemons(of: scratch) > 1 }
    #expect(hasDaemons, "\(scratch.read("log") ?? "")")
    kill(range.identifier, SIGKILL)
    let areGone = eventually(within: 10) { daemons(of: scratch) == 0 }
    #expect(areGone)
  }

  /// How many processes were started with a file of the folder.
  private func daemons(of scratch: Scratch) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.count { name in
      name.first?.isNumber == true
        && (try? String(contentsOfFile: "/proc/\(name)/cmdline", encoding: .utf8))?
          .contains("\(scratch.path)/range-") == true
    }
  }
}
