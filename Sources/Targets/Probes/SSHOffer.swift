/// The algorithms that an SSH server offers: SSH_MSG_KEXINIT (RFC 4253, section 7.1).
struct SSHOffer: Sendable {
  enum Kind: String, Sendable, CaseIterable {
    case exchanges = "key exchange"
    case keys = "host keys"
    case ciphers, macs
  }

  private(set) var names: [Kind: [String]] = [:]
  /// The preferred key exchange.
  let first: String

  /// - Parameter list: the message without its number: the cookie, then lists of names with their lengths.
  init?(_ list: [UInt8]) {
    var offset = 16
    // Ciphers and MACs stand twice, for the two directions.
    for kind in [Kind.exchanges, .keys, .ciphers, .ciphers, .macs, .macs] {
      guard offset + 4 <= list.count else { break }
      let length = Int(list.long32(at: offset))
      offset += 4
      guard length <= list.count - offset else { break }
      for name in list[offset..<offset + length].split(separator: UInt8(ascii: ",")).prefix(100) {
        let name = String(decoding: name.prefix(64), as: UTF8.self)
        if names[kind]?.contains(name) != true { names[kind, default: []].append(name) }
      }
      offset += length
    }
    guard let first = names[.exchanges]?.first else { return nil }
    self.first = first
  }

  /// Those that are weak, in the order of the kinds.
  var weak: [String] {
    Kind.allCases.flatMap { kind in (names[kind] ?? []).filter { Self.isWeak($0, kind) } }
  }

  /// Whether the policy `sshd` refuses the algorithm (its checks 14 to 17).
  static func isWeak(_ name: String, _ kind: Kind) -> Bool {
    let name = name.lowercased()
    switch kind {
    case .exchanges:
      // "-sha1" as a word.
      let isSHA1 = name.hasSuffix("-sha1") || name.contains("-sha1-") || name.contains("-sha1@")
      return isSHA1 || name.contains("group1-")
    case .keys: return name.contains("ssh-dss")
    case .ciphers:
      return ["3des", "arcfour", "blowfish", "cast128", "-cbc"].contains { name.contains($0) }
    case .macs: return ["md5", "ripemd", "-96"].contains { name.contains($0) }
    }
  }

  /// The lists as steps of `--explain`.
  func note(to endpoint: Endpoint) {
    for kind in Kind.allCases {
      endpoint.note(kind.rawValue, (names[kind] ?? []).joined(separator: ", "))
    }
  }
}
