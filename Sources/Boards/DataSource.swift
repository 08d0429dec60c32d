internal import Metrics

/// A database that Grafana reads, and its file for Grafana's provisioning.
public struct DataSource: Sendable {
  /// A secret as Grafana reads it itself: never the secret.
  public enum Secret: Sendable, Equatable {
    /// `$__env{NAME}`.
    case environment(String)
    /// `$__file{PATH}`.
    case file(String)

    var text: String {
      switch self {
      case .environment(let name): "$__env{\(name)}"
      case .file(let path): "$__file{\(path)}"
      }
    }
  }

  /// The identity in boards; the first database has the one that all panels name.
  static let uid = "scrape"
  static let reference = JSON.object([("type", .string("influxdb")), ("uid", .string(uid))])

  public var name: String
  public var url: String
  /// The database, or the bucket by its mapping for InfluxQL (DBRP).
  public var database: String
  public var username: String?
  public var password: Secret?
  /// A token of InfluxDB 2 and 3.
  public var token: Secret?

  public init(name: String, url: String, database: String) {
    self.name = name
    self.url = url
    self.database = database
  }

  /// The file for `provisioning/datasources`.
  static func file(_ sources: [DataSource]) -> String {
    var text = """
      # Written by `scrape dashboards`; changes here are lost.
      apiVersion: 1
      prune: true
      datasources:

      """
    for (index, source) in sources.enumerated() {
      text += source.entry(uid: index == 0 ? uid : "\(uid)-\(index + 1)", isDefault: index == 0)
    }
    return text
  }

  private func entry(uid: String, isDefault: Bool) -> String {
    var text = """
        - name: \(quoted(name))
          uid: \(uid)
          type: influxdb
          access: proxy
          isDefault: \(isDefault)
          url: \(quoted(url))
          jsonData:
            version: InfluxQL
            dbName: \(quoted(database))
            httpMode: GET
            timeInterval: 15s

      """
    if token != nil { text += "      httpHeaderName1: Authorization\n" }
    if let username { text += "    user: \(quoted(username))\n" }
    if password != nil || token != nil { text += "    secureJsonData:\n" }
    if let password { text += "      password: \(quoted(password.text))\n" }
    if let token { text += "      httpHeaderValue1: \(quoted("Token " + token.text))\n" }
    return text
  }

  /// A text as YAML in double quotes.
  private func quoted(_ text: String) -> String { JSON.string(text).text }
}
