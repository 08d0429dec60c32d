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
    // Unfinished passes do not depend on the network.
    case "pass": true
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
    let keys = ["gateway", "resolver", "clock", "anchors", "deadman"]
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("self", keys: keys, &findings)
    }
    for pair in pairs ?? [] where !pair.value.isNull {
      switch pair.name {
      case "gateway":
        findings.set(&gateway) { () throws(ConfigurationError) in try Self.gateway(pair.value) }
      case "resolver":
        findings.set(&asksNameServers) { () throws(ConfigurationError) in
          try Self.isAuto(pair.value, "resolver")
        }
      case "clock":
        findings.set(&watchesClock) { () throws(ConfigurationError) in
          try Self.isAuto(pair.value, "clock")
        }
      case "anchors":
        for word in findings.attempt({ () throws(ConfigurationError) in
          try pair.value.words("anchors")
        }) ?? [] {
          let address = findings.attempt { () throws(ConfigurationError) in try Self.number(word) }
          if let address { anchors.append(address) }
        }
        if anchors.count > 16 {
          findings.add(ConfigurationError("more than 16 anchors", at: pair.value))
        }
      default: deadMan = Self.deadMan(pair.value, &findings)
      }
    }
  }

  private static func isAuto(_ node: Node, _ what: String) throws(ConfigurationError) -> Bool {
    if node.text == "auto" { return true }
    guard node.asBoolean == false else {
      throw unknown(what, node, among: ["auto", "off"])
    }
    return false
  }

  private static func gateway(_ node: Node) throws(ConfigurationError) -> Gateway {
    if node.text == "auto" { return .auto }
    return node.asBoolean == false ? .off : .address(try number(node))
  }

  private static func number(_ node: Node) throws(ConfigurationError) -> String {
    let text = try node.string("address")
    guard OwnQuestions.number(text) != nil else {
      throw ConfigurationError(
        "not an address in numbers", at: node, hint: "a name needs a name server: write 10.0.0.1")
    }
    return text
  }

  private static func deadMan(_ node: Node, _ findings: inout Findings) -> DeadMan? {
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("deadman", keys: ["url", "every", "method"], &findings)
    }
    var url: DeadMan.URL?
    var every: Duration?
    var method: String?
    for pair in pairs ?? [] {
      switch pair.name {
      case "url":
        url = findings.attempt { () throws(ConfigurationError) in try Self.url(pair.value) }
        if url == nil { return nil }
      case "every":
        every = findings.attempt { () throws(ConfigurationError) in
          try pair.value.interval("every")
        }
      default:
        method = findings.attempt { () throws(ConfigurationError) in
          let methods = ["GET", "POST", "HEAD", "PUT"]
          guard let text = pair.value.text, methods.contains(text) else {
            throw unknown("method", pair.value, among: methods)
          }
          return text
        }
      }
    }
    guard let url else {
      findings.add(ConfigurationError("deadman has no url", at: node))
      return nil
    }
    var deadMan = DeadMan(url: url)
    if let every { deadMan.every = every }
    if let method { deadMan.method = method }
    return deadMan
  }

  private static func url(_ node: Node) throws(ConfigurationError) -> DeadMan.URL {
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
