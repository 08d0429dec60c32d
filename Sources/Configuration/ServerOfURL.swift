/// The fault of a URL's server (RFC 3986, 3.2), as the end of a sentence; nil if it is valid.
public func serverProblem(of url: String) -> String? {
  guard let start = ["http://", "https://"].first(where: { url.hasPrefix($0) }) else {
    return "must begin with http:// or https://"
  }
  let server = url.utf8.dropFirst(start.utf8.count).prefix { !"/?#".utf8.contains($0) }
  var rest = server
  if rest.first != UInt8(ascii: "["), rest.count(where: { $0 == UInt8(ascii: ":") }) > 1 {
    return "has an IPv6 address without brackets"
  }
  if rest.first == UInt8(ascii: "[") {
    guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else {
      return "has an IPv6 address without its closing bracket"
    }
    let address = rest[..<end].dropFirst()
    guard address.contains(UInt8(ascii: ":")),
      address.allSatisfy({ isHexadecimal($0) || ":.%".utf8.contains($0) })
    else { return "has no IPv6 address in its brackets" }
    rest = rest[rest.index(after: end)...]
  } else {
    let name = rest.prefix { $0 != UInt8(ascii: ":") }
    guard !name.isEmpty else { return "names no server" }
    guard
      name.allSatisfy({
        isHexadecimal($0) || (0x61...0x7a).contains($0 | 0x20) || $0 >= 0x80
          || "-._~".utf8.contains($0)
      })
    else { return "names a server \"\(String(decoding: name, as: UTF8.self))\" that cannot be" }
    rest = rest.dropFirst(name.count)
  }
  guard let colon = rest.first else { return nil }
  guard colon == UInt8(ascii: ":"),
    let port = Int(String(decoding: rest.dropFirst(), as: UTF8.self)), (1...65_535).contains(port)
  else {
    return "has a port that is no number from 1 to 65535"
  }
  return nil
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
}
