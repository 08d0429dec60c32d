import Configuration

@testable import Hosts

/// The files that SSH needs, and what a host shows of itself.
let sshTargets: [String: FuzzTarget] = [
  "known-hosts": readKnownHosts, "private-key": readPrivateKey, "host-key": readHostKey,
  "base64": readBase64,
]

private func readKnownHosts(_ bytes: UnsafeBufferPointer<UInt8>) {
  var known = KnownHosts()
  known.add(Array(bytes), file: "known_hosts")
  for names in [["web01"], ["[10.0.0.1]:2222", "[web01]:2222"]] {
    for key in known.lines(for: names).keys.prefix(4) {
      // A key that a line marks as accepted is that, unless another revokes it.
      switch known.lines(for: names).verdict(on: key) {
      case .accepted, .revoked: break
      default: preconditionFailure("an accepted key is not accepted")
      }
      checkVisible("\(key.type) \(key.fingerprint)".visible)
    }
  }
}

private func readPrivateKey(_ bytes: UnsafeBufferPointer<UInt8>) {
  for passphrase in [nil, "sesame"] {
    _ = try? PrivateKey.parse(Array(bytes), passphrase: passphrase, source: "key")
  }
}

private func readHostKey(_ bytes: UnsafeBufferPointer<UInt8>) {
  let key = HostKey(blob: Array(bytes))
  checkVisible("\(key.type) \(key.fingerprint) \(key.text)".visible)
}

private func readBase64(_ bytes: UnsafeBufferPointer<UInt8>) {
  precondition(Base64.decode(Base64.encode(bytes).utf8) == Array(bytes))
  _ = Base64.decode(bytes)
}
