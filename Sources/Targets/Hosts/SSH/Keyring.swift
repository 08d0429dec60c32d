public import Engine
internal import Glibc
public import Inventory
internal import Metrics

/// Reads keys from files and from the agent, each once per process.
public struct Keyring: Sendable {
  private var read: [String: Result<Credentials.Identity, Unusable>] = [:]
  private var agent: (agent: Agent, identities: [Agent.Identity])?
  private let home: String

  private struct Unusable: Error {
    var why: String
  }

  /// Reads the agent's list, if there is an agent; one that does not answer is none.
  public init(home: String, on reactor: isolated Reactor) async {
    self.home = home
    if let path = getenv("SSH_AUTH_SOCK").map({ String(cString: $0) }), !path.isEmpty {
      let agent = Agent(path: path)
      if let identities = try? await agent.identities(on: reactor, by: .after(.seconds(3))) {
        self.agent = (agent, identities)
      }
    }
  }

  /// The credentials of a host's user.
  ///
  /// Named keys are tried alone, in their order, as with `IdentitiesOnly`: servers end a connection
  /// after too many offers, unless `takingAgentKeys` is true. Without any, the usual files and the
  /// agent's keys are tried, or the files alone where it is false.
  public mutating func credentials(
    keys: [String], takingAgentKeys: Bool? = nil, passphrase: String?, password: String?
  ) -> Credentials {
    var credentials = Credentials(password: password)
    if keys.isEmpty {
      for name in ["id_ed25519", "id_ecdsa", "id_rsa"] {
        let path = "\(home)/.ssh/\(name)"
        guard access(path, R_OK) == 0, case .success(let identity) = load(path, passphrase) else {
          continue
        }
        credentials.identities.append(identity)
      }
      if takingAgentKeys != false { addAgentKeys(to: &credentials) }
      return credentials
    }
    for path in keys {
      switch load(path, passphrase) {
      case .success(let identity): credentials.identities.append(identity)
      case .failure(let unusable): credentials.notes.append("\(path): \(unusable.why)")
      }
    }
    if takingAgentKeys == true { addAgentKeys(to: &credentials) }
    return credentials
  }

  /// Reads the key that signs batches, which is not one that logs in.
  public mutating func addSigner(
    _ path: String, passphrase: String?, to credentials: inout Credentials
  ) throws(TargetError) {
    switch load(path, passphrase) {
    case .success(let identity): credentials.signer = identity
    // No other key signs in its place.
    case .failure(let unusable):
      throw TargetError(.localError, "signing_key \(path): \(unusable.why)")
    }
  }

  private func addAgentKeys(to credentials: inout Credentials) {
    guard let agent else { return }
    for identity in agent.identities.prefix(3) {
      credentials.identities.append(.agent(agent.agent, identity))
    }
  }

  private mutating func load(
    _ path: String, _ passphrase: String?
  ) -> Result<Credentials.Identity, Unusable> {
    let key = "\(path)\0\(passphrase ?? "")"
    if let known = read[key] { return known }
    let result = loadAnew(path, passphrase)
    read[key] = result
    return result
  }

  private func loadAnew(
    _ path: String, _ passphrase: String?
  ) -> Result<Credentials.Identity, Unusable> {
    let bytes: [UInt8]
    do {
      bytes = try SmallFile.read(path, limit: 64 << 10)
    } catch {
      return .failure(Unusable(why: "\(error)"))
    }
    let source = path.split(separator: "/").last.map(String.init) ?? path
    do {
      return .success(.key(try PrivateKey.parse(bytes, passphrase: passphrase, source: source)))
    } catch {
      switch error {
      case .encryptedOpenSSH, .needsPassphrase, .wrongPassphrase:
        if let identity = held(path) { return .success(identity) }
        if error == .encryptedOpenSSH, let passphrase {
          return .success(.slow(file: bytes, passphrase: passphrase, source: source))
        }
        return .failure(
          Unusable(
            why: error == .wrongPassphrase
              ? "the passphrase is wrong"
              : "it is encrypted: add it to an agent, or give `key_passphrase`"))
      case .damaged(let problem): return .failure(Unusable(why: "not usable: \(problem)"))
      }
    }
  }

  /// The agent's key for an encrypted file, found by the public half beside the file.
  private func held(_ path: String) -> Credentials.Identity? {
    guard let agent, let bytes = try? SmallFile.read(path + ".pub", limit: 64 << 10) else {
      return nil
    }
    let fields = bytes.split(separator: 0x20)
    guard fields.count >= 2, let blob = Base64.decode(fields[1]) else { return nil }
    return agent.identities.first { $0.blob == blob }.map { .agent(agent.agent, $0) }
  }
}
