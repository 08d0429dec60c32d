internal import Metrics

/// The credentials of a user for one host.
public struct Credentials: Sendable {
  /// One key, by its way to sign.
  enum Identity: Sendable {
    case key(PrivateKey)
    case agent(Agent, Agent.Identity)
    /// A file in OpenSSH's encrypted format. libssh2 opens it for every session, which takes 0.2 s of
    /// CPU on a thread of its own.
    case slow(file: [UInt8], passphrase: String, source: String)

    /// The public half, as files and agents name it; nil where it cannot be read.
    var publicKey: [UInt8]? {
      switch self {
      case .key(let key): key.agentBlob
      case .agent(_, let identity): identity.blob
      case .slow(let file, _, _): PrivateKey.publicHalf(of: file)
      }
    }

    var name: String {
      switch self {
      case .key(let key): key.source
      case .agent(_, let identity): "agent key \(identity.comment)"
      case .slow(_, _, let source): source
      }
    }
  }

  var identities: [Identity]
  /// The key of `signing_key:`, which signs batches and logs in nowhere; nil where the key of the log-in does.
  var signer: Identity?
  var password: String?
  /// Unusable credentials and why, reported if the login fails.
  var notes: [String]

  /// The public keys as files have them, type and base64, each once.
  public var publicKeys: [String] {
    var texts: [String] = []
    for identity in identities {
      guard let blob = identity.publicKey else { continue }
      let text = HostKey(blob: blob).text
      if !texts.contains(text) { texts.append(text) }
    }
    return texts
  }

  /// The public keys that sign batches, as files have them.
  public var signingKeys: [String] {
    guard let signer else { return publicKeys }
    return signer.publicKey.map { [HostKey(blob: $0).text] } ?? []
  }

  /// The agent's keys that are tried, by their comments and public halves.
  public var agentKeys: [String] {
    identities.compactMap { identity in
      guard case .agent(_, let key) = identity else { return nil }
      return "\(key.comment) \(key.blob.fnv1a)"
    }
  }

  init(identities: [Identity] = [], password: String? = nil, notes: [String] = []) {
    self.identities = identities
    self.password = password
    self.notes = notes
  }
}
