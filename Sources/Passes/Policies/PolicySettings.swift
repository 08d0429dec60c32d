internal import Configuration
internal import Inventory
public import Metrics
internal import Policies
internal import Glibc

/// One entry of `policies:` in scrape.yml: a policy, the hosts that must meet it, and how often.
public struct PolicySettings: Sendable {
  public let name: String
  /// The file, from the folder of scrape.yml.
  public var file: String
  /// The hosts; nil where only the inventory's `policies` names it, or where it is for all.
  var hosts: Set<String>?
  var every: Duration = .seconds(3600)
  /// The severity of failed checks; ok makes no check of the host of it.
  public var severity = Severity.minor
  var dialect: Dialect?
  /// Programs that it may run beside those that are known to only read.
  var allow: [String] = []

  /// Where the policies of the package are.
  static let folder = "/usr/share/scrape/policies"

  /// Reads the section `policies`.
  static func all(
    _ node: Node?, _ inventory: Inventory, from folder: String, _ findings: inout Findings
  ) -> [PolicySettings] {
    guard let node, !node.isNull else { return [] }
    let pairs = findings.attempt { () throws(ConfigurationError) in try node.mapping("policies") }
    return (pairs ?? []).compactMap { pair in
      guard
        findings.attempt({ () throws(ConfigurationError) in
          try Self.check(pair.name, pair.key)
        }) != nil
      else { return nil }
      if pair.value.isNull { return PolicySettings(pair.name, from: folder) }
      return findings.decode("policy \"\(pair.name)\"", pair.value) {
        PolicySettings(pair.name, &$0, inventory, from: folder)
      }
    }
  }

  /// A name is a tag and a part of the names of checks.
  private static func check(_ name: String, _ node: Node) throws(ConfigurationError) {
    let isName =
      !name.isEmpty && name.utf8.count <= 64
      && name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
      }
    guard isName else {
      throw ConfigurationError(
        "\"\(name)\" is not the name of a policy", at: node,
        hint: "letters, digits, \"-\", \"_\" and \".\", at most 64")
    }
  }

  /// A policy with its defaults: `NAME.yml` in `policies/` beside scrape.yml, else the package's.
  init(_ name: String, from base: String) {
    self.name = name
    let own = "\(base)/policies/\(name).yml"
    file = access(own, F_OK) == 0 ? own : "\(Self.folder)/\(name).yml"
    if access(file, F_OK) != 0 { file = own }
  }

  /// A file that the inventory or a command names.
  public init(file path: String, from base: String = ".") {
    let last = path.split(separator: "/").last.map(String.init) ?? path
    name = last.hasSuffix(".yml") ? String(last.dropLast(4)) : last
    file = path.hasPrefix("/") ? path : "\(base)/\(path)"
  }

  private init(
    _ name: String, _ fields: inout Fields, _ inventory: Inventory?, from base: String
  ) {
    self.init(name, from: base)
    let path = fields.take(
      "file", .text("path"), otherwise: "`policies/NAME.yml`, else that of the package",
      "The policy's file, of Wazuh SCA or ours.", example: "policies/cis_debian12.yml")
    if let path { file = path.hasPrefix("/") ? path : "\(base)/\(path)" }
    let pattern = fields.take(
      "hosts", .text("pattern", example: "web*"),
      otherwise: "all, or those whose `policies` names it",
      "Hosts that must meet it.")
    fields.set(
      &every, "every", .interval(), "Time between two evaluations; each reads what it needs.",
      example: "6h")
    fields.set(
      &severity, "severity", .severity,
      "Severity of the check `policy NAME` of a host while checks fail; `ok` for points and events only."
    )
    dialect = fields.take(
      "dialect", Self.dialectType, otherwise: "that of the file",
      "The generation of Wazuh whose rules apply.", example: "4")
    fields.set(
      &allow, "allow", .words("list of programs", example: "[postconf]"),
      "Programs that it may run beside those that only read, with any arguments; `sh` allows `sh:`."
    )
    guard !fields.isReference, let pattern, let inventory else { return }
    do throws(ConfigurationError) {
      hosts = Set(try inventory.select(pattern).map(\.name))
    } catch {
      fields.add(error.problem, at: "hosts", hint: error.hint)
    }
  }

  private static var dialectType: SettingType<Dialect> {
    SettingType("`4` or `5`", example: "4") { node, what throws(ConfigurationError) in
      guard let dialect = node.text.flatMap(Dialect.init(text:)) else {
        throw unknown(what, node, among: ["4", "5"])
      }
      return dialect
    }
  }

  /// The settings of a policy.
  static var reference: Reference {
    Reference(
      "`policies.NAME`",
      "A policy that hosts must meet; see [policies](policies.md). `NAME:` alone takes all defaults."
    ) { fields in
      _ = PolicySettings("NAME", &fields, nil, from: ".")
    }
  }
}
