public import Configuration

/// `influxdb: {url: http://127.0.0.1:8086, database: scrape, username: x, password: "${NAME}"}`.
extension InfluxDB {
  public static let summary =
    "InfluxDB 1.x; see [sinks](sinks.md#influxdb-1x)."
  public static let example =
    "{url: \"http://127.0.0.1:8086\", database: range}"

  public static func decode(
    _ fields: inout Fields, _ options: SinkOptions, secrets: Bool
  ) -> InfluxDB? {
    var configuration = Configuration(url: "http://127.0.0.1:8086", database: "scrape")
    configuration.options = options
    fields.set(&configuration.url, "url", .url, "Address of the server.")
    fields.set(
      &configuration.database, "database", .word, "Database; created if it does not exist.",
      example: "range")
    fields.set(&configuration.username, "username", .word, otherwise: "none", "User.")
    fields.set(
      &configuration.password, "password", .secret(lookUp: secrets), otherwise: "none",
      "Password of the user.")
    fields.set(
      &configuration.token, "token", .secret(lookUp: secrets), otherwise: "none",
      "Token, instead of user and password.")
    fields.set(
      &configuration.retentionPolicy, "retention_policy", .word, otherwise: "the database's",
      "Retention policy to write to.", example: "week")
    fields.set(
      &configuration.consistency, "consistency", .choice(["any", "one", "quorum", "all"]),
      otherwise: "the server's", "Write consistency of a cluster.")
    (configuration.authorities, configuration.proxy) = fields.takeHTTP()
    configuration.retention = Retention.take(&fields)
    if configuration.password != nil && configuration.username == nil {
      fields.add("influxdb has a password but no username")
    }
    if configuration.token != nil && configuration.username != nil {
      fields.add("influxdb has a username and a token")
    }
    return InfluxDB(configuration)
  }
}
