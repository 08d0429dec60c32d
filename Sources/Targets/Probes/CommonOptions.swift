internal import Engine
public import Configuration
internal import Inventory
internal import Metrics

/// The options that every probe has.
struct CommonOptions {
  let port: UInt16?
  let address: String?
  /// The name of the host's address to ask: `public`.
  let path: String?
  /// The local address to ask from.
  let source: Dial.Address?
  /// Whether a host behind a jump host is asked from this machine all the same.
  let isAtCentre: Bool
  /// 4 or 6: only that version of IP.
  let version: Int?
  let timeout: Duration?
  let patience: Patience?
  let schedule: Schedule?
  let severity: Severity?
  let name: String?
  /// Whether the service counts in `service_summary`.
  let isCounted: Bool

  /// `addresses` are the names of the addresses that hosts of the inventory have; nil if unknown.
  init(of kind: any Probe.Type, addresses: Set<String>? = nil, _ options: inout Fields) {
    name = options.take(
      "name", Self.serviceName, otherwise: "the entry as written",
      "Name of the service, in the tag `service`.", example: "login-page")
    port = Self.port(of: kind, &options)
    address = options.take(
      "address", Self.address, otherwise: "the host's", "Name or address to ask.")
    path = options.take(
      "at", Self.path(addresses), otherwise: "the host's `address`",
      "Which address of the host to ask: `public` for its `public_address`, else a name of its "
        + "`addresses`; the tag `path`. Short form `https@public`.")
    if path != nil, self.address != nil {
      options.add("\(options.what) has two addresses", at: "at", hint: "remove address or at")
    }
    version = options.take(
      "ip", Self.version, otherwise: "either", "Version of IP: only its addresses are asked.")
    timeout = options.take(
      "timeout", .duration(.milliseconds(10) ... .seconds(600)),
      otherwise: "`\(ProbePlan.timeout.text)`", "Time limit.")
    patience = options.take(
      "for", .patience, otherwise: "`targets: {for: …}`",
      "Passes or time before a worse state takes effect.")
    schedule = options.take(
      "every", .schedule(), otherwise: "each pass", "Time between two checks.")
    severity = options.take(
      "findings", .severity, otherwise: "`findings` of scrape.yml",
      "Severity of an open display, a log-in without a password, an untrusted certificate.")
    isCounted = options.take(
      "summary", .boolean, default: true,
      "Whether the service counts in `service_summary` and in scores; it is checked and alerted on all the same."
    )
    if kind.carrier.canBeClosed {
      // The reader of the entry has read it: the short form has it, too.
      _ = options.take(
        "closed", .boolean, default: false,
        "The service is good if nothing answers; for probes with a port, and `icmp`.")
    }
    let from = options.take(
      "from", Self.origin, otherwise: "the jump host, if there is one; the address of the route",
      "`centre`: this machine, also if the host is behind a jump host. Or an address of this machine; "
        + "for \(Self.binding).")
    isAtCentre = from == .centre
    guard case .address(let address) = from else {
      source = nil
      return
    }
    source = address
    if !kind.canBind {
      options.add(
        "\(options.what) cannot choose the address that it asks from", at: "from",
        hint: "write from: centre")
    }
  }

  /// Where a probe is asked from.
  private enum Origin: Sendable, Equatable {
    case centre
    case address(Dial.Address)
  }

  /// The probes that can choose the address to ask from.
  private static let binding = Probes.all.filter { $0.canBind }.map { "`\($0.name)`" }
    .joined(separator: ", ")

  private static var serviceName: SettingType<String> {
    SettingType("text", example: "login-page") { node, what throws(ConfigurationError) in
      let text = try node.string(what)
      guard !text.isEmpty, text.utf8.count <= 128, !text.utf8.contains(where: { $0 < 0x20 }) else {
        throw ConfigurationError("the name of a service is one line of at most 128 bytes", at: node)
      }
      return text
    }
  }

  private static var address: SettingType<String> {
    SettingType("name or IP address", example: "10.0.6.12") {
      node, what throws(ConfigurationError) in
      let text = try node.string(what)
      guard !text.isEmpty, text.utf8.count <= 253,
        text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") })
      else { throw ConfigurationError("not an address", at: node) }
      return text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
    }
  }

  private static func path(_ known: Set<String>?) -> SettingType<String> {
    SettingType("name of an address", example: "public") { node, what throws(ConfigurationError) in
      let name = try node.string(what)
      if known?.contains(name) != false { return name }
      if name == Host.publicAddress {
        throw ConfigurationError(
          "no host has a public address", at: node, hint: "write public_address: beside address:")
      }
      throw unknown("address", node, among: (known ?? []).sorted())
    }
  }

  private static var origin: SettingType<Origin> {
    SettingType("`centre`, or IP address", example: "centre") {
      node, what throws(ConfigurationError) in
      let text = try node.string(what)
      if text == "centre" { return .centre }
      guard let source = Dial.number(text) else {
        throw ConfigurationError(
          "from must be an IP address of this machine, or \"centre\"", at: node)
      }
      return .address(source)
    }
  }

  private static var version: SettingType<Int> {
    SettingType("`4` or `6`", example: "4") { node, what throws(ConfigurationError) in
      let version = try node.integer(what, in: 4...6)
      guard version != 5 else { throw ConfigurationError("ip must be 4 or 6", at: node) }
      return version
    }
  }

  private static func port(of kind: any Probe.Type, _ options: inout Fields) -> UInt16? {
    let type = SettingType<UInt16?>("port or name of a service", example: "8080") {
      node, what throws(ConfigurationError) in
      guard kind.carrier.hasPorts else {
        throw ConfigurationError("probe \(kind.name) has no port", at: node)
      }
      guard let port = node.text.flatMap(kind.port) else {
        throw ConfigurationError(
          "\"\(node.text ?? "")\" is no port", at: node,
          hint: "a number from 1 to 65535, or a name of /etc/services")
      }
      return port
    }
    if !options.has("port"), kind.carrier.hasPorts, kind.defaultPort == nil {
      options.add("\(options.what) needs a port", hint: "write \(kind.name):PORT")
    }
    return options.take(
      "port", type, otherwise: "that of the protocol", "Port; short form `http:8080`.")
      ?? kind.defaultPort
  }
}

extension Probes {
  /// The options of every probe, then those of each.
  public static var references: [Reference] {
    [
      Reference("Every probe", "An entry of `probes:` or `modules:`, for any probe.") { options in
        _ = CommonOptions(of: TCPProbe.self, &options)
      }
    ]
      + all.map { kind in
        Reference("Probe `\(kind.name)`", kind.summary, noun: "option") { _ = kind.init(&$0) }
      }
  }
}
