import Configuration
import Metrics

@testable import Hosts
@testable import Inventory

/// The files that SSH needs, and what a host shows of itself.
let sshTargets: [String: FuzzTarget] = [
  "known-hosts": readKnownHosts, "private-key": readPrivateKey, "host-key": readHostKey,
  "base64": readBase64, "host-certificate": readCertificate, "ssh-config": readSSHConfig,
]

private func readCertificate(_ bytes: UnsafeBufferPointer<UInt8>) {
  guard let certificate = HostCertificate(Array(bytes)) else { return }
  var accepted = AcceptedKeys()
  accepted.authorities = [.init(name: "web01", key: certificate.authority)]
  do {
    try certificate.verify(with: accepted, at: Timestamp(seconds: 1_700_000_000))
    // No input can be signed by chance, but a seed may be.
    precondition(certificate.isSigned)
  } catch { checkVisible(error.description.visible) }
}

/// The text is a file that names itself as what it includes.
private func readSSHConfig(_ bytes: UnsafeBufferPointer<UInt8>) {
  var left = 4
  let config = SSHConfig([("config", Array(bytes), true)]) { _, _ in
    left -= 1
    return left > 0 ? [("included", Array(bytes.prefix(512)))] : []
  }
  for name in ["web01", "10.0.0.1"] {
    _ = config.names(name)
    let options = config.options(for: [name, "a.lab"], localUser: "me")
    for problem in options.problems { checkVisible(problem.description.visible) }
    precondition(options.port.map { (1...65_535).contains($0) } ?? true)
  }
}

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
