internal import CSSH2

/// The algorithm lists of both sides, for the message of a key exchange without a common algorithm.
enum Algorithms {
  /// The host-key algorithms to request, from the keys that can be checked.
  ///
  /// The library prefers ECDSA while ssh(1) records Ed25519: without this list, every host with a
  /// single known key would fail. The library drops unknown names.
  static func preference(for keys: [HostKey]) -> String {
    let types = keys.isEmpty ? ["ssh-ed25519", "ecdsa", "ssh-rsa"] : keys.map(\.type)
    var names: [String] = []
    for type in types {
      switch type {
      case "ssh-rsa": names += ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]
      case "ecdsa": names += ["nistp256", "nistp384", "nistp521"].map { "ecdsa-sha2-\($0)" }
      // libssh2 lists some kinds of certificates, and has no code to receive one.
      default: if !HostCertificate.isCertificate(type) { names.append(type) }
      }
    }
    return names.joined(separator: ",")
  }

  /// The kinds of algorithm, in the order in which a key exchange lists them (RFC 4253, section 7.1).
  private static let kinds: [(name: String, method: Int32)] = [
    ("key exchange", LIBSSH2_METHOD_KEX), ("host key", LIBSSH2_METHOD_HOSTKEY),
    ("cipher", LIBSSH2_METHOD_CRYPT_CS), ("cipher", LIBSSH2_METHOD_CRYPT_SC),
    ("MAC", LIBSSH2_METHOD_MAC_CS), ("MAC", LIBSSH2_METHOD_MAC_SC),
  ]

  /// The kind without a common name, with both lists; nil if the server's offer did not come.
  static func difference(
    _ session: OpaquePointer, greeting: [UInt8], hostKeys: String
  ) -> String? {
    guard let offers = offers(in: greeting) else { return nil }
    for (index, kind) in kinds.enumerated() where index < offers.count {
      var ours = supported(session, kind.method)
      if kind.method == LIBSSH2_METHOD_HOSTKEY {
        let asked = hostKeys.split(separator: ",").map(String.init)
        ours = ours.filter(asked.contains)
      }
      if !ours.contains(where: offers[index].contains) {
        return
          "no common \(kind.name): the host offers \(offers[index].joined(separator: ",")); "
          + "this libssh2 (\(version)) has \(ours.joined(separator: ","))"
      }
    }
    return nil
  }

  /// The library's version. The corresponding C function is `libssh2_version`.
  static var version: String { libssh2_version(0).map { String(cString: $0) } ?? "?" }

  /// The corresponding C function is `libssh2_session_supported_algs`.
  private static func supported(_ session: OpaquePointer, _ method: Int32) -> [String] {
    var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
    let count = libssh2_session_supported_algs(session, method, &names)
    guard count > 0, let names else { return [] }
    defer { libssh2_free(session, names) }
    return (0..<Int(count)).compactMap { names[$0].map { String(cString: $0) } }
  }

  /// The name lists of the server's KEXINIT, which follows its version line in the clear.
  private static func offers(in greeting: [UInt8]) -> [[String]]? {
    var rest = greeting[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = rest[..<end]
      rest = rest[(end + 1)...]
      if line.starts(with: "SSH-".utf8) {
        var packet = WireReader(rest)
        guard packet.uint32() != nil, packet.byte() != nil, packet.byte() == 20,
          packet.raw(16) != nil
        else { return nil }
        var lists: [[String]] = []
        while lists.count < 6, let names = packet.names() { lists.append(names) }
        return lists
      }
    }
    return nil
  }
}
