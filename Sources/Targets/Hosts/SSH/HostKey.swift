internal import Metrics

/// The public key of a host.
public struct HostKey: Sendable, Hashable {
  /// The key as the protocol sends it (RFC 4253, section 6.6).
  public var blob: [UInt8]

  public init(blob: [UInt8]) { self.blob = blob }

  /// The type in the key itself: `ssh-ed25519`.
  public var type: String {
    var reader = WireReader(blob)
    return reader.text() ?? "?"
  }

  /// The fingerprint: `SHA256:` and the digest in base64, as `ssh-keygen -l` prints it.
  public var fingerprint: String {
    "SHA256:" + Base64.encode(Digest.sha256(blob), padded: false)
  }

  /// The key as in a `known_hosts` line: type and base64.
  public var text: String { "\(type) \(Base64.encode(blob))" }
}
