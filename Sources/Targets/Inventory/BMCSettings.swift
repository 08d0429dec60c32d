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
  /// The jump hosts to it as `Host.via` names them, empty for none; nil is the way to the host.
  public var via: String?
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
  /// When it is read; an interval of zero is each pass.
  public var schedule = Schedule(every: .seconds(60))
  /// The shortest interval.
  public var every: Duration { schedule.shortest ?? .zero }
  /// Whether it is read on the host itself, by the driver of its kernel; `address` is then the host's.
  public var isThroughHost = false

  init(address: String) { self.address = address }

  /// The user as people read it.
  public var userText: String { user.map { "\"\($0)\"" } ?? "without a name" }

  /// FreeIPMI takes these cipher suites (IPMI v2.0, table 22-20).
  static let suites = [0, 1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17]

  /// Reads the values of one host, the most specific first; nil where none of them has an address.
  static func decode(
    _ levels: [Node], _ findings: inout Findings
  ) -> BMCSettings? {
    var pairs: [Node.Pair] = []
    for level in levels {
      if level.isNull || level.text == "none" { break }
      let own =
        level.text != nil
        ? [Node.Pair(key: Node("address", like: level), value: level)]
        : findings.attempt { () throws(ConfigurationError) in try level.mapping("bmc") }
          .map { Renamed.present($0, in: "bmc", &findings) }
      // The last of a name counts.
      pairs = (own ?? []) + pairs
    }
    guard let first = levels.first else { return nil }
    var fields = Fields("bmc", at: first, pairs: pairs)
    let settings = BMCSettings(&fields)
    // A group may say how BMCs are read without every host having one.
    fields.finish(into: &findings)
    return settings
  }

  /// Takes all settings; nil without an address.
  private init?(_ fields: inout Fields) {
    let place = SettingType<String>("name or IP address", example: "10.0.7.25") {
      node, _ throws(ConfigurationError) in try HostVariables.address(node, "bmc")
    }
    let given = fields.take(
      "address", place, otherwise: "required without `through: host`",
      "Name or address of the BMC.")
    self.init(address: given ?? "")
    fields.set(&port, "port", .port, "UDP port.", example: "623")
    fields.set(
      &via, "via", Self.jumpHosts, otherwise: "the host's",
      "[Jump hosts](inventory.md#jump-hosts) to the BMC, or `none`.")
    fields.set(
      &user, "user", Self.userName, otherwise: "the user without a name",
      "Account; the privilege USER is enough.")
    fields.set(&password, "password", .secret, otherwise: "none", "Password of the user.")
    fields.set(
      &key, "k_g", .secret, otherwise: "none",
      "Key K_g of the BMC: text, or hexadecimal after `0x`.")
    fields.set(
      &cipherSuite, "cipher_suite", Self.suite,
      "Cipher suite of IPMI 2.0.")
    fields.set(
      &privilege, "privilege", .choice(),
      "Privilege of the session; some BMCs need more for DCMI power.",
      example: "operator")
    fields.set(
      &driver, "driver", Self.driverName, "IPMI 2.0 (`lan_2_0`) or IPMI 1.5 (`lan`).")
    fields.set(
      &workarounds, "workarounds", Self.workaroundWords,
      "Words of FreeIPMI for faulty BMCs; see freeipmi(7).")
    fields.set(
      &timeout, "timeout", .duration(.milliseconds(200) ... .seconds(600)),
      "Silence after which the BMC counts as unreachable.")
    fields.set(
      &retransmit, "retransmit", .duration(.milliseconds(50) ... .seconds(300)),
      "Time after which a command is sent again: longer than the slowest answer, shorter than `timeout`.",
      example: "2s")
    fields.set(
      &deadline, "deadline", .duration(.milliseconds(500) ... .seconds(3600)),
      "Time limit of one reading.", example: "40s")
    fields.set(&schedule, "every", .schedule(), "Time between two readings.")
    fields.set(
      &isThroughHost, "through", Self.throughHost,
      "`host` reads the BMC on the host itself, by `ipmitool` in an SSH session; no other setting but "
        + "`every` and `deadline` counts then.")
    guard given != nil || isThroughHost else { return nil }
    if retransmit >= timeout {
      fields.add(
        "retransmit must be shorter than timeout",
        at: fields.has("retransmit") ? "retransmit" : "timeout")
    }
  }

  private static var userName: SettingType<String> {
    SettingType("text, at most 16 bytes", example: "monitor") {
      node, what throws(ConfigurationError) in
      let name = try node.string(what)
      guard name.utf8.count <= 16 else {
        throw ConfigurationError("a BMC's user has at most 16 bytes", at: node)
      }
      return name
    }
  }

  private static var throughHost: SettingType<Bool> {
    SettingType("`host` or `network`", example: "host", show: { $0 ? "`host`" : "`network`" }) {
      node, what throws(ConfigurationError) in
      switch node.text {
      case "host": return true
      case "network": return false
      default: throw unknown(what, node, among: ["host", "network"])
      }
    }
  }

  private static var jumpHosts: SettingType<String> {
    SettingType("host or `user@host:port`, a list of them, or `none`", example: "jp1") {
      node, what throws(ConfigurationError) in try JumpHost.checked(node, what) ?? ""
    }
  }

  private static var suite: SettingType<UInt8?> {
    let names = (["auto"] + suites.map(String.init)).joined(separator: ", ")
    return SettingType<UInt8?>(
      "`auto` or \(suites.map(String.init).joined(separator: ", "))", example: "3",
      show: { _ in "`auto`: 17, then 3" }
    ) { node, what throws(ConfigurationError) in
      if node.text == "auto" { return nil }
      let suite = try node.integer(what, in: 0...17)
      guard suites.contains(suite) else {
        throw ConfigurationError(
          "FreeIPMI has no cipher suite \(suite)", at: node, hint: "possible: \(names)")
      }
      return UInt8(suite)
    }
  }

  private static var driverName: SettingType<Driver> {
    let words = Driver.allCases.map(\.rawValue)
    return SettingType(either(words), example: "lan", show: { "`\($0.rawValue)`" }) {
      node, what throws(ConfigurationError) in
      guard let driver = Driver(rawValue: try node.string(what).lowercased()) else {
        throw unknown(what, node, among: words)
      }
      return driver
    }
  }

  private static var workaroundWords: SettingType<Workarounds> {
    SettingType("list of words", example: "[opensesspriv]", show: { _ in "none" }) {
      node, what throws(ConfigurationError) in
      var all = Workarounds()
      for word in try node.words(what) {
        guard let text = word.text, Workarounds.all.contains(text) else {
          throw unknown("workaround", word, among: Workarounds.all)
        }
        all.words.append(text)
      }
      return all
    }
  }

  /// The settings of `bmc:`.
  static var reference: Reference {
    Reference(
      "`bmc`",
      "An address, or a mapping; the mappings of a host and of its groups are merged. `none` disables it."
    ) { _ = BMCSettings(&$0) }
  }
}
