import Configuration
import Facts
import Policies

/// Policies, and the files and output of hosts that their patterns read.
let policyTargets: [String: FuzzTarget] = [
  "policy": readPolicy, "rule": tryRule, "collection": readCollection, "facts": readFacts,
]

/// A host whose every file and command has the same text.
private struct OneText: Evidence {
  var text: [UInt8]

  func kind(of path: [UInt8]) -> Result<PathKind, PathFailure> {
    .success(path.last == UInt8(ascii: "d") ? .directory : .regular)
  }
  func read(_ path: [UInt8], _ budget: Budget) -> Result<FileText, PathFailure> {
    .success(FileText(bytes: text))
  }
  func list(_ path: [UInt8], _ budget: Budget) -> Result<[FolderEntry], PathFailure> {
    .success([FolderEntry(name: Array(text.prefix(20)), kind: .regular)])
  }
  func run(_ command: [UInt8]) -> CommandResult { .ran(output: text, status: 0) }
  var processes: ProcessList { .known([ProcessEntry(name: text)]) }
}

private func readPolicy(_ bytes: UnsafeBufferPointer<UInt8>) {
  let text = Array(bytes)
  for dialect in Dialect.allCases {
    do throws(ConfigurationErrors) {
      let (policy, warnings) = try PolicyLint.read(
        Source("fuzz.yml", bytes: text), dialect: dialect)
      for warning in warnings { checkVisible(warning.description) }
      _ = policy.evaluate(OneText(text: text))
    } catch { checkVisible(error.description) }
  }
}

/// The first line is the rule, the rest what it reads.
private func tryRule(_ bytes: UnsafeBufferPointer<UInt8>) {
  let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
  let host = OneText(text: Array(bytes.dropFirst(line.count + 1)))
  for dialect in Dialect.allCases {
    for type in [RegexType.osregex, .pcre2] {
      _ = Trial(
        String(decoding: line, as: UTF8.self), dialect, regexType: type, policy: nil, host)
    }
  }
}

private let collected: (policy: Policy, needs: Needs)? = {
  let text = """
    dialect: 4
    policy: {id: p, name: n, file: f.yml, description: d}
    checks:
      - {id: 1, title: t, condition: all, rules: ['f:/a -> r:x', 'c:stat /a -> r:x', 'p:r:y']}
      - {id: 2, title: t, condition: all, rules: ['f:/b', 'd:/d -> r:c -> r:x', 'd:/e']}

    """
  guard let policy = try? PolicyReader.read(Source("p.yml", text: text)) else { return nil }
  return (policy, Needs([(policy, AllowedCommands())]))
}()

/// Parts of an answer, one a line: words, a bar, the content with `;` for line feeds.
private func parts(_ bytes: UnsafeBufferPointer<UInt8>) -> [(title: [UInt8], content: [UInt8])] {
  bytes.split(separator: UInt8(ascii: "\n")).map { line in
    let title = Array(line.prefix { $0 != UInt8(ascii: "|") })
    return (title, line.dropFirst(title.count + 1).map { $0 == UInt8(ascii: ";") ? 0x0a : $0 })
  }
}

/// The facts keep what they are in the store, and a change of them is bounded.
private func readFacts(_ bytes: UnsafeBufferPointer<UInt8>) {
  let all = parts(bytes).map { Facts.Part(title: $0.title, content: $0.content) }
  for isWhole in [true, false] {
    let facts = Facts(parts: all, isWhole: isWhole)
    precondition(Facts(items: facts.items) == facts, "kept facts differ")
    precondition(FactChanges(from: facts, to: facts).isEmpty)
    precondition(
      FactChanges(from: Facts(), to: facts).events.count <= 3 * Facts.Kind.allCases.count)
  }
  _ = Facts(items: [Array(bytes)])
}

private func readCollection(_ bytes: UnsafeBufferPointer<UInt8>) {
  guard let (policy, needs) = collected else { return }
  let parts = parts(bytes).map { HostCollection.Part(title: $0.title, content: $0.content) }
  let whole = HostCollection(needs, parts: parts, isCut: false, isWhole: true)
  for check in policy.evaluate(whole, allowed: AllowedCommands()).checks {
    _ = check.verdict
  }
  for record in whole.records {
    precondition(HostCollection.Record(bytes: record.bytes) == record)
  }
  _ = HostCollection.Record(bytes: Array(bytes))
}
