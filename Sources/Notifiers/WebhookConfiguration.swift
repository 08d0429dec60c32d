public import Configuration

extension Webhook {
  public static let summary = "A URL, to which a JSON object is posted."
  public static let example =
    "{url: \"https://hooks.example/range\", token: \"file:hook\"}"

  public static func decode(_ fields: inout Fields, secrets: Bool) -> [any Notifier] {
    var configuration = Configuration(url: "")
    let address = fields.require(
      "url", Configuration.address(lookUp: secrets),
      "URL; a secret if the URL itself grants access.")
    fields.set(
      &configuration.format, "format", .choice(),
      "scrape's own object, or the payload of Alertmanager.", example: "alertmanager")
    fields.set(&configuration.username, "username", .word, otherwise: "none", "User.")
    fields.set(
      &configuration.password, "password", .secret(lookUp: secrets), "Password of the user.")
    fields.set(
      &configuration.token, "token", .secret(lookUp: secrets), otherwise: "none",
      "Bearer token, instead of user and password.")
    let headers = fields.take(
      "headers", Configuration.headers(lookUp: secrets), default: [],
      "Headers to send; a value may be a secret.")
    configuration.authorities = fields.takeAuthorities()
    configuration.proxy = fields.takeProxy()
    if fields.has("username") != fields.has("password") {
      fields.add("username and password go together")
    }
    if fields.has("token"), fields.has("username") {
      fields.add("either a token or username and password", at: "username")
    }
    guard let address else { return [] }
    configuration.url = address.url
    configuration.shown = address.shown
    configuration.secrets = address.secrets
    for header in headers {
      configuration.headers.append((header.name, header.value))
      if header.isSecret, !header.value.isEmpty { configuration.secrets.append(header.value) }
    }
    if fields.has("token") || fields.has("username"), configuration.url.hasPrefix("http://") {
      let host = configuration.url.dropFirst(7).prefix { $0 != "/" && $0 != "?" }
      let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
      if !isThisMachine(String(name)) {
        fields.warn(
          ConfigurationError(
            "credentials are sent in clear", at: fields.place(of: "url"),
            hint: "https:// encrypts them"))
      }
    }
    return [Webhook(configuration)]
  }
}

extension Webhook.Configuration {
  /// A URL, what messages show of it, and its secret parts.
  fileprivate struct Address {
    var url: String
    var shown: String
    var secrets: [String] = []
  }

  fileprivate struct Header {
    var name: String
    var value: String
    var isSecret: Bool
  }

  /// The URL, or a secret that holds it: for many services the URL itself grants access.
  fileprivate static func address(lookUp: Bool) -> SettingType<Address> {
    SettingType("URL, or secret", example: "https://hooks.example/range") {
      node, what throws(ConfigurationError) in
      let text = try SettingType<String>.word.decode(node, what)
      if isReference(text) { return try secretAddress(node, lookUp: lookUp) }
      guard isAddress(text) else {
        throw ConfigurationError(
          "url must begin with http:// or https://", at: node, hint: "https://hooks.example/range")
      }
      guard
        !text.drop(while: { $0 != ":" }).dropFirst(3).prefix(while: { $0 != "/" }).contains("@")
      else {
        // Reported without the line, which may hold a password.
        var error = ConfigurationError(
          "url holds a user or a password", file: node.mark.file,
          hint: "write them as username and password")
        error.line = node.mark.line
        throw error
      }
      if let problem = serverProblem(of: text) {
        throw ConfigurationError("url \(problem)", at: node, hint: "https://hooks.example/range")
      }
      return Address(url: text, shown: String(text.prefix { $0 != "?" }))
    }
  }

  private static func secretAddress(
    _ node: Node, lookUp: Bool
  ) throws(ConfigurationError) -> Address {
    let shown = try Secret(node, "url").description
    let url = try Secret.word(node, "url", lookUp: lookUp)
    guard lookUp else { return Address(url: "", shown: shown) }
    guard isAddress(url) else {
      throw ConfigurationError(
        "what \(shown) holds does not begin with http:// or https://", at: node)
    }
    // All of the URL but the server's name, which an error must show.
    let path = url.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" && $0 != "?" }
    return Address(url: url, shown: shown, secrets: [String(path)])
  }

  private static func isAddress(_ text: String) -> Bool {
    guard let start = ["http://", "https://"].first(where: { text.hasPrefix($0) }) else {
      return false
    }
    return text.utf8.count > start.utf8.count && !text.utf8.contains { $0 <= 0x20 || $0 == 0x23 }
  }

  private static func isReference(_ text: String) -> Bool {
    text.hasPrefix("${") || text.hasPrefix("file:") || text.hasPrefix("credential:")
  }

  fileprivate static func headers(lookUp: Bool) -> SettingType<[Header]> {
    SettingType("mapping of names to texts or secrets", example: "{X-Range: a}") {
      node, what throws(ConfigurationError) in
      var headers: [Header] = []
      for pair in try node.mapping(what) { headers.append(try header(pair, lookUp: lookUp)) }
      return headers
    }
  }

  private static func header(
    _ pair: Node.Pair, lookUp: Bool
  ) throws(ConfigurationError) -> Header {
    let isName = pair.name.utf8.allSatisfy {
      $0 > 0x20 && $0 < 0x7f && !"()<>@,;:\\\"/[]?={}".utf8.contains($0)
    }
    guard isName, !pair.name.isEmpty else {
      throw ConfigurationError("not the name of a header", at: pair.key)
    }
    let name = pair.name.lowercased()
    guard !["content-type", "content-length", "host", "transfer-encoding"].contains(name)
    else { throw ConfigurationError("\(pair.name) is set by scrape", at: pair.key) }
    let text = try SettingType<String>.word.decode(pair.value, pair.name)
    // A value that grants access never stands in a file in clear.
    let isSecret = ["authorization", "token", "key", "secret", "password", "cookie"]
      .contains { name.contains($0) }
    guard isSecret || isReference(text) else {
      return Header(name: pair.name, value: text, isSecret: false)
    }
    let value = try Secret.word(pair.value, pair.name, lookUp: lookUp)
    return Header(name: pair.name, value: value, isSecret: true)
  }
}
