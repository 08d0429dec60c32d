internal import Glibc

/// A key that has another name now.
///
/// The old name works, with a warning, in the version that renamed the key; the next one does not know it: a
/// test fails until its line is removed.
public struct Renamed: Sendable, Equatable {
  /// The mapping as errors name it: `scrape.yml`, `store`, `influxdb`, `probe http`; of mappings that have
  /// names, such as `rule "hot"`, the word before it. `inventory` for variables of hosts and groups.
  public let section: String
  public let old: String
  public let new: String
  /// The version that renamed it: `0.2`.
  public let since: String

  /// One line per rename, such as
  ///
  ///     Renamed("store", "limit", to: "size", since: "0.2"),
  ///
  /// No key was renamed so far.
  public static let table: [Renamed] = [] + planted

  /// The section of the variables of hosts and groups.
  public static let inventory = "inventory"

  public init(_ section: String, _ old: String, to new: String, since: String) {
    self.section = section
    self.old = old
    self.new = new
    self.since = since
  }

  /// Renames for tests of the command, in debug builds only: `SCRAPE_RENAMED=store/limit/size/0.2,…`.
  private static var planted: [Renamed] {
    #if DEBUG
      (getenv("SCRAPE_RENAMED").map { String(cString: $0) } ?? "").split(separator: ",").compactMap
      {
        let parts = $0.split(separator: "/").map(String.init)
        return parts.count == 4
          ? Renamed(parts[0], parts[1], to: parts[2], since: parts[3]) : nil
      }
    #else
      []
    #endif
  }

  private func applies(to what: String) -> Bool {
    what == section || what.hasPrefix("\(section) \"")
  }

  /// The rename of a key, or nil.
  static func of(_ key: String, in what: String) -> Renamed? {
    table.first { $0.old == key && $0.applies(to: what) }
  }

  /// The warning at a key that bears the old name.
  func warning(at key: Node) -> ConfigurationError {
    var warning = ConfigurationError(
      "\"\(old)\" is called \"\(new)\" since version \(since)", at: key,
      hint: "write \"\(new)\"; the next version does not know \"\(old)\"")
    warning.isWarning = true
    warning.isRenamed = true
    return warning
  }

  /// The error at the old name where the new one is there, too.
  func conflict(at key: Node) -> ConfigurationError {
    ConfigurationError(
      "\"\(new)\" is there, too, and \"\(old)\" is its old name", at: key,
      hint: "remove \"\(old)\"")
  }

  /// The entries of a mapping by their present names, and the faults: a warning for each old name, an error
  /// where both are there.
  public static func present(
    _ pairs: [Node.Pair], in what: String
  ) -> (pairs: [Node.Pair], faults: [ConfigurationError]) {
    guard !table.isEmpty else { return (pairs, []) }
    var faults: [ConfigurationError] = []
    let present = pairs.compactMap { pair -> Node.Pair? in
      guard let rename = of(pair.name, in: what) else { return pair }
      guard !pairs.contains(where: { $0.name == rename.new }) else {
        faults.append(rename.conflict(at: pair.key))
        return nil
      }
      faults.append(rename.warning(at: pair.key))
      return Node.Pair(key: Node(rename.new, like: pair.key), value: pair.value)
    }
    return (present, faults)
  }

  /// The same with the faults as findings.
  public static func present(
    _ pairs: [Node.Pair], in what: String, _ findings: inout Findings
  ) -> [Node.Pair] {
    let (present, faults) = present(pairs, in: what)
    for fault in faults { findings.add(fault) }
    return present
  }

  /// The present name of a variable of the inventory. `others` are the keys of the same level by their
  /// present names.
  public static func variable(
    _ key: Node, among others: [String: Node], _ findings: inout Findings
  ) -> String {
    let written = key.text ?? ""
    guard !table.isEmpty else { return written }
    let rename = of(written, in: inventory)
    if let rename { findings.add(rename.warning(at: key)) }
    let name = rename?.new ?? written
    if let other = others[name], let text = other.text, text != written,
      let rename = rename ?? of(text, in: inventory)
    {
      findings.add(rename.conflict(at: text == rename.old ? other : key))
    }
    return name
  }
}

extension Node {
  /// The same value; of a mapping with the present names of its keys.
  public func renamed(in what: String, _ findings: inout Findings) -> Node {
    guard !Renamed.table.isEmpty, let pairs else { return self }
    var copy = self
    copy.content = .mapping(Renamed.present(pairs, in: what, &findings))
    return copy
  }
}
