import Configuration
import Foundation
import Testing

@testable import Policies

/// A tree that a hostile host could have left.
struct RootTests {
  private func tree(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "root-\(UUID())")
    let root = folder.appending(path: "root")
    try FileManager.default.createDirectory(
      at: root.appending(path: "etc/deep"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data("secret\n".utf8).write(to: folder.appending(path: "outside"))
    try Data("inside\n".utf8).write(to: root.appending(path: "etc/file"))
    func link(_ name: String, _ target: String) throws {
      try FileManager.default.createSymbolicLink(
        atPath: root.appending(path: name).path(), withDestinationPath: target)
    }
    try link("up", "../outside")
    try link("far", "../../../../../../../../outside")
    try link("absolute", folder.appending(path: "outside").path())
    try link("loop", "loop")
    try link("etc/ring", "../etc")
    try link("good", "/etc/file")
    try link("etc/deep/good", "../../../../etc/./file")
    mkfifo(root.appending(path: "etc/fifo").path(), 0o644)
    try Data().write(to: root.appending(path: "etc/huge"))
    #expect(truncate(root.appending(path: "etc/huge").path(), 1 << 40) == 0)
    try body(root)
  }

  @Test func `links never lead out, loops end, and a FIFO is not opened`() throws {
    try tree { root in
      let evidence = try OfflineEvidence(root: root.path(), outputs: nil)
      for (rule, four, five) in [
        ("f:/up -> r:secret", "invalid", "invalid"),
        ("f:/far -> r:secret", "invalid", "invalid"),
        ("f:/absolute -> r:secret", "invalid", "invalid"),
        ("f:/../outside", "notfound", "notfound"),
        ("f:/etc/../../outside", "notfound", "notfound"),
        ("f:/loop", "invalid", "invalid"),
        ("f:/etc/ring/ring/ring/file -> r:inside", "found", "found"),
        ("f:/good -> r:inside", "found", "found"),
        ("f:/etc/deep/good -> r:inside", "found", "found"),
        ("f:/etc/fifo -> r:x", "invalid", "invalid"),
        ("d:/etc -> r:fifo -> r:x", "invalid", "invalid"),
        ("d:/etc -> r:ring -> r:x", "invalid", "invalid"),
        ("f:/etc/file/", "invalid", "notfound"),
        ("f:/etc/file/x", "invalid", "notfound"),
      ] {
        for (dialect, wanted) in [(Dialect.four, four), (.five, five)] {
          let outcome = Trial(rule, dialect, regexType: nil, policy: nil, evidence).outcome
          #expect(outcome.verdict.rawValue == wanted, "\(rule) \(dialect.rawValue): \(outcome.why)")
        }
      }
    }
  }

  @Test func `a file of a terabyte is unknown in time`() throws {
    try tree { root in
      let evidence = try OfflineEvidence(root: root.path(), outputs: nil)
      let start = ContinuousClock.now
      let rule = try Rule(Array("f:/etc/huge -> r:x".utf8), .four)
      let outcome = rule.evaluate(evidence, Budget(bytes: 1 << 20))
      #expect(outcome.verdict == .invalid && outcome.trouble == .limit)
      #expect(ContinuousClock.now - start < .seconds(30))
    }
  }

  @Test func `a folder of many entries and a deep one are unknown`() throws {
    try tree { root in
      var deep = root.appending(path: "etc/deep")
      for _ in 0..<(Budget.depth + 5) {
        deep = deep.appending(path: "d")
        try FileManager.default.createDirectory(at: deep, withIntermediateDirectories: false)
      }
      let evidence = try OfflineEvidence(root: root.path(), outputs: nil)
      for dialect in Dialect.allCases {
        let rule = try Rule(Array("d:/etc/deep -> zz".utf8), dialect)
        #expect(rule.evaluate(evidence, Budget()).trouble == .limit)
        let few = try Rule(Array("d:/etc -> zz".utf8), dialect)
        #expect(few.evaluate(evidence, Budget(entries: 2)).trouble == .limit)
        let itself = try Rule(Array("d:/etc".utf8), dialect)
        #expect(itself.evaluate(evidence, Budget(entries: 1)).verdict == .found)
      }
    }
  }

  @Test(arguments: [
    "[]", "nothing", #"{"a": 1}"#, #"{"a": {"output": 1}}"#, #"{"a": {"status": "x"}}"#,
    #"{"processes": "init"}"#, #"{"processes": [1]}"#,
  ])
  func `outputs of another form are refused`(_ text: String) {
    #expect(throws: ConfigurationError.self) {
      _ = try OfflineEvidence(root: nil, outputs: Source("o.json", text: text))
    }
  }
}
