internal import Configuration
internal import Transfer

extension SettingType where Value == String {
  /// The URL of a server: `http://` or `https://`, without a user and without a query.
  static var url: SettingType {
    SettingType("URL", example: "http://127.0.0.1:8086") { node, what throws(ConfigurationError) in
      let url = try SettingType.word.decode(node, what)
      guard let start = ["http://", "https://"].first(where: { url.hasPrefix($0) }),
        url.utf8.count > start.utf8.count
      else {
        throw ConfigurationError(
          "url must begin with http:// or https://", at: node, hint: "http://127.0.0.1:8086")
      }
      guard !url.utf8.contains(UInt8(ascii: "@")) else {
        // Reported without the line, which may hold a password.
        var error = ConfigurationError(
          "url holds a user or a password", file: node.mark.file,
          hint: "write them as keys of their own")
        error.line = node.mark.line
        throw error
      }
      guard !url.utf8.contains(where: { [0x20, 0x23, 0x3f].contains($0) }) else {
        throw ConfigurationError("url must be an address without a query", at: node)
      }
      if let problem = serverProblem(of: url) {
        throw ConfigurationError("url \(problem)", at: node, hint: "http://127.0.0.1:8086")
      }
      return url
    }
  }
}

extension SettingType where Value == Proxy {
  static var proxy: SettingType {
    SettingType("URL, or `environment`", example: "http://proxy.example:3128") {
      node, what throws(ConfigurationError) in
      guard let proxy = Proxy(try node.string(what)) else {
        throw ConfigurationError("not the address of a proxy", at: node, hint: Proxy.hint)
      }
      return proxy
    }
  }
}

extension Fields {
  /// The settings of all sinks that speak HTTP.
  mutating func takeHTTP() -> (authorities: String?, proxy: Proxy?) {
    (
      take(
        "ca", .path, otherwise: "the system's", "PEM file of authorities, instead of the system's.",
        example: "/etc/scrape/ca.pem"),
      // Without the key there is none, whatever the environment says.
      take(
        "proxy", .proxy, otherwise: "none",
        "HTTP proxy; `environment` takes that of the environment.")
    )
  }
}

extension String {
  /// A URL without its final slashes.
  var withoutFinalSlashes: String {
    var text = self
    while text.utf8.last == UInt8(ascii: "/") { text.removeLast() }
    return text
  }
}
