import Configuration
import Policies

/// Policies, and the files and output of hosts that their patterns read.
let policyTargets: [String: FuzzTarget] = ["policy": readPolicy, "rule": tryRule]

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
