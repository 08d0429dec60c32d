internal import Inventory
internal import Probes

/// A host that a source names or that answered, before it is an entry of an inventory.
///
/// `name`, `groups` and the names of variables are harmless in YAML (see `FoundName`); all other texts may
/// be a host's own words and are quoted or put into a comment by `Draft`.
public struct FoundHost: Sendable, Equatable {
  public var name: String?
  /// Whether the host alone says so, in its certificate: then it is no proof that it is the host of that name.
  public var isNamedByItself = false
  /// A number, or a name that the system looks up; nil where the name itself is the address.
  public var address: String?
  /// The port of SSH; nil for 22, or where nothing is known.
  public var port: Int?
  public var user: String?
  public var via: String?
  public var groups: [String] = []
  public var services: [FoundService] = []
  public var answersPing = false
  /// Whether a management controller answered in RMCP.
  public var hasBMC = false
  /// Further variables, the value as YAML.
  public var variables: [(name: String, value: String)] = []
  /// Further entries of `probes:`, as YAML.
  public var entries: [String] = []
  /// Remarks, which become comments.
  public var notes: [String] = []

  public init(name: String? = nil, address: String? = nil) {
    self.name = name
    self.address = address
  }

  public static func == (left: FoundHost, right: FoundHost) -> Bool {
    left.name == right.name && left.address == right.address && left.port == right.port
      && left.user == right.user && left.via == right.via && left.groups == right.groups
      && left.services == right.services && left.answersPing == right.answersPing
      && left.hasBMC == right.hasBMC && left.entries == right.entries && left.notes == right.notes
      && left.variables.map(\.name) == right.variables.map(\.name)
      && left.variables.map(\.value) == right.variables.map(\.value)
  }

  /// Takes what the other source knows of the same host.
  mutating func merge(_ other: FoundHost) {
    name = name ?? other.name
    address = address ?? other.address
    port = port ?? other.port
    user = user ?? other.user
    via = via ?? other.via
    answersPing = answersPing || other.answersPing
    hasBMC = hasBMC || other.hasBMC
    for group in other.groups where !groups.contains(group) { groups.append(group) }
    for entry in other.entries where !entries.contains(entry) { entries.append(entry) }
    for note in other.notes where !notes.contains(note) { notes.append(note) }
    for variable in other.variables where !variables.contains(where: { $0.name == variable.name }) {
      variables.append(variable)
    }
    for service in other.services {
      guard
        let index = services.firstIndex(where: {
          $0.port == service.port && $0.isDatagram == service.isDatagram
        })
      else {
        services.append(service)
        continue
      }
      if !services[index].isCertain, service.isCertain { services[index] = service }
    }
  }
}

/// A service of a found host.
public struct FoundService: Sendable, Equatable {
  /// The probe that speaks its protocol; `tcp` where that is unknown.
  public var kind: String
  public var port: UInt16
  public var isDatagram = false
  /// TLS from the first byte, where the port does not say so.
  public var isTLS = false
  /// Whether it spoke its protocol; else its name is that of its port.
  public var isCertain = true
  /// What it says of itself.
  public var detail = ""
  /// The names in its certificate.
  public var names: [String] = []

  public init(_ kind: String, _ port: UInt16, detail: String = "", isCertain: Bool = true) {
    self.kind = kind
    self.port = port
    self.detail = detail
    self.isCertain = isCertain
  }

  /// The entry of `probes:` as YAML.
  public var entry: String {
    let usual = Probes.all.first { $0.name == kind }?.defaultPort
    switch kind {
    case "dns" where !isDatagram:
      return usual == port
        ? "{dns: {protocol: tcp}}" : "{dns: {port: \(port), protocol: tcp}}"
    case "smtp" where isTLS && port != 465, "imap" where isTLS && port != 993,
      "pop3" where isTLS && port != 995:
      return "{\(kind): {port: \(port), security: tls}}"
    case "x11" where port > 6000 && port < 6064: return "\"x11:\(port - 6000)\""
    case "x11" where port == 6000: return kind
    default: return usual == port ? kind : "\"\(kind):\(port)\""
    }
  }
}

/// What one source says.
public struct FoundList: Sendable, Equatable {
  public var hosts: [FoundHost] = []
  /// What the source has that cannot be taken over, for people.
  public var notes: [String] = []
  /// Addresses that were asked and did not answer.
  public var silent: [String] = []

  public init() {}
}

/// The hosts of all sources, each once.
public struct FoundHosts: Sendable {
  public private(set) var hosts: [FoundHost] = []
  private var addresses: [String: [Int]] = [:]
  private var names: [String: Int] = [:]

  public init() {}

  /// Adds a host, or what is new of one that is there: with the same address (and port of SSH), else with
  /// the same name where one of them has no address.
  public mutating func add(_ host: FoundHost) {
    var host = host
    if let address = host.address {
      for index in addresses[address] ?? [] {
        let own = hosts[index]
        if own.port == nil || host.port == nil || own.port == host.port {
          return merge(host, at: index)
        }
      }
    }
    if let name = host.name, let index = names[name] {
      if !host.isNamedByItself, !hosts[index].isNamedByItself,
        hosts[index].address == nil || host.address == nil
      {
        return merge(host, at: index)
      }
      host.name = unique("\(name)-\(FoundName.dashed(host.address ?? "2"))")
    }
    if host.name == nil { host.name = unique("host-\(FoundName.dashed(host.address ?? "1"))") }
    hosts.append(host)
    note(hosts.count - 1)
  }

  /// Sets a further variable of a host.
  mutating func set(_ variable: String, _ value: String, at index: Int) {
    hosts[index].variables.removeAll { $0.name == variable }
    hosts[index].variables.append((variable, value))
  }

  private mutating func merge(_ host: FoundHost, at index: Int) {
    // A name that was made from the address is none yet.
    if let address = hosts[index].address, let name = host.name, names[name] == nil,
      hosts[index].name == "host-\(FoundName.dashed(address))"
    {
      hosts[index].name = name
    }
    hosts[index].merge(host)
    note(index)
  }

  private mutating func note(_ index: Int) {
    if let address = hosts[index].address, addresses[address]?.contains(index) != true {
      addresses[address, default: []].append(index)
    }
    if let name = hosts[index].name { names[name] = index }
  }

  private func unique(_ name: String) -> String {
    if names[name] == nil { return name }
    var number = 2
    while names["\(name)-\(number)"] != nil { number += 1 }
    return "\(name)-\(number)"
  }
}
