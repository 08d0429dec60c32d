public import Configuration

/// How a host's BMC is reached, as its inventory's `bmc:` says.
///
/// Written as an address, or as a mapping; the mappings of the host and of its groups add up, the more
/// specific winning key by key, so that a group may name the user and each host its address.
public struct BMCSettings: Sendable, Equatable {
  /// FreeIPMI's word for the protocol (freeipmi.conf(5)): IPMI 2.0 over RMCP+, or IPMI 1.5.
  public enum Driver: String, Sendable, CaseIterable {
    case lan20 = "lan_2_0"
    case lan
  }

  /// The privilege of the session (IPMI v2.0, 6.8).
  public enum Privilege: String, Sendable, CaseIterable {
    case user, `operator`, admin
  }

  /// What some BMCs need, by FreeIPMI's words (freeipmi(7), WORKAROUNDS).
  public struct Workarounds: Sendable, Equatable {
    /// In the order of the inventory, known words only.
    public var words: [String] = []

    /// Of a session of IPMI 2.0; their flags stand in `Sources/Targets/IPMI/Workarounds.swift`.
    static let ofSession = [
      "authcap", "intel20", "supermicro20", "sun20", "opensesspriv", "integritycheckvalue",
      "nochecksumcheck",
    ]
    /// Of a session of IPMI 1.5.
    static let ofLAN = [
      "authcap", "idzero", "forcepermsg", "unexpectedauth", "endianseq", "noauthcodecheck",
      "nochecksumcheck",
    ]
    /// Of reading sensors (ipmi-sensors(8)): a reading although scanning is off; sensors of other
    /// controllers asked of the BMC itself.
    static let ofSensors = ["ignorescanningdisabled", "assumebmcowner"]

    static var all: [String] {
      var words = ofSession
      for word in ofLAN + ofSensors where !words.contains(word) { words.append(word) }
      return words
    }

    public var ignoresScanning: Bool { words.contains("ignorescanningdisabled") }
    public var assumesOwner: Bool { words.contains("assumebmcowner") }
  }

  /// A name or an IP address without brackets.
  public var address: String
  public var port = 623
  /// Nil is the user without a name.
  public var user: String?
  public var password: Secret?
  /// The BMC's own key K_g, where it has one: text, or hexadecimal after `0x`.
  public var key: Secret?
  /// Nil tries 17 (SHA-256) and then 3 (SHA-1), of which every BMC since 2013 has one.
  public var cipherSuite: UInt8?
  public var privilege = Privilege.user
  public var driver = Driver.lan20
  public var workarounds = Workarounds()
  /// How long the BMC may be silent before it counts as gone.
  public var timeout: Duration = .seconds(4)
  /// When a command is sent again; it must be longer than the BMC's slowest answer.
  public var retransmit: Duration = .seconds(1)
  /// How long reading one BMC may take in all.
  public var deadline: Duration = .seconds(25)
  /// The time between two readings; zero is each pass.
  public var every: Duration = .seconds(60)

  init(address: String) { self.address = address }

  /// The user as people read it.
  public var userText: String { user.map { "\"\($0)\"" } ?? "without a name" }

  /// FreeIPMI takes these cipher suites (IPMI v2.0, table 22-20).
  static let suites = [0, 1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17]

  static let keys = [
    "address", "port", "user", "password", "k_g", "cipher_suite", "privilege", "driver",
    "workarounds", "timeout", "retransmit", "deadline", "every",
  ]

  /// Reads the values of one host, the most specific first; nil where none of them has an address.
  static func decode(
    _ levels: [Node], address: (Node, String) throws(ConfigurationError) -> String,
    _ findings: inout Findings
  ) -> BMCSettings? {
    var values: [String: Node] = [:]
    var order: [Node.Pair] = []
    for level in levels {
      if level.isNull || level.text == "none" { break }
      if level.text != nil {
        if values["address"] == nil { values["address"] = level }
        continue
      }
      let pairs = findings.gather { findings throws(ConfigurationError) in
        try level.mapping("bmc", keys: keys, &findings)
      }
      for pair in pairs ?? [] where values[pair.name] == nil {
        values[pair.name] = pair.value
        order.append(pair)
      }
    }
    // A group may say how BMCs are asked without every host having one.
    guard let place = values["address"] else { return nil }
    guard
      let address = findings.attempt({ () throws(ConfigurationError) in
        try address(place, "bmc")
      })
    else { return nil }
    var settings = BMCSettings(address: address)
    for pair in order where !pair.value.isNull { settings.take(pair, &findings) }
    if settings.retransmit >= settings.timeout, let node = values["retransmit"] ?? values["timeout"]
    {
      findings.add(
        ConfigurationError("retransmit must be shorter than timeout", at: node))
    }
    return settings
  }

  private mutating func take(_ pair: Node.Pair, _ findings: inout Findings) {
    let value = pair.value
    switch pair.name {
    case "port":
      findings.set(&port) { () throws(ConfigurationError) in
        try value.integer("port", in: 1...65_535)
      }
    case "user":
      findings.set(&user) { () throws(ConfigurationError) in
        let name = try value.string("user")
        guard name.utf8.count <= 16 else {
          throw ConfigurationError("a BMC's user has at most 16 bytes", at: value)
        }
        return name
      }
    case "password":
      findings.set(&password) { () throws(ConfigurationError) in try Secret(value, "password") }
    case "k_g":
      findings.set(&key) { () throws(ConfigurationError) in try Secret(value, "k_g") }
    case "cipher_suite":
      if value.text == "auto" { return }
      findings.set(&cipherSuite) { () throws(ConfigurationError) in
        let suite = try value.integer("cipher_suite", in: 0...17)
        guard Self.suites.contains(suite) else {
          throw ConfigurationError(
            "FreeIPMI has no cipher suite \(suite)", at: value,
            hint: "possible: auto, \(Self.suites.map(String.init).joined(separator: ", "))")
        }
        return UInt8(suite)
      }
    case "privilege":
      findings.set(&privilege) { () throws(ConfigurationError) in
        guard let privilege = Privilege(rawValue: try value.string("privilege")) else {
          throw unknown("privilege", value, among: Privilege.allCases.map(\.rawValue))
        }
        return privilege
      }
    case "driver":
      findings.set(&driver) { () throws(ConfigurationError) in
        guard let driver = Driver(rawValue: try value.string("driver").lowercased()) else {
          throw unknown("driver", value, among: Driver.allCases.map(\.rawValue))
        }
        return driver
      }
    case "workarounds":
      let words = findings.attempt { () throws(ConfigurationError) in
        try value.words("workarounds")
      }
      for word in words ?? [] {
        guard let text = word.text, Workarounds.all.contains(text) else {
          findings.add(unknown("workaround", word, among: Workarounds.all))
          continue
        }
        workarounds.words.append(text)
      }
    case "timeout":
      findings.set(&timeout) { () throws(ConfigurationError) in
        try value.duration("timeout", in: .milliseconds(200) ... .seconds(600))
      }
    case "retransmit":
      findings.set(&retransmit) { () throws(ConfigurationError) in
        try value.duration("retransmit", in: .milliseconds(50) ... .seconds(300))
      }
    case "deadline":
      findings.set(&deadline) { () throws(ConfigurationError) in
        try value.duration("deadline", in: .milliseconds(500) ... .seconds(3600))
      }
    case "every":
      findings.set(&every) { () throws(ConfigurationError) in
        try value.interval("every")
      }
    default: break
    }
  }
}
