public import Configuration

extension Webhook {
  public static func decode(
    _ node: Node, secrets: Bool, _ findings: inout Findings
  ) -> [any Notifier] {
    let before = findings.errors.count
    let keys = ["url", "format", "username", "password", "token", "headers", "ca", "proxy"]
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping(kind, keys: keys, &findings)
    }
    var configuration = Configuration(url: "")
    for pair in pairs ?? [] {
      if pair.name == "headers" {
        configuration.addHeaders(pair.value, secrets: secrets, &findings)
        continue
      }
      _ = findings.attempt { () throws(ConfigurationError) in
        try configuration.set(pair.name, pair.value, secrets: secrets)
      }
    }
    guard findings.errors.count == before else { return [] }
    if node["url"] == nil {
      findings.add(
        ConfigurationError(
          "webhook has no url", at: node, hint: "url: https://hooks.example/range"))
    }
    if (node["username"] == nil) != (node["password"] == nil) {
      findings.add(ConfigurationError("username and password go together", at: node))
    }
    if node["token"] != nil, let username = node["username"] {
      findings.add(
        ConfigurationError("either a token or username and password", at: username))
    }
    if node["token"] != nil || node["username"] != nil, let url = node["url"],
      configuration.url.hasPrefix("http://")
    {
      let host = configuration.url.dropFirst(7).prefix { $0 != "/" && $0 != "?" }
      let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
      if !isThisMachine(String(name)) {
        findings.warn(
          ConfigurationError(
            "credentials are sent in clear", at: url, hint: "https:// encrypts them"))
      }
    }
    return findings.errors.count == before ? [Webhook(configuration)] : []
  }
}

extension Webhook.Configuration {
  fileprivate mutating func set(
    _ key: String, _ value: Node, secrets: Bool
  ) throws(ConfigurationError) {
    switch key {
    case "url": try setAddress(value, secrets: secrets)
    case "format":
      guard let named = Webhook.Format(rawValue: try value.string(key)) else {
        throw unknown(key, value, among: Webhook.Format.allCases.map(\.rawValue))
      }
      format = named
    case "username": username = try word(value, key)
    case "password": password = try Secret.word(value, key, lookUp: secrets)
    case "token": token = try Secret.word(value, key, lookUp: secrets)
    case "proxy": proxy = try httpProxy(value)
    default: authorities = absolute(try word(value, key), besides: value.mark.file)
    }
  }

  /// The URL, or a secret that holds it: for many services the URL itself grants access.
  private mutating func setAddress(_ node: Node, secrets: Bool) throws(ConfigurationError) {
    let text = try word(node, "url")
    if Self.isReference(text) {
      shown = try Secret(node, "url").description
      let address = try Secret.word(node, "url", lookUp: secrets)
      guard secrets else { return }
      guard Self.isAddress(address) else {
        throw ConfigurationError(
          "what \(shown) holds does not begin with http:// or https://", at: node)
      }
      url = address
      // All of the URL but the server's name, which an error must show.
      let path = address.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" && $0 != "?" }
      self.secrets.append(String(path))
      return
    }
    guard Self.isAddress(text) else {
      throw ConfigurationError(
        "url must begin with http:// or https://", at: node, hint: "https://hooks.example/range")
    }
    guard !text.drop(while: { $0 != ":" }).dropFirst(3).prefix(while: { $0 != "/" }).contains("@")
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
    url = text
    shown = String(text.prefix { $0 != "?" })
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

  fileprivate mutating func addHeaders(
    _ node: Node, secrets: Bool, _ findings: inout Findings
  ) {
    let pairs = findings.attempt { () throws(ConfigurationError) in try node.mapping("headers") }
    for pair in pairs ?? [] {
      _ = findings.attempt { () throws(ConfigurationError) in
        let isName = pair.name.utf8.allSatisfy {
          $0 > 0x20 && $0 < 0x7f && !"()<>@,;:\\\"/[]?={}".utf8.contains($0)
        }
        guard isName, !pair.name.isEmpty else {
          throw ConfigurationError("not the name of a header", at: pair.key)
        }
        let name = pair.name.lowercased()
        guard !["content-type", "content-length", "host", "transfer-encoding"].contains(name)
        else { throw ConfigurationError("\(pair.name) is set by scrape", at: pair.key) }
        let text = try word(pair.value, pair.name)
        // A value that grants access never stands in a file in clear.
        let isSecret = ["authorization", "token", "key", "secret", "password", "cookie"]
          .contains { name.contains($0) }
        guard isSecret || Self.isReference(text) else {
          headers.append((pair.name, text))
          return
        }
        let value = try Secret.word(pair.value, pair.name, lookUp: secrets)
        headers.append((pair.name, value))
        if !value.isEmpty { self.secrets.append(value) }
      }
    }
  }
}
