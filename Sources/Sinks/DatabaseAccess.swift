/// The credentials of a sink whose database can also be queried.
public protocol DatabaseAccess {
  var access: (username: String?, password: String?, token: String?) { get }
}

extension InfluxDB: DatabaseAccess {
  public var access: (username: String?, password: String?, token: String?) {
    (configuration.username, configuration.password, configuration.token)
  }
}

extension InfluxDB2: DatabaseAccess {
  public var access: (username: String?, password: String?, token: String?) {
    (nil, nil, configuration.token)
  }
}
