internal import Configuration
internal import Transfer

/// The URL of a server: `http://` or `https://`, without a user and without a query.
func httpAddress(_ node: Node) throws(ConfigurationError) -> String {
  let url = try word(node, "url")
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

/// The proxy. Without the key there is none, whatever the environment says.
func httpProxy(_ node: Node) throws(ConfigurationError) -> Proxy {
  guard let proxy = Proxy(try node.string("proxy")) else {
    throw ConfigurationError("not the address of a proxy", at: node, hint: Proxy.hint)
  }
  return proxy
}

extension String {
  /// A URL without its final slashes.
  var withoutFinalSlashes: String {
    var text = self
    while text.utf8.last == UInt8(ascii: "/") { text.removeLast() }
    return text
  }
}
