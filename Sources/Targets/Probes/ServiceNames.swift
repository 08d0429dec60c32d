internal import Glibc

/// A service by the name under which port scanners show it, and how its protocol is asked.
struct KnownService: Sendable {
  var name: String
  /// The TCP port.
  var port: UInt16
  /// The probe that speaks the service's protocol; nil where a connection is all that is known.
  var probe: String?

  private init(_ name: String, _ port: UInt16, _ probe: String?) {
    (self.name, self.port, self.probe) = (name, port, probe)
  }

  /// The service of that name; nil where it has no entry here.
  static func named(_ name: String) -> KnownService? { all.first { $0.name == name } }

  /// The names that nmap prints, since people's tables of services come from it (`http-alt` is 8000
  /// there, and 8080 in services(5)), and those of services(5) whose protocol a probe speaks. Of
  /// several for one port the first is shown.
  private static let all: [KnownService] = [
    .init("http-alt", 8000, "http"), .init("http-proxy", 8080, "proxy"),
    .init("squid-http", 3128, "proxy"), .init("blackice-icecap", 8081, "http"),
    .init("https-alt", 8443, "https"), .init("sun-answerbook", 8888, "http"),
    .init("webcache", 8080, "proxy"), .init("ident", 113, "ident"), .init("auth", 113, "ident"),
    .init("upnp", 5000, "http"), .init("ms-wbt-server", 3389, "rdp"), .init("x11", 6000, "x11"),
    .init("microsoft-ds", 445, "smb"), .init("domain", 53, "dns"),
    .init("postgresql", 5432, "postgres"), .init("mariadb", 3306, "mysql"),
    .init("submission", 587, "smtp"), .init("submissions", 465, "smtp"),
    .init("smtps", 465, "smtp"), .init("imaps", 993, "imap"), .init("pop3s", 995, "pop3"),
  ]

  /// The name of a port; nil where none has it.
  static func name(of port: UInt16) -> String? { all.first { $0.port == port }?.name }
}

/// The port of a number (`8080`) or of a service's name (`http-alt`); nil where it is neither.
///
/// The corresponding C function is `getservbyname_r`.
func portNumber(_ text: String, _ carrier: Carrier) -> UInt16? {
  if let first = text.utf8.first, (0x30...0x39).contains(first) {
    guard let number = UInt16(text), number > 0, String(number) == text else { return nil }
    return number
  }
  if let known = KnownService.named(text) { return known.port }
  guard carrier.hasPorts, !text.isEmpty, text.utf8.count <= 64 else { return nil }
  var entry = servent()
  var found: UnsafeMutablePointer<servent>?
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
    guard let room = buffer.baseAddress,
      getservbyname_r(text, carrier.rawValue, &entry, room, buffer.count, &found) == 0,
      found != nil
    else { return nil }
    return UInt16(bigEndian: UInt16(truncatingIfNeeded: entry.s_port))
  }
}

/// The name of a port as people know it, such as `ssh`; nil where it has none.
///
/// The corresponding C function is `getservbyport_r`.
func serviceName(_ port: UInt16, _ carrier: Carrier) -> String? {
  guard carrier.hasPorts else { return nil }
  if let known = KnownService.name(of: port) { return known }
  var entry = servent()
  var found: UnsafeMutablePointer<servent>?
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
    guard let room = buffer.baseAddress,
      getservbyport_r(
        Int32(port.bigEndian), carrier.rawValue, &entry, room, buffer.count, &found) == 0,
      found != nil, let name = entry.s_name
    else { return nil }
    return String(cString: name)
  }
}
