import Foundation
import Lab
import Metrics
import Testing

@testable import Collectors
@testable import Hosts

/// What is sent to a kept shell, run by real shells.
@Suite struct KeptScriptTests {
  private func batch(_ names: [String], files: Bool = false, limit: Bool = false) -> Batch {
    Batch(
      files ? [.init(Load.self)] : [],
      extras: limit || !names.isEmpty
        ? names.map {
          .init(name: $0, script: "echo this is $0 of \($0); echo oh >&2", byteLimit: 1000)
        } : [])
  }

  private func text(_ script: inout KeptScript, _ batch: Batch, _ nonce: String = "N") -> String {
    String(decoding: script.text(for: batch, nonce: nonce), as: UTF8.self)
  }

  @Test func `a script is sent once, and a composition once`() {
    var script = KeptScript()
    let first = text(&script, batch(["a", "b"]))
    #expect(first.contains("of a") && first.contains("of b") && first.hasSuffix("\n_p0 N\n"))
    #expect(text(&script, batch(["a", "b"]), "M") == "_p0 M\n")
    let other = text(&script, batch(["b", "c"]))
    #expect(!other.contains("of b") && other.contains("of c") && other.hasSuffix("\n_p1 N\n"))
    #expect(!other.contains("exec 3>&1") && !other.contains("timeout"))
    #expect(
      text(&script, batch(["b"]))
        == "_p2() { _r \"$1\" '\(["/proc/sys/kernel/random/boot_id", "/proc/uptime"].joined(separator: " "))' 'b' _f1; }\n_p2 N\n"
    )
    #expect(text(&script, batch(["b", "a"])).hasSuffix("_p3 N\n"))
    #expect(text(&script, batch(["a", "b"])) == "_p0 N\n")
    #expect(text(&script, batch(["b", "c"])) == "_p1 N\n")
  }

  @Test func `a shell does not learn without end`() {
    var script = KeptScript()
    var rounds = 0
    while !script.isFull, rounds < 1000 {
      _ = text(&script, batch(["section \(rounds)"]))
      rounds += 1
    }
    #expect(rounds == KeptScript.mostCompositions)
    var large = KeptScript()
    _ = large.text(
      for: Batch(
        [],
        extras: [.init(name: "a", script: String(repeating: ":\n", count: 300_000), byteLimit: 1)]),
      nonce: "N")
    #expect(large.isFull)
  }

  /// Shells as hosts have them; what is not installed here is left out.
  static let shells = [
    ["/bin/dash"], ["/bin/bash"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"], ["/bin/mksh"],
    ["/bin/ksh93"],
  ]
  .filter { access($0[0], X_OK) == 0 }

  @Test(arguments: shells) func `every shell answers as it does to the whole script`(
    shell: [String]
  ) throws {
    let quoted = "a 'quoted' name"
    let first = batch(["one", quoted], files: true)
    let second = batch([quoted, "two"])
    var script = KeptScript()
    let nonces = (0..<4).map { _ in Batch.nonce() }
    let scratch = Scratch()
    let pieces = [first, second, first, second].enumerated().map {
      script.text(for: $1, nonce: nonces[$0])
    }
    scratch.write("input", String(decoding: pieces.joined(), as: UTF8.self))
    scratch.write("whole", String(decoding: first.script(nonce: "W", last: true), as: UTF8.self))
    func run(_ file: String) throws -> [UInt8] {
      let words = shell.joined(separator: " ")
      return Array(
        try Lab.run("/bin/sh", ["-c", "\(words) <\(scratch.path)/\(file)"]).output.utf8)
    }
    let output = try run("input")
    for (index, batch) in [first, second, first, second].enumerated() {
      let answer = HostAnswer(output: output, of: batch, nonce: nonces[index], time: .now)
      #expect(answer.bootID?.count == 36)
      #expect(Set(answer.sections.keys) == Set(batch.limits.keys))
      for name in batch.limits.keys where name != Batch.fileSection {
        let section = try #require(answer.sections[name])
        #expect(section.status == 0)
        #expect(
          String(decoding: section.output, as: UTF8.self).hasSuffix(
            "of \(name == quoted ? "a quoted name" : name)\n"))
        #expect(section.errors == Array("oh\n".utf8))
      }
    }
    let whole = HostAnswer(output: try run("whole"), of: first, nonce: "W", time: .now)
    let kept = HostAnswer(output: output, of: first, nonce: nonces[2], time: .now)
    for name in ["one", quoted] {
      #expect(whole.sections[name]?.errors == kept.sections[name]?.errors)
    }
    #expect(whole.files.keys == kept.files.keys)
    #expect(whole.files["/proc/version"] == kept.files["/proc/version"])
  }
}
