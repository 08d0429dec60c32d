internal import Glibc

/// The names under which port scanners show services, and their ports, where services(5) has none
/// or another one.
private let scannersNames: [String: UInt16] = [
  "http-alt": 8080, "http-proxy": 3128, "squid-http": 3128, "blackice-icecap": 8081, "ident": 113,
  "auth": 113, "upnp": 5000, "ms-wbt-server": 3389, "rdp": 3389, "x11": 6000, "microsoft-ds": 445,
]

/// The port of a number (`8080`) or of a service's name (`http-alt`); nil where it is neither.
///
/// The corresponding C function is `getservbyname_r`.
func portNumber(_ text: String, _ carrier: Carrier) -> UInt16? {
  if let first = text.utf8.first, (0x30...0x39).contains(first) {
    guard let number = UInt16(text), number > 0, String(number) == text else { return nil }
    return number
  }
  if let port = scannersNames[text] { return port }
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
  var entry = servent()
  var found: UnsafeMutablePointer<servent>?
  let known: String? = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
    guard let room = buffer.baseAddress,
      getservbyport_r(
        Int32(port.bigEndian), carrier.rawValue, &entry, room, buffer.count, &found) == 0,
      found != nil, let name = entry.s_name
    else { return nil }
    return String(cString: name)
  }
  return known ?? scannersNames.filter { $0.value == port }.keys.min()
}
