public import Configuration

/// `influxdb: {url: http://127.0.0.1:8086, database: scrape, username: x, password: "${NAME}"}`.
extension InfluxDB {
  private static let keys = [
    "url", "database", "username", "password", "token", "retention_policy", "consistency", "ca",
    "proxy",
    "retention",
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
      if pair.name == "retention" {
        configuration.retention = findings.gather { findings throws(ConfigurationError) in
          try Retention(pair.value, &findings)
        }
        continue
      }
      _ = findings.attempt { () throws(ConfigurationError) in
        try configuration.set(pair.name, pair.value, secrets: secrets)
      }
    }
    if configuration.password != nil && configuration.username == nil {
      findings.add(
        ConfigurationError("influxdb has a password but no username", at: node))
    }
    if configuration.token != nil && configuration.username != nil {
      findings.add(ConfigurationError("influxdb has a username and a token", at: node))
    }
    return findings.errors.count == before ? InfluxDB(configuration) : nil
  }
}

extension InfluxDB.Configuration {
  fileprivate mutating func set(
    _ key: String, _ value: Node, secrets: Bool
  ) throws(ConfigurationError) {
    switch key {
    case "url": url = try httpAddress(value)
    case "database": database = try word(value, key)
    case "username": username = try word(value, key)
    case "password":
      password = try Secret.word(value, key, lookUp: secrets)
    case "token": token = try Secret.word(value, key, lookUp: secrets)
    case "retention_policy": retentionPolicy = try word(value, key)
    case "consistency":
      consistency = try value.string(key)
      if consistency.map({ ["any", "one", "quorum", "all"].contains($0) }) != true {
        throw unknown("consistency", value, among: ["any", "one", "quorum", "all"])
      }
    case "proxy": proxy = try httpProxy(value)
    default: authorities = absolute(try word(value, key), besides: value.mark.file)
    }
  }
}
