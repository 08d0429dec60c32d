internal import Charts
public import Configuration
internal import Metrics
internal import Transfer

/// Reads `telegram:` of a contact.
extension Telegram {
  public static let summary = "Telegram, through a bot."
  public static let example =
    "{token: \"${TELEGRAM_TOKEN}\", chats: [-1001234567890]}"
  private static let standard = "https://api.telegram.org"

  public static func decode(_ fields: inout Fields, secrets: Bool) -> [any Notifier] {
    decode(&fields, secrets: secrets, pace: nil)
  }

  static func decode(
    _ fields: inout Fields, secrets: Bool, pace: TelegramPace?
  ) -> [any Notifier] {
    let token = fields.require(
      "token", Self.token(lookUp: secrets), "Token of the bot.",
      example: "\"${TELEGRAM_TOKEN}\"")
    let api = fields.take(
      "api", Self.address, default: standard, "Address of a Bot API server of your own.",
      example: "http://127.0.0.1:8081")
    if api.hasPrefix("http://"), !isLocal(api) {
      fields.warn(
        ConfigurationError(
          "the bot's token is sent in clear to \(api)", at: fields.place(of: "api"),
          hint: "use https://"))
    }
    let theme = fields.take(
      "theme", .choice(), default: Chart.Theme.light, "Colours of pictures.", example: "dark")
    let authorities = fields.takeAuthorities()
    let proxy = fields.takeProxy()
    let chat = SettingType<String>("number, or `@name`", example: "-1001234567890", Self.chat)
    let short = SettingType(chat.text, example: chat.example) {
      node, what throws(ConfigurationError) in
      (place: Place(chat: try chat.decode(node, "chat"), theme: theme), node: node)
    }
    let chats = fields.list(
      "chats", of: "chats", or: short, otherwise: "required", "Chats to send to.",
      example: "[-1001234567890, {chat: \"@range\", topic: 7}]"
    ) { item in
      let number = item.take("chat", chat, otherwise: "required", "Number or name of the chat.")
      if number == nil {
        item.addUnlessFaulty(
          ConfigurationError(
            "a chat without its number", at: item.node, hint: "{chat: -1001234567890, topic: 7}"))
      }
      var place = Place(chat: number ?? "", theme: theme)
      item.set(&place.topic, "topic", topic, otherwise: "none", "Topic of the group.")
      item.set(
        &place.theme, "theme", .choice(), "Colours of pictures in this chat.", example: "dark")
      return (place: place, node: item.node)
    }
    var places: [Place] = []
    for (place, node) in chats {
      if places.contains(where: { $0.name == place.name }) {
        fields.add(
          ConfigurationError("telegram names \(place.chat) twice", at: node, hint: "take one out"))
      }
      places.append(place)
    }
    guard !places.isEmpty, let token else {
      if places.isEmpty { fields.needs("chats", example: "[-1001234567890]") }
      return []
    }
    let bot = TelegramBot(
      api: api, token: token.value, tokenName: token.name, authorities: authorities, proxy: proxy,
      pace: pace)
    return places.map { Telegram($0, by: bot) }
  }

  private static var topic: SettingType<Int64> {
    SettingType("integer, at least 2", example: "7") { node, what throws(ConfigurationError) in
      let topic = try node.integer(what, in: 1...Int(Int32.max))
      guard topic > 1 else {
        throw ConfigurationError(
          "the topic General has no number of its own", at: node, hint: "leave `topic:` out")
      }
      return Int64(topic)
    }
  }

  private static func token(
    lookUp: Bool
  ) -> SettingType<(value: Secret.Value?, name: String)> {
    SettingType("secret", example: "\"${TELEGRAM_TOKEN}\"") { node, _ throws(ConfigurationError) in
      try token(node, lookUp: lookUp)
    }
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

  private static func chat(
    _ node: Node, _ what: String
  ) throws(ConfigurationError) -> String {
    let text = try node.string(what)
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

  /// The address of a Bot API server, without slashes at its end.
  private static var address: SettingType<String> {
    SettingType("URL", example: standard) { node, what throws(ConfigurationError) in
      var text = try node.string(what)
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
  }

  private static func isLocal(_ api: String) -> Bool {
    let host = api.dropFirst("http://".count).prefix { $0 != "/" }
    return isThisMachine(
      String(host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }))
  }
}
