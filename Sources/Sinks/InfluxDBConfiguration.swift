public import Configuration

/// `influxdb: {url: http://127.0.0.1:8086, database: scrape, username: x, password: "${NAME}"}`.
extension InfluxDB {
  private static let keys = [
    "url", "database", "username", "password", "retention_policy", "consistency", "ca",
  ]

  public static func decode(
    _ node: Node, _ options: SinkOptions, secrets: Bool, _ findings: inout Findings
  ) -> InfluxDB? {
    var configuration = Configuration(url: "http://127.0.0.1:8086", database: "scrape")
    configuration.options = options
    let before = findings.errors.count
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("influxdb", keys: keys + SinkOptions.keys, &findings)
    }
    guard let pairs else { return nil }
    for pair in pairs {
      _ = findings.attempt { () throws(ConfigurationError) in
        try configuration.set(pair.name, pair.value, secrets: secrets)
      }
    }
    if configuration.password != nil && configuration.username == nil {
      findings.add(
        ConfigurationError("influxdb has a password but no username", at: node))
    }
    return findings.errors.count == before ? InfluxDB(configuration) : nil
  }
}

extension InfluxDB.Configuration {
  fileprivate mutating func set(
    _ key: String, _ value: Node, secrets: Bool
  ) throws(ConfigurationError) {
    switch key {
    case "url": url = try Self.address(value)
    case "database": database = try word(value, key)
    case "username": username = try word(value, key)
    case "password":
      let secret = try Secret(value, key)
      password = secrets ? try secret.reveal().clearText : ""
    case "retention_policy": retentionPolicy = try word(value, key)
    case "consistency":
      consistency = try value.string(key)
      if consistency.map({ ["any", "one", "quorum", "all"].contains($0) }) != true {
        throw unknown("consistency", value, among: ["any", "one", "quorum", "all"])
      }
    default: authorities = absolute(try word(value, key), besides: value.mark.file)
    }
  }

  private static func address(_ node: Node) throws(ConfigurationError) -> String {
    let url = try word(node, "url")
    guard let start = ["http://", "https://"].first(where: { url.hasPrefix($0) }),
      url.utf8.count > start.utf8.count
    else {
      throw ConfigurationError(
        "url must begin with http:// or https://", at: node, hint: "http://127.0.0.1:8086")
    }
    guard !url.utf8.contains(UInt8(ascii: "@")) else {
      // Told without the line, in which a password may stand.
      var error = ConfigurationError(
        "url holds a user or a password", file: node.mark.file,
        hint: "write them as username and password")
      error.line = node.mark.line
      throw error
    }
    guard !url.utf8.contains(where: { [0x20, 0x23, 0x3f].contains($0) }) else {
      throw ConfigurationError("url must be an address without a query", at: node)
    }
    return url
  }
}
