import Configuration
import Testing

@testable import Policies

/// What a host sends for its policies, also one that lies.
struct CollectionTests {
  private static let policy = """
    dialect: 4
    policy: {id: p, name: n, file: f.yml, description: d}
    checks:
      - {id: 1, title: t, condition: all, rules: ['f:/a -> r:x', 'c:stat /a -> r:x']}
      - {id: 2, title: t, condition: all, rules: ['f:/a', 'd:/d -> r:c$ -> r:x', 'd:/e']}
      - {id: 3, title: t, condition: none, rules: ['p:r:y', 'c:rm /a -> r:x', 'sh:id -> r:x']}

    """

  private static func needs(_ allowed: AllowedCommands = AllowedCommands()) throws -> (
    Policy, Needs
  ) {
    let policy = try PolicyReader.read(Source("p.yml", text: Self.policy))
    return (policy, Needs([(policy, allowed), (policy, allowed)]))
  }

  private func part(_ title: String, _ content: String = "") -> HostCollection.Part {
    HostCollection.Part(title: Array(title.utf8), content: Array(content.utf8))
  }

  @Test func `policies compile to each item once, folders last`() throws {
    let (_, needs) = try Self.needs()
    #expect(
      needs.items == [
        .path(Array("/a".utf8), reads: true), .path(Array("/e".utf8), reads: false), .processes,
        .command(Array("stat /a".utf8)), .folder(Array("/d".utf8), reads: true),
      ])
    let (_, more) = try Self.needs(AllowedCommands(extra: ["sh", "rm"]))
    #expect(more.items.contains(.script(Array("id".utf8))))
    #expect(more.items.contains(.command(Array("rm /a".utf8))))
  }

  private static let whole = [
    "u 1000", "p 0 f|x", "x 0 0", "p 1 d", "n|init\nsleep", "a|/sbin/init\nsleep 1", "x 2 0",
    "r 3|x", "x 3 0", "p 4 d", "k 4 *|f/d/c\nd/d/s\nf/d/s/c\n\0" + "0", "c 4 f /d/c|y", "x 4 0",
    "c 4 f /d/s/c|x", "x 4 0", "x 4 0",
  ]

  private func parts(_ lines: [String]) -> [HostCollection.Part] {
    lines.map { line in
      let pair = line.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
      return part(String(pair[0]), pair.count > 1 ? String(pair[1]) : "")
    }
  }

  private func results(
    _ lines: [String], isCut: Bool = false, isWhole: Bool = true
  ) throws -> [CheckResult] {
    let (policy, needs) = try Self.needs()
    let collection = HostCollection(
      needs, parts: parts(lines), isCut: isCut, isWhole: isWhole, failure: nil)
    return policy.evaluate(collection, allowed: AllowedCommands()).checks
  }

  @Test func `a whole answer decides`() throws {
    let results = try results(Self.whole)
    #expect(results.map(\.verdict) == [.passed, .passed, .unknown])
    #expect(results[2].why.hasPrefix("not allowed: rm "))
  }

  @Test func `what is cut off decides nothing`() throws {
    for count in 0..<Self.whole.count {
      let lines = Array(Self.whole.prefix(count))
      for (isCut, isWhole) in [(true, true), (false, false)] {
        let results = try results(lines, isCut: isCut, isWhole: isWhole)
        for check in results.prefix(2) where check.verdict != .unknown {
          #expect(check.verdict == .passed, "\(count): \(check.why)")
        }
        if count < 8 { #expect(results[0].verdict == .unknown, "\(count): \(results[0].why)") }
      }
    }
    let late = try results(["u 0", "p 0 f|x", "x 0 0", "o"])
    #expect(late[0].why.hasPrefix("limit: ") || late[0].why.contains("time"), "\(late[0].why)")
    #expect(late[0].verdict == .unknown)
  }

  @Test(arguments: [
    ("p 0 fa", "x 0 a", "permission"), ("p 0 f", "x 0 1", "permission"),
    ("p 0 f", "x 0 124", "limit"), ("p 0 f", "x 0 137", "limit"), ("p 0 a", "x 0 0", "permission"),
    ("p 0 f", "x 0 word", "permission"),
  ])
  func `a file that is not read decides nothing`(
    _ first: String, _ second: String, _ trouble: String
  ) throws {
    var lines = Self.whole
    lines[1] = first
    lines[2] = second
    let check = try results(lines)[0]
    #expect(check.verdict == .unknown && check.why.hasPrefix("\(trouble): "), "\(check.why)")
  }

  @Test(arguments: [
    ("r 3|x: Permission denied\nx", "x 3 0", "permission"), ("r 3|x", "x 3 124", "timeout"),
    ("r 3|You must be root", "x 3 4", "permission"), ("r 3|x", "x 3 126", "permission"),
    ("s 3|sudo: a password is required", "x 3 1", "permission"), ("s 3|", "x 3 127", "permission"),
  ])
  func `a command that was not permitted decides nothing`(
    _ first: String, _ second: String, _ trouble: String
  ) throws {
    var lines = Self.whole
    lines[7] = first
    lines[8] = second
    let check = try results(lines)[0]
    #expect(check.verdict == .unknown && check.why.hasPrefix("\(trouble): "), "\(check.why)")
  }

  @Test func `a collection is the same after it was kept`() throws {
    let (policy, needs) = try Self.needs()
    let collection = HostCollection(needs, parts: parts(Self.whole), isCut: false, isWhole: true)
    let kept = collection.records.compactMap { HostCollection.Record(bytes: $0.bytes) }
    #expect(kept == collection.records)
    let again = HostCollection(user: collection.user, records: kept)
    for (one, other) in zip(
      policy.evaluate(collection, allowed: AllowedCommands()).checks,
      policy.evaluate(again, allowed: AllowedCommands()).checks)
    {
      #expect(one.verdict == other.verdict && one.why == other.why)
    }
  }

  @Test func `secrets are not kept`() throws {
    let collection = HostCollection(
      user: 0,
      records: [
        .init(item: .path(Array("/etc/shadow".utf8), reads: true), parts: [part("p f", "root:x")]),
        .init(item: .path(Array("/etc/passwd".utf8), reads: true), parts: [part("p f", "root:x")]),
        .init(item: .command(Array("grep root /etc/shadow".utf8)), parts: [part("r", "root:x")]),
        .init(
          item: .folder(Array("/etc/ssh".utf8), reads: true),
          parts: [part("c f /etc/ssh/ssh_host_rsa_key", "secret"), part("c f /etc/ssh/x", "open")]),
      ])
    let kept = collection.keptRecords
    #expect(
      kept.map(\.item) == [
        .path(Array("/etc/passwd".utf8), reads: true), .folder(Array("/etc/ssh".utf8), reads: true),
      ])
    #expect(kept.last?.parts.map(\.content) == [[], Array("open".utf8)])
  }

  @Test func `any parts are taken apart in bounded time`() throws {
    var random = MutationTests.Generator(state: 83)
    let (policy, needs) = try Self.needs()
    let words = ["p", "k", "c", "r", "s", "n", "a", "x", "o", "u", "", "pp"]
    let rest = ["f", "d", "m", "a", "l", "da", "*", "f /d/c", "d /d/..", "0", "124", "", "f /d//"]
    for _ in 0..<300 {
      let lines = (0..<Int.random(in: 0...40, using: &random)).map { _ in
        let word = words.randomElement(using: &random) ?? ""
        let number = Int.random(in: -1...6, using: &random)
        let tail = rest.randomElement(using: &random) ?? ""
        return "\(word) \(number) \(tail)|f/d/x\nd/d/y\n\n/d\n" + "\0" + "0"
      }
      let collection = HostCollection(
        needs, parts: parts(lines), isCut: .random(using: &random), isWhole: .random(using: &random)
      )
      let result = policy.evaluate(collection, allowed: AllowedCommands())
      #expect(result.checks.count == 3)
      #expect(result.checks[2].verdict == .unknown || result.checks[2].verdict == .failed)
    }
    // A folder of more entries than are taken.
    let names = (0..<30_000).map { "f/d/\($0)" }.joined(separator: "\n")
    let flood = HostCollection(
      needs,
      parts: parts(["p 4 d"] + (0..<20).map { _ in "k 4 *|\(names.prefix(120_000))\n\0" + "0" }),
      isCut: false, isWhole: true)
    guard case .failure(.limit)? = flood.folders[Array("/d".utf8)] else {
      Issue.record("a folder without end was taken")
      return
    }
  }

  @Test func `a file that no rule names is dropped, whatever the host sends`() throws {
    let (policy, needs) = try Self.needs()
    var parts = Self.whole.map { line -> HostCollection.Part in
      let pair = line.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
      return part(String(pair[0]), pair.count > 1 ? String(pair[1]) : "")
    }
    let end = parts.removeLast()
    parts += [part("c 4 f /d/ssh_host_rsa_key", "PRIVATE"), part("x 4 0"), end]
    let collection = HostCollection(needs, parts: parts, isCut: false, isWhole: true)
    #expect(
      !collection.records.contains { $0.parts.contains { $0.content == Array("PRIVATE".utf8) } })
    #expect(collection.records.contains { $0.parts.contains { $0.content == Array("y".utf8) } })
    #expect(
      policy.evaluate(collection, allowed: AllowedCommands()).checks[1].verdict == .passed)
  }
}
