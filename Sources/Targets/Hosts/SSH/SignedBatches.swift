internal import Engine
internal import Inventory
internal import Metrics

/// Signs what is sent to a gate, which runs nothing else: `signed: true`.
///
/// The gate greets with a random number of the session. Each batch is signed with the name of the host,
/// that number and its count, so that it is of use at this host, now and once. The format is in
/// `Sources/Authorize/Gate.swift`.
struct SignedBatches {
  /// What is asked for in place of a shell: an account without a gate has no such command.
  static let command = "scrape-batch"
  static let namespace = "scrape-batch"
  /// Bytes that a gate takes at once.
  static let limit = 2 << 20
  private static let greeting = "scrape-gate 1 "

  private let host: String
  private let number: String
  private let signer: Credentials.Identity
  private var count = 0

  /// Reads the gate's greeting: its version, the host's name and 32 hexadecimal digits.
  init(
    greeting line: String, host: String, signer: Credentials.Identity
  ) throws(TargetError) {
    guard line.hasPrefix(Self.greeting) else {
      throw TargetError(
        .noShell,
        line.isEmpty
          ? "there is no gate for signed batches; `scrape authorize \(host)`"
          : "in place of a gate for signed batches: \(line.prefix(120))")
    }
    let words = line.dropFirst(Self.greeting.count).split(separator: " ").map(String.init)
    guard words.count == 2, words[1].utf8.count == 32,
      words[1].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { throw TargetError(.protocolError, "its gate for signed batches greets wrongly") }
    guard words[0] == host else {
      throw TargetError(
        .noShell,
        "its gate is for \(words[0].prefix(60)), not for \(host); `scrape authorize \(host)`")
    }
    self.host = host
    number = words[1]
    self.signer = signer
  }

  /// What to send for a script: its size, the signature, and the script.
  mutating func sent(
    _ script: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [UInt8] {
    // A shell drops line breaks at the end of what it reads.
    var batch = script
    while batch.last == 0x0a { batch.removeLast() }
    count += 1
    let text = Array("scrape batch 1\n\(host)\n\(number)\n\(count)\n".utf8) + batch + [0x0a]
    let signature = try await SSHSignature.make(
      of: text, namespace: Self.namespace, by: signer, on: reactor, by: deadline)
    let body = Array(Base64.encode(signature).utf8) + [0x0a] + batch
    guard body.count <= Self.limit else {
      throw TargetError(.localError, "the batch is larger than a gate takes")
    }
    let digits = String(body.count)
    let size = String(repeating: "0", count: 8 - digits.utf8.count) + digits + "\n"
    return Array(size.utf8) + body
  }
}

/// Signatures of files and messages by SSH keys: PROTOCOL.sshsig of OpenSSH.
enum SSHSignature {
  private static let magic = Array("SSHSIG".utf8)
  private static let digest = "sha512"

  /// The signature as `ssh-keygen -Y verify` reads it, without its armour.
  static func make(
    of message: [UInt8], namespace: String, by signer: Credentials.Identity,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [UInt8] {
    var signed = WireWriter()
    signed.string(namespace.utf8)
    signed.string([UInt8]())
    signed.string(digest.utf8)
    signed.string(Digest.sha512(message))
    let text = magic + signed.bytes
    let key: [UInt8]
    let raw: [UInt8]
    switch signer {
    case .key(let own):
      guard let made = text.withUnsafeBytes({ own.sign($0) }) else {
        throw TargetError(.localError, "\(own.source) does not sign")
      }
      (key, raw) = (own.agentBlob, made)
    case .agent(let agent, let identity):
      key = identity.blob
      raw = try await agent.sign(text, with: identity, on: reactor, by: deadline)
    case .slow(_, _, let source):
      throw TargetError(
        .localError,
        "\(source) is encrypted in OpenSSH's format: it logs in, and signs no batch; add it to an agent, or "
          + "write it in PKCS#8: ssh-keygen -p -m PKCS8 -f KEY")
    }
    let type = HostKey(blob: key).type
    guard ["ssh-ed25519", "ssh-rsa"].contains(type) || type.hasPrefix("ecdsa-sha2-") else {
      throw TargetError(.localError, "a key of the type \(type) signs no batch")
    }
    var signature = WireWriter()
    signature.string((type == "ssh-rsa" ? "rsa-sha2-256" : type).utf8)
    signature.string(raw)
    var blob = WireWriter()
    blob.uint32(1)
    blob.string(key)
    blob.string(namespace.utf8)
    blob.string([UInt8]())
    blob.string(digest.utf8)
    blob.string(signature.bytes)
    return magic + blob.bytes
  }
}
