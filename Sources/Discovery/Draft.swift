internal import Inventory

/// The text of an inventory in YAML with found hosts, each with what it is known by as comments.
///
/// Every name is one of `FoundName`, every other text a quoted scalar or a comment in one line: no host and
/// no file can write a line of its own.
public struct Draft {
  private let hosts: [FoundHost]
  /// Lines at the top, without `#`.
  private let heading: [String]

  public init(_ hosts: [FoundHost], heading: [String] = []) {
    self.hosts = hosts
    self.heading = heading
  }

  /// The groups of hosts without groups of their own, by what answers; the first that fits counts.
  private static let kinds: [(name: String, what: String, kinds: Set<String>)] = [
    ("databases", "a database answers", ["mysql", "postgres"]),
    ("mail", "a mail server answers", ["smtp", "imap", "pop3"]),
    ("web", "a web server or a proxy answers", ["http", "https", "proxy"]),
    ("names", "a name or time server answers", ["dns", "ntp"]),
    ("files", "a file server answers", ["ftp", "smb"]),
    ("desktops", "a screen answers", ["rdp", "vnc", "x11"]),
  ]
  private static let shells = (name: "servers", what: "SSH answers, and nothing else that is known")
  private static let others = (
    name: "others", what: "something answers that no probe knows by name"
  )
  private static let quiet = (name: "quiet", what: "answers to echo requests only")
  private static let named = (name: "hosts", what: "named in a file; not asked")

  /// The group for what answers on the host.
  static func group(of host: FoundHost) -> (name: String, what: String) {
    let kinds = Set(host.services.map(\.kind))
    if let kind = Self.kinds.first(where: { !$0.kinds.isDisjoint(with: kinds) }) {
      return (kind.name, kind.what)
    }
    if kinds.contains("ssh") { return shells }
    if !kinds.isEmpty { return others }
    return host.answersPing || host.hasBMC ? quiet : named
  }

  public var text: String {
    var lines = heading.map { "# \(FoundName.comment($0))" }
    if hosts.isEmpty {
      lines.append("all:")
      return lines.joined(separator: "\n") + "\n"
    }
    lines += [
      "all:", "  # vars: {user: monitor}        # the account to log in with", "  children:",
    ]
    let names = Set(hosts.compactMap(\.name))
    var groups: [(name: String, what: String?, hosts: [FoundHost])] = []
    var further: [(name: String, host: String)] = []
    func put(_ host: FoundHost, _ name: String, _ what: String?) {
      if let index = groups.firstIndex(where: { $0.name == name }) {
        groups[index].hosts.append(host)
      } else {
        groups.append((name, what, [host]))
      }
    }
    for host in hosts {
      if let first = host.groups.first {
        put(host, first, nil)
        further += host.groups.dropFirst().map { ($0, host.name ?? "") }
      } else {
        let group = Self.group(of: host)
        // In a pattern, one name cannot mean a host and a group.
        put(host, names.contains(group.name) ? "\(group.name)_group" : group.name, group.what)
      }
    }
    for (name, _) in further where !groups.contains(where: { $0.name == name }) {
      groups.append((name, nil, []))
    }
    let order = Self.kinds.map(\.name) + [Self.shells.name, Self.others.name, Self.quiet.name]
    func place(_ name: String) -> Int { order.firstIndex(of: name) ?? -1 }
    let sorted = groups.enumerated().sorted {
      (place($0.element.name), $0.offset) < (place($1.element.name), $1.offset)
    }.map(\.element)
    for group in sorted {
      lines.append("    \(FoundName.yaml(group.name)):" + (group.what.map { "   # \($0)" } ?? ""))
      let mute = group.hosts.filter(\.isMuteInSSH)
      if !mute.isEmpty {
        lines.append(
          "      # SSH did not answer on \(mute.count) of \(group.hosts.count). For hosts that are probed only: `profile: outside`, and"
        )
        lines.append("      # in scrape.yml `profiles: {outside: {collectors: {}}}`.")
      }
      lines.append("      hosts:")
      for host in group.hosts { lines += Self.lines(of: host, indent: "        ") }
      for (name, host) in further where name == group.name {
        lines.append("        \(FoundName.yaml(host)):")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The variables of a host, the value as YAML.
  private static func variables(of host: FoundHost) -> [(name: String, value: String)] {
    var variables: [(name: String, value: String)] = []
    if let address = host.address, address != host.name {
      variables.append(("address", FoundName.yaml(address)))
    }
    if let port = host.port, port != 22 { variables.append(("port", String(port))) }
    if let user = host.user { variables.append(("user", FoundName.yaml(user))) }
    if let via = host.via { variables.append(("via", FoundName.yaml(via))) }
    variables += host.variables
    let entries = entries(of: host)
    if !entries.isEmpty { variables.append(("probes", "[\(entries.joined(separator: ", "))]")) }
    return variables
  }

  static func entries(of host: FoundHost) -> [String] {
    var entries = host.answersPing ? ["icmp"] : []
    for service in host.asked {
      var entry = service.entry
      if service.kind == "ssh", host.port == Int(service.port) { entry = "ssh" }
      if !entries.contains(entry) { entries.append(entry) }
    }
    return entries + host.entries
  }

  private static func comments(of host: FoundHost) -> [String] {
    var comments: [String] = []
    for service in host.services where !service.detail.isEmpty || !service.isCertain {
      let name = "\(service.kind) \(service.port)"
      comments.append(
        service.isCertain
          ? "\(name): \(service.detail)"
          : "\(name): not asked or not understood\(service.detail.isEmpty ? "" : ", \(service.detail)")"
      )
    }
    let names = host.services.flatMap(\.names)
    if !names.isEmpty {
      var seen: Set<String> = []
      comments.append(
        "certificates for \(names.filter { seen.insert($0).inserted }.prefix(8).joined(separator: ", "))"
      )
    }
    if host.hasBMC {
      comments.append(
        "a BMC answers here (RMCP): write `bmc: \(host.address ?? "ADDRESS")` at the host that it controls"
      )
    }
    return (comments + host.notes).map(FoundName.comment)
  }

  private static func lines(of host: FoundHost, indent: String) -> [String] {
    let name = FoundName.yaml(host.name ?? "")
    let variables = variables(of: host)
    let more = comments(of: host).map { "\(indent)  # \($0)" }
    if more.isEmpty, variables.count < 3 {
      return ["\(indent)\(name):" + (variables.isEmpty ? "" : " \(flow(variables))")]
    }
    return ["\(indent)\(name):"] + variables.map { "\(indent)  \($0.name): \($0.value)" } + more
  }

  private static func flow(_ variables: [(name: String, value: String)]) -> String {
    "{" + variables.map { "\($0.name): \($0.value)" }.joined(separator: ", ") + "}"
  }

  /// The host in one line, and its comments, for marks in a file of hand.
  static func short(_ host: FoundHost) -> [String] {
    let variables = variables(of: host)
    return [
      "\(FoundName.yaml(host.name ?? "")):" + (variables.isEmpty ? "" : " \(flow(variables))")
    ] + comments(of: host).map { "  # \($0)" }
  }
}

extension FoundHost {
  /// Its services, each port once: a name server answers over UDP and TCP.
  var asked: [FoundService] {
    services.filter { service in
      service.isDatagram
        || !services.contains {
          $0.isDatagram && $0.port == service.port && $0.kind == service.kind
        }
    }.sorted { ($0.port, $0.kind) < ($1.port, $1.kind) }
  }

  /// Whether it was asked, and SSH is not among what answered.
  var isMuteInSSH: Bool {
    (answersPing || hasBMC || !services.isEmpty) && !services.contains { $0.kind == "ssh" }
  }
}
