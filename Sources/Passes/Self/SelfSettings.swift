internal import Engine
internal import Configuration
internal import IPMI
internal import Probes

/// The section `self` of scrape.yml: the witnesses of the scraper's network, and the dead-man ping.
struct SelfSettings: Sendable {
  /// The gateway to check.
  enum Gateway: Sendable, Equatable {
    /// That of the default route.
    case auto
    case off
    case address(String)
  }

  /// The dead-man ping: a URL requested after each complete pass.
  struct DeadMan: Sendable {
    var url: URL
    var every: Duration = .seconds(60)
    var method = "GET"

    /// A secret, never printed: whoever knows the URL can send pings in our name.
    enum URL: Sendable {
      case clear(String)
      case secret(Secret)
    }
  }

  var isOn = true
  var gateway = Gateway.auto
  var asksNameServers = true
  var watchesClock = true
  /// Numeric addresses that are always reachable.
  var anchors: [String] = []
  var deadMan: DeadMan?

  /// The self-checks to make.
  func has(_ check: String) -> Bool {
    switch check {
    case "network": isOn
    case "gateway": isOn && gateway != .off
    case "resolver": isOn && asksNameServers
    case "clock": isOn && watchesClock
    // Unfinished passes and faulty files do not depend on the network.
    case "pass", SelfReading.configuration: true
    default: false
    }
  }

  /// Reads the section `self`; without it all checks are on.
  init(_ node: Node?, _ findings: inout Findings) {
    guard let node, !node.isNull else { return }
    if node.text != nil, let isOn = node.asBoolean {
      self.isOn = isOn
      return
    }
    var fields = Fields("self", at: node)
    take(&fields)
    fields.finish(into: &findings)
  }

  private mutating func take(_ fields: inout Fields) {
    fields.set(
      &gateway, "gateway", Self.gateway,
      "Gateway to check: that of the default route, or an address.",
      example: "10.0.0.1")
    fields.set(
      &asksNameServers, "resolver", Self.switched, "Checks the name servers, if hosts have names.")
    fields.set(
      &watchesClock, "clock", Self.switched, "Checks the clock of this machine.")
    fields.set(
      &anchors, "anchors", Self.addresses,
      "Addresses that are always reachable: if one answers, the scraper is not cut off.")
    deadMan = fields.nested(
      "deadman", otherwise: "none", "URL that is requested after each good pass.",
      example: "{url: \"${DEADMAN_URL}\", every: 1m}"
    ) { DeadMan(&$0) }
  }

  /// The settings of `self:`.
  static var reference: Reference {
    Reference("`self`", "Checks of the scraper itself; `self: off` disables all.") { fields in
      var findings = Findings()
      var settings = SelfSettings(nil, &findings)
      settings.take(&fields)
    }
  }

  private static var switched: SettingType<Bool> {
    SettingType("`auto` or `off`", example: "off", show: { _ in "`auto`" }) {
      node, what throws(ConfigurationError) in try isAuto(node, what)
    }
  }

  private static var gateway: SettingType<Gateway> {
    SettingType("`auto`, `off` or IP address", example: "10.0.0.1", show: { _ in "`auto`" }) {
      node, _ throws(ConfigurationError) in
      if node.text == "auto" { return .auto }
      return node.asBoolean == false ? .off : .address(try number(node))
    }
  }

  private static var addresses: SettingType<[String]> {
    SettingType("list of at most 16 IP addresses", example: "[10.0.6.1]") {
      node, what throws(ConfigurationError) in
      var all: [String] = []
      for word in try node.words(what) { all.append(try number(word)) }
      guard all.count <= 16 else { throw ConfigurationError("more than 16 anchors", at: node) }
      return all
    }
  }

  private static func isAuto(_ node: Node, _ what: String) throws(ConfigurationError) -> Bool {
    if node.text == "auto" { return true }
    guard node.asBoolean == false else {
      throw unknown(what, node, among: ["auto", "off"])
    }
    return false
  }

  private static func number(_ node: Node) throws(ConfigurationError) -> String {
    let text = try node.string("address")
    guard Dial.number(text) != nil else {
      throw ConfigurationError(
        "not an address in numbers", at: node, hint: "a name needs a name server: write 10.0.0.1")
    }
    return text
  }

  fileprivate static func url(_ node: Node) throws(ConfigurationError) -> DeadMan.URL {
    let text = try node.string("url")
    if ["${", "file:", "credential:"].contains(where: { text.hasPrefix($0) }) {
      return .secret(try Secret(node, "url"))
    }
    guard DeadMan.place(of: text) != nil else {
      // Without the line of the file: even a wrong URL may be a secret.
      var error = ConfigurationError(
        "url of deadman is none of http:// or https://, or holds a user or blanks",
        file: node.mark.file, hint: "https://hc.example/ping/…, or ${NAME}")
      error.line = node.mark.line
      throw error
    }
    if let problem = serverProblem(of: text) {
      var error = ConfigurationError(
        "url of deadman \(problem)", file: node.mark.file, hint: "https://hc.example/ping/…")
      error.line = node.mark.line
      throw error
    }
    return .clear(text)
  }
}

extension SelfSettings.DeadMan {
  fileprivate init?(_ fields: inout Fields) {
    let type = SettingType<URL>("URL, or secret", example: "\"${DEADMAN_URL}\"") {
      node, _ throws(ConfigurationError) in try SelfSettings.url(node)
    }
    let url = fields.require("url", type, "URL; only its server is ever printed.")
    let every = fields.take(
      "every", .interval(), default: .seconds(60), "Least time between two requests.")
    let method = fields.take(
      "method", .choice(["GET", "POST", "HEAD", "PUT"]), default: "GET", "Method of the request.",
      example: "POST")
    guard let url else { return nil }
    self.init(url: url, every: every, method: method)
  }

  /// The printable part of a URL: scheme and server; nil if the URL is not http:// or https://.
  static func place(of url: String) -> String? {
    guard let scheme = ["http://", "https://"].first(where: { url.hasPrefix($0) }),
      url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else { return nil }
    let server = url.utf8.dropFirst(scheme.utf8.count).prefix {
      $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
    }
    guard !server.isEmpty, !server.contains(UInt8(ascii: "@")) else { return nil }
    return scheme + String(decoding: server, as: UTF8.self)
  }
}
