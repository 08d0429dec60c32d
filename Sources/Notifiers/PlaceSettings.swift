internal import Configuration
internal import Glibc
internal import Metrics
internal import Transfer

/// Whether the host of a URL is this machine, so that the connection cannot be read on the network.
func isThisMachine(_ host: String) -> Bool {
  host == "localhost" || host == "[::1]" || host == "::1"
    || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 0x2e || $0 >= 0x30 && $0 <= 0x39 }
}

/// The name of this machine in a form that protocols accept; `localhost` if it has none.
func nameOfThisMachine() -> String {
  let name = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    guard let base = buffer.baseAddress, gethostname(base, buffer.count - 1) == 0 else { return "" }
    buffer[buffer.count - 1] = 0
    return String(cString: base)
  }
  let isPlain = name.utf8.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }
  return isPlain && !name.isEmpty ? name : "localhost"
}

/// The first line of a server's words, short and harmless to print.
func firstLine(_ text: some Sequence<UInt8>) -> String {
  let line = text.drop { $0 <= 0x20 }.prefix { $0 != 0x0a && $0 != 0x0d }
  return String(decoding: Array(line.prefix(800)), as: UTF8.self).visible.cut(to: 200)
}

extension DeliveryError {
  /// The error for an exchange that did not start or did not complete.
  init(_ error: TransferError, _ notifier: String, hint: String? = nil) {
    let reason: Reason =
      switch error.reason {
      case .unresolved, .refused, .unreachable, .forbidden, .cutOff, .lost, .untrusted, .insecure:
        .unreachable
      case .timeout: .timeout
      case .denied: .unauthorized
      case .blocked: .busy
      case .malformed: .protocolError
      case .failed: .refused
      case .invalid, .local: .failed
      case .cancelled: .cancelled
      }
    self.init(reason, notifier, error.message.visible + (hint.map { "; \($0)" } ?? ""))
  }
}

extension Fields {
  /// The PEM file of authorities.
  mutating func takeAuthorities() -> String? {
    take(
      "ca", .path, otherwise: "the system's", "PEM file of authorities, instead of the system's.",
      example: "/etc/scrape/ca.pem")
  }

  /// The proxy. Without the key there is none, whatever the environment says.
  mutating func takeProxy() -> Proxy? {
    let type = SettingType<Proxy>("URL, or `environment`", example: "http://proxy.example:3128") {
      node, what throws(ConfigurationError) in
      guard let proxy = Proxy(try node.string(what)) else {
        throw ConfigurationError("not the address of a proxy", at: node, hint: Proxy.hint)
      }
      return proxy
    }
    return take(
      "proxy", type, otherwise: "none", "HTTP proxy; `environment` takes that of the environment.")
  }
}
