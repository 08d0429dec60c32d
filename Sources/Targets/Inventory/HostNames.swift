internal import Configuration
internal import Glibc

/// A name of one or many hosts: `web[01:10:2].lab`, `[2001:db8::1]:22`, `fw1:2222`.
struct HostNames {
  var names: [String]
  var port: Int?
  /// The number of values of each range of the name, for ranges in `address` that run in step.
  var sizes: [Int]

  /// The limit of hosts of one entry.
  static let limit = 65_536
  static let nameLimit = 253

  init(_ node: Node) throws(ConfigurationError) {
    let text = node.text ?? ""
    try checkCharacters(text, node)
    var name = text
    (name, port) = try splitPort(text, node)
    let pieces = try RangePieces(name, node)
    sizes = pieces.ranges.map(\.count)
    names = try pieces.expand(node, limit: Self.limit)
    for name in names { try checkName(name, node) }
  }
}

/// The rules for every name of a host or group: it lands in tags, file names and on terminals.
func checkName(_ name: String, _ node: Node) throws(ConfigurationError) {
  if name.isEmpty { throw ConfigurationError("an empty name", at: node) }
  guard name.utf8.count <= HostNames.nameLimit else {
    throw ConfigurationError("a name is at most \(HostNames.nameLimit) bytes long", at: node)
  }
  try checkCharacters(name, node)
  // A command with the name would take it as an option.
  if name.hasPrefix("-") { throw ConfigurationError("a name cannot begin with \"-\"", at: node) }
  if let byte = name.utf8.first(where: { forbidden.contains($0) }) {
    throw ConfigurationError("a name cannot hold \"\(UnicodeScalar(byte))\"", at: node)
  }
}

/// Characters with a meaning in patterns, tags or the shell.
private let forbidden = Set(",\"'/\\{}[]!&*?~@$`;|()<>#".utf8)

private func checkCharacters(_ name: String, _ node: Node) throws(ConfigurationError) {
  if name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) { return }
  for scalar in name.unicodeScalars {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      throw ConfigurationError("a name holds a control character", at: node)
    case .spaceSeparator:
      throw ConfigurationError("a name holds a space", at: node)
    default: break
    }
  }
}

/// Whether the text is an IPv4 or IPv6 address, the latter with or without a zone (`fe80::1%eth0`).
public func isAddress(_ text: String) -> Bool {
  var storage = in6_addr()
  let bare = text.prefix { $0 != "%" }
  let zone = text.dropFirst(bare.count + 1).utf8
  guard
    zone.allSatisfy({ byte in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        || "._-".utf8.contains(byte)
    })
  else { return false }
  return inet_pton(AF_INET6, String(bare), &storage) == 1 || inet_pton(AF_INET, text, &storage) == 1
}

func isIPv6(_ text: String) -> Bool { text.contains(":") && isAddress(text) }

/// Splits `:port` off the end, and removes the brackets of an IPv6 address.
private func splitPort(
  _ text: String, _ node: Node
) throws(ConfigurationError) -> (String, Int?) {
  if isIPv6(text) { return (text, nil) }
  var name = text
  var port: Int?
  if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]"), colon > text.startIndex,
    text[..<colon].count(where: { $0 == "[" }) == text[..<colon].count(where: { $0 == "]" })
  {
    let digits = text[text.index(after: colon)...]
    guard let value = Int(digits), (1...65_535).contains(value) else {
      throw ConfigurationError(
        "\"\(digits)\" is not a port", at: node, hint: "write name:22, or the address in brackets")
    }
    port = value
    name = String(text[..<colon])
  }
  if name.first == "[", name.last == "]" {
    let inside = String(name.dropFirst().dropLast())
    if isIPv6(inside) { name = inside }
  }
  return (name, port)
}

/// A text with Ansible's ranges: `a[01:10:2]b[a:f]`.
struct RangePieces {
  /// The texts around the ranges: one more than there are ranges.
  var texts: [String] = []
  var ranges: [[String]] = []

  init(_ text: String, _ node: Node) throws(ConfigurationError) {
    var rest = Substring(text)
    while let opening = rest.firstIndex(of: "[") {
      let begin = rest.index(after: opening)
      guard let closing = rest[begin...].firstIndex(of: "]") else {
        throw ConfigurationError("\"[\" without its \"]\"", at: node)
      }
      texts.append(String(rest[..<opening]))
      ranges.append(try Self.values(String(rest[begin..<closing]), node))
      guard ranges.count <= 8 else { throw ConfigurationError("too many ranges", at: node) }
      rest = rest[rest.index(after: closing)...]
    }
    guard !rest.contains("]") else { throw ConfigurationError("\"]\" without its \"[\"", at: node) }
    texts.append(String(rest))
  }

  /// The values of `01:10:2` or `a:f`, both ends included.
  private static func values(_ text: String, _ node: Node) throws(ConfigurationError) -> [String] {
    let bounds = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard bounds.count == 2 || bounds.count == 3, !bounds[1].isEmpty else {
      throw ConfigurationError(
        "\"[\(text)]\" is not a range", at: node, hint: "write [1:5], [01:10:2] or [a:f]")
    }
    let first = bounds[0].isEmpty ? "0" : bounds[0]
    let last = bounds[1]
    guard let step = bounds.count == 3 ? Int(bounds[2]) : 1, step >= 1 else {
      throw ConfigurationError("the step of \"[\(text)]\" must be 1 or more", at: node)
    }
    if let from = letter(first), let to = letter(last) {
      guard from <= to else {
        throw ConfigurationError("the range \"[\(text)]\" runs backwards", at: node)
      }
      return stride(from: from, through: to, by: step).map { String(letters[$0]) }
    }
    guard isNumber(first), isNumber(last), let from = Int(first), let to = Int(last) else {
      throw ConfigurationError(
        "\"[\(text)]\" is not a range", at: node, hint: "write [1:5], [01:10:2] or [a:f]")
    }
    let isPadded = first.count > 1 && first.hasPrefix("0")
    if isPadded, first.count != last.count {
      throw ConfigurationError(
        "\(first) and \(last) in \"[\(text)]\" are not equally long", at: node,
        hint: "pad both with zeros, as in [01:10]")
    }
    guard from <= to else {
      throw ConfigurationError("the range \"[\(text)]\" runs backwards", at: node)
    }
    guard (to - from) / step < HostNames.limit else { throw tooMany(node) }
    return stride(from: from, through: to, by: step).map { number in
      let digits = String(number)
      let zeros = isPadded ? max(0, last.count - digits.count) : 0
      return String(repeating: "0", count: zeros) + digits
    }
  }

  private static let letters = Array(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

  private static func letter(_ text: String) -> Int? {
    text.count == 1 ? text.first.flatMap { letters.firstIndex(of: $0) } : nil
  }

  private static func isNumber(_ text: String) -> Bool {
    (1...18).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  static func tooMany(_ node: Node) -> ConfigurationError {
    ConfigurationError("more than \(HostNames.limit) names", at: node)
  }

  /// All the texts, the last range running fastest.
  func expand(_ node: Node, limit: Int) throws(ConfigurationError) -> [String] {
    var total = 1
    for range in ranges {
      total = total.multipliedReportingOverflow(by: range.count).partialValue
      guard total <= limit else { throw Self.tooMany(node) }
    }
    var results = [texts[0]]
    for (index, range) in ranges.enumerated() {
      results = results.flatMap { head in range.map { head + $0 + texts[index + 1] } }
    }
    return results
  }
}

/// Expands the ranges of an `address` or `bmc` for the hosts of one name, in step with the name's.
///
/// Nil where it has no range. If it has as many ranges as the name, each runs with its counterpart; a
/// single range beside several runs over all hosts in their order.
func inStep(
  _ node: Node, with names: HostNames, _ what: String
) throws(ConfigurationError) -> [String]? {
  guard let text = node.text, text.contains("["), !isIPv6(unbracketed(text)) else { return nil }
  let pieces = try RangePieces(text, node)
  guard !pieces.ranges.isEmpty else { return nil }
  let counts = pieces.ranges.map(\.count)
  guard !names.sizes.isEmpty else {
    throw ConfigurationError(
      "\(what) has a range, the host's name has none", at: node,
      hint: "a range of addresses runs in step with a range in the name: \"web[1:3]\"")
  }
  if counts.count == names.sizes.count {
    for (own, other) in zip(counts, names.sizes) where own != other {
      throw ConfigurationError("\(what) has \(own) in its range, the name has \(other)", at: node)
    }
  } else {
    guard counts.count == 1 else {
      throw ConfigurationError(
        "\(what) has \(counts.count) ranges, the name has \(names.sizes.count)", at: node)
    }
    guard counts[0] == names.names.count else {
      throw ConfigurationError(
        "\(what) has \(counts[0]) in its range, the name stands for \(names.names.count) hosts",
        at: node)
    }
  }
  return try pieces.expand(node, limit: HostNames.limit)
}

/// `[2001:db8::1]` without its brackets.
func unbracketed(_ text: String) -> String {
  text.first == "[" && text.last == "]" && isIPv6(String(text.dropFirst().dropLast()))
    ? String(text.dropFirst().dropLast()) : text
}
