/// What else a sink's database is used for: queries of boards, and copies for long ranges.
public protocol DatabaseAccess {
  var access: (username: String?, password: String?, token: String?) { get }
  /// The retention policy of points as they are written.
  var policy: String { get }
  var rollups: [Retention.Rollup] { get }
}

extension InfluxDB: DatabaseAccess {
  public var access: (username: String?, password: String?, token: String?) {
    (configuration.username, configuration.password, configuration.token)
  }
  public var policy: String { configuration.retentionPolicy ?? "autogen" }
  public var rollups: [Retention.Rollup] { configuration.retention?.rollups ?? [] }
}

extension InfluxDB2: DatabaseAccess {
  public var access: (username: String?, password: String?, token: String?) {
    (nil, nil, configuration.token)
  }
  public var policy: String { "autogen" }
  public var rollups: [Retention.Rollup] { configuration.retention?.rollups ?? [] }
}
