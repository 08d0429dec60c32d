internal import Charts
public import Configuration
internal import Metrics
internal import Transfer

/// Reads `telegram:` of a contact.
extension Telegram {
  private static let keys = ["token", "chats", "api", "theme", "ca", "proxy"]
  private static let standard = "https://api.telegram.org"

  public static func decode(
    _ node: Node, secrets: Bool, _ findings: inout Findings
  ) -> [any Notifier] {
    decode(node, secrets: secrets, &findings, pace: nil)
  }

  static func decode(
    _ node: Node, secrets: Bool, _ findings: inout Findings, pace: TelegramPace?
  ) -> [any Notifier] {
    let before = findings.errors.count
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping(kind, keys: keys, &findings)
    }
    var api = standard
    var theme = Chart.Theme.light
    var authorities: String?
    var proxy: Proxy?
    var token: (value: Secret.Value?, name: String) = (nil, "")
    for pair in pairs ?? [] {
      switch pair.name {
      case "api":
        findings.set(&api) { () throws(ConfigurationError) in try address(pair.value) }
        if api.hasPrefix("http://"), !isLocal(api) {
          findings.warn(
            ConfigurationError(
              "the bot's token is sent in clear to \(api)", at: pair.value, hint: "use https://"))
        }
      case "theme":
        findings.set(&theme) { () throws(ConfigurationError) in try self.theme(pair.value) }
      case "ca":
        findings.set(&authorities) { () throws(ConfigurationError) in
          absolute(try pair.value.string("ca"), besides: pair.value.mark.file)
        }
      case "proxy":
        findings.set(&proxy) { () throws(ConfigurationError) in try httpProxy(pair.value) }
      case "token":
        findings.set(&token) { () throws(ConfigurationError) in
          try self.token(pair.value, lookUp: secrets)
        }
      default: break
      }
    }
    var places: [Place] = []
    for item in node["chats"].map({ $0.items ?? [$0] }) ?? [] {
      let place = findings.gather { findings throws(ConfigurationError) in
        try self.place(item, theme, &findings)
      }
      guard let place else { continue }
      if places.contains(where: { $0.name == place.name }) {
        findings.add(
          ConfigurationError("telegram names \(place.chat) twice", at: item, hint: "take one out"))
      }
      places.append(place)
    }
    guard findings.errors.count == before else { return [] }
    for (key, hint, isThere) in [
      ("token", "\"${TELEGRAM_TOKEN}\"", node["token"] != nil),
      ("chats", "[-1001234567890]", !places.isEmpty),
    ] where !isThere {
      findings.add(ConfigurationError("telegram has no \(key)", at: node, hint: "\(key): \(hint)"))
    }
    guard findings.errors.count == before else { return [] }
    let bot = TelegramBot(
      api: api, token: token.value, tokenName: token.name, authorities: authorities, proxy: proxy,
      pace: pace)
    return places.map { Telegram($0, by: bot) }
  }

  /// As @BotFather gives it: the bot's number, a colon, and what must stay secret.
  private static func token(
    _ node: Node, lookUp: Bool
  ) throws(ConfigurationError) -> (value: Secret.Value?, name: String) {
    let secret = try Secret(node, "token")
    guard lookUp else { return (nil, "\(secret)") }
    let value = try secret.reveal()
    let parts = value.clearBytes.split(
      separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, (1...16).contains(parts[0].count), (8...128).contains(parts[1].count),
      parts[0].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      parts[1].allSatisfy(isWordPart)
    else {
      throw secret.fault(
        "\(secret) is no token of a bot", "as @BotFather gives it: 123456789:AAE…")
    }
    return (value, "\(secret)")
  }

  private static func isWordPart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// `-1001234567890`, `@range`, or `{chat: …, topic: 7, theme: dark}`.
  private static func place(
    _ node: Node, _ theme: Chart.Theme, _ findings: inout Findings
  ) throws(ConfigurationError) -> Place {
    guard node.pairs != nil else { return Place(chat: try chat(node), theme: theme) }
    guard let named = node["chat"] else {
      throw ConfigurationError(
        "a chat without its number", at: node, hint: "{chat: -1001234567890, topic: 7}")
    }
    var place = Place(chat: try chat(named), theme: theme)
    for pair in try node.mapping("chats", keys: ["chat", "topic", "theme"], &findings) {
      switch pair.name {
      case "topic":
        let topic = try pair.value.integer("topic", in: 1...Int(Int32.max))
        guard topic > 1 else {
          throw ConfigurationError(
            "the topic General has no number of its own", at: pair.value, hint: "leave `topic:` out"
          )
        }
        place.topic = Int64(topic)
      case "theme": place.theme = try self.theme(pair.value)
      default: break
      }
    }
    return place
  }

  private static func chat(_ node: Node) throws(ConfigurationError) -> String {
    let text = try node.string("chat")
    if text.hasPrefix("@") {
      guard (4...32).contains(text.utf8.count - 1),
        text.utf8.dropFirst().allSatisfy({ isWordPart($0) && $0 != UInt8(ascii: "-") })
      else { throw ConfigurationError("not the name of a channel", at: node, hint: "\"@range\"") }
      return text
    }
    guard let number = Int64(text), String(number) == text, number != 0,
      number.magnitude < 1 << 52
    else {
      throw ConfigurationError(
        "not the number of a chat", at: node,
        hint: "-1001234567890, or \"@name\" of a public channel or group")
    }
    return text
  }

  private static func theme(_ node: Node) throws(ConfigurationError) -> Chart.Theme {
    let text = try node.string("theme")
    guard let theme = Chart.Theme(rawValue: text) else {
      throw unknown("theme", node, among: Chart.Theme.allCases.map(\.rawValue))
    }
    return theme
  }

  /// The address of a Bot API server, without slashes at its end.
  private static func address(_ node: Node) throws(ConfigurationError) -> String {
    var text = try node.string("api")
    while text.hasSuffix("/") { text.removeLast() }
    guard
      let start = ["http://", "https://"].first(where: { text.hasPrefix($0) }),
      text.utf8.count > start.utf8.count,
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"@#?\"<>\\^`{|}".utf8.contains($0) })
    else {
      throw ConfigurationError(
        "api must be an address without user and query", at: node, hint: standard)
    }
    return text
  }

  private static func isLocal(_ api: String) -> Bool {
    let host = api.dropFirst("http://".count).prefix { $0 != "/" }
    return isThisMachine(
      String(host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }))
  }
}
