public import Configuration
internal import Metrics

/// The spool of another monitor in a segment without a route, as the inventory describes it: on the
/// host where that monitor runs, below `spool:`.
public struct SpoolSettings: Sendable {
  /// The folder on that host, absolute; nil for a spool that is only imported by hand.
  public var path: String?
  /// The hosts that come through it, as a pattern.
  var hosts = ""
  /// Stands before each name of the other monitor's inventory.
  public var prefix = ""
  /// The age of the newest pass at which the hosts count as unknown.
  public var staleAfter: Duration = .seconds(600)
  /// The limit of age of points.
  public var maxAge: Duration = .seconds(30 * 86_400)
  /// Whether files are removed after they were stored.
  public var confirms = true
  /// Where the pattern is written.
  var place: Node

  init(_ fields: inout Fields, at node: Node) {
    place = node
    path = fields.take(
      "path", Self.folder, otherwise: "none: only `scrape import` reads it",
      "Folder on the host, as given to `scrape run --spool`.")
    if let hosts = fields.require(
      "hosts", Self.pattern,
      "Hosts that come through it: those of the other monitor's inventory, by the same names.")
    {
      self.hosts = hosts
      place = fields.place(of: "hosts")
    }
    fields.set(
      &prefix, "prefix", Self.prefix,
      "Stands before each name of the other inventory: `blue1-` makes `web1` `blue1-web1`.",
      example: "blue1-")
    fields.set(
      &staleAfter, "stale_after", .duration(.seconds(1) ... .seconds(366 * 86_400)),
      "Age of the newest pass at which its hosts are `unknown` and an alert fires.",
      example: "15m")
    fields.set(
      &maxAge, "max_age", .duration(.seconds(60) ... .seconds(3660 * 86_400)),
      "Points that are older are refused.", example: "30d")
    fields.set(
      &confirms, "confirm", .boolean,
      "Whether files are removed on the host after they were stored here.", example: "false")
  }

  static var reference: Reference {
    Reference(
      "`spool`",
      "On the host where a monitor in a [segment without a route](segments.md) runs.",
      example: "{path: /var/spool/scrape, hosts: seg5}"
    ) { fields in
      _ = SpoolSettings(&fields, at: fields.place(of: "hosts"))
    }
  }

  /// Reads the mapping of one host.
  static func decode(_ node: Node, _ findings: inout Findings) -> SpoolSettings? {
    var fields = Fields("spool", at: node)
    let settings = SpoolSettings(&fields, at: node)
    return fields.finish(into: &findings) ? settings : nil
  }

  private static var folder: SettingType<String> {
    SettingType("absolute path", example: "/var/spool/scrape") {
      node, what throws(ConfigurationError) in
      let text = try node.string(what)
      guard text.hasPrefix("/"), text.utf8.count <= 1024,
        text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
      else {
        throw ConfigurationError(
          "\(what) is no absolute path", at: node, hint: "it is a folder of the host")
      }
      return text
    }
  }

  private static var pattern: SettingType<String> {
    SettingType("pattern", example: "\"seg5,!sw1\"") { node, what throws(ConfigurationError) in
      try node.string(what)
    }
  }

  private static var prefix: SettingType<String> {
    SettingType("text", example: "blue1-", show: { $0.isEmpty ? "none" : "`\($0)`" }) {
      node, what throws(ConfigurationError) in
      let text = try node.string(what)
      guard text.utf8.count <= 100,
        text.utf8.allSatisfy({
          (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
            || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_")].contains($0)
        })
      else {
        throw ConfigurationError(
          "\(what) is no beginning of a name", at: node, hint: "letters, digits, - . _")
      }
      return text
    }
  }
}

/// A spool with the hosts that come through it.
public struct Spool: Sendable {
  /// The host where the other monitor runs.
  public let carrier: Host
  public let settings: SpoolSettings
  /// The names of its hosts in this inventory.
  public let hosts: Set<String>
}

extension Inventory {
  /// The spool through which the host comes; nil for one that this monitor asks itself.
  public func spool(of host: String) -> Spool? {
    spools.first { $0.hosts.contains(host) }
  }

  /// The spool on that host.
  public func spool(on carrier: String) -> Spool? {
    spools.first { $0.carrier.name == carrier }
  }

  /// The inventory with its spools, and with hosts behind them that refuse to be asked.
  public func withSpools(_ findings: inout Findings) -> Inventory {
    let carriers = hosts.filter { $0.spool != nil }
    guard !carriers.isEmpty else { return self }
    var members: [String: Set<String>] = [:]
    for carrier in carriers {
      guard let settings = carrier.spool else { continue }
      do throws(ConfigurationError) {
        members[carrier.name] = Set(try select(settings.hosts).map(\.name))
      } catch {
        findings.add(
          ConfigurationError("spool: \(error.problem)", at: settings.place, hint: error.hint))
      }
    }
    // The spool of a host that comes through another spool is read by that one's monitor.
    let inner = Set(
      carriers.map(\.name).filter { name in
        members.contains { $0.key != name && $0.value.contains(name) }
      })
    var owners: [String: String] = [:]
    for carrier in carriers where !inner.contains(carrier.name) {
      guard let settings = carrier.spool else { continue }
      for host in hosts where members[carrier.name]?.contains(host.name) == true {
        if let other = owners[host.name] {
          findings.add(
            ConfigurationError(
              "\(host.name) comes through the spools of \(other) and \(carrier.name)",
              at: settings.place, hint: "a host belongs to one of them"))
          break
        }
        owners[host.name] = carrier.name
      }
    }
    for carrier in carriers where inner.contains(carrier.name) {
      guard let settings = carrier.spool else { continue }
      let outside = (members[carrier.name] ?? []).filter { owners[$0] == nil }.sorted()
      if owners[carrier.name] == nil {
        findings.add(
          ConfigurationError(
            "the spools of \(carrier.name) and others contain each other", at: settings.place))
      } else if let first = outside.first {
        findings.add(
          ConfigurationError(
            "\(first) comes through \(carrier.name), which comes through another spool itself",
            at: settings.place,
            hint: "add \(first) to `hosts` of the spool of \(owners[carrier.name] ?? "")"))
      }
    }
    let spools = carriers.compactMap { carrier -> Spool? in
      guard let settings = carrier.spool, !inner.contains(carrier.name) else { return nil }
      return Spool(
        carrier: carrier, settings: settings,
        hosts: Set(owners.filter { $0.value == carrier.name }.keys))
    }
    let refusing = hosts.map { host -> Host in
      guard let owner = owners[host.name], owner != host.name else { return host }
      var host = host
      host.refusal = "comes through the spool of \(owner), and is asked by the monitor there only"
      return host
    }
    return Inventory(
      hosts: refusing, groups: groups, warnings: warnings, files: files, isWhole: isWhole,
      sshConfig: sshConfig, spools: spools)
  }
}
