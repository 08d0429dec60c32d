internal import Metrics

/// The accepted host keys, read from OpenSSH's `known_hosts` files.
///
/// Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT": plain, `[host]:port` and hashed names, wildcards
/// and `!`, `@revoked` and `@cert-authority`. A malformed line is skipped and named in `warnings`.
/// libssh2's own reader is not used: it accepts revoked keys, has no wildcards and drops a whole file
/// at one bad line.
public struct KnownHosts: Sendable {
  /// The result for a key that a host has shown.
  public enum Verdict: Sendable, Equatable {
    case accepted
    /// No line is for this host.
    case unknown
    /// Lines are for this host, with these other keys.
    case changed(accepted: [HostKey])
    /// The key is marked `@revoked`.
    case revoked
    /// The host has only a `@cert-authority` line: its certificate counts.
    case needsCertificate
  }

  private enum Marker: Sendable { case none, revoked, authority }

  private struct Entry: Sendable {
    var marker: Marker
    var names: Names
    var key: HostKey
  }

  private enum Names: Sendable {
    case patterns([String])
    case hashed(salt: [UInt8], digest: [UInt8])

    func match(_ candidate: String) -> Bool {
      switch self {
      case .hashed(let salt, let digest):
        return Digest.hmacSHA1(key: salt, Array(candidate.utf8)) == digest
      case .patterns(let patterns):
        var matched = false
        for pattern in patterns {
          if pattern.hasPrefix("!") {
            if Wildcard.match(pattern.dropFirst(), candidate) { return false }
          } else if Wildcard.match(pattern[...], candidate) {
            matched = true
          }
        }
        return matched
      }
    }
  }

  private var exact: [String: [Entry]] = [:]
  private var others: [Entry] = []
  /// Lines that could not be read, as `file:line: why`.
  public private(set) var warnings: [String] = []

  public init() {}

  /// Adds the lines of one file.
  public mutating func add(_ text: [UInt8], file: String) {
    for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated()
    {
      let fields = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d })
      guard let first = fields.first, first.first != UInt8(ascii: "#") else { continue }
      if let problem = add(fields) { warnings.append("\(file):\(index + 1): \(problem)") }
    }
  }

  private mutating func add(_ fields: [ArraySlice<UInt8>]) -> String? {
    var fields = fields[...]
    var marker = Marker.none
    if let word = fields.first, word.first == UInt8(ascii: "@") {
      switch String(decoding: word, as: UTF8.self) {
      case "@revoked": marker = .revoked
      case "@cert-authority": marker = .authority
      case let other: return "unknown marker \(other)"
      }
      fields = fields.dropFirst()
    }
    guard fields.count >= 3 else { return "expected names, key type and key" }
    let names = String(decoding: fields[fields.startIndex], as: UTF8.self)
    let type = String(decoding: fields[fields.startIndex + 1], as: UTF8.self)
    guard let blob = Base64.decode(fields[fields.startIndex + 2]) else {
      return "the key is not base64"
    }
    let key = HostKey(blob: blob)
    guard key.type == type else { return "the key is not of type \(type)" }
    if HostCertificate.isCertificate(type) {
      return "a certificate; the key of its authority stands in a @cert-authority line"
    }
    if names.hasPrefix("|") {
      let parts = names.split(separator: "|", omittingEmptySubsequences: false)
      guard parts.count == 4, parts[1] == "1", let salt = Base64.decode(parts[2].utf8),
        let digest = Base64.decode(parts[3].utf8)
      else { return "the hashed name is damaged" }
      others.append(Entry(marker: marker, names: .hashed(salt: salt, digest: digest), key: key))
      return nil
    }
    let patterns = names.lowercased().split(separator: ",").map(String.init)
    let entry = Entry(marker: marker, names: .patterns(patterns), key: key)
    if patterns.contains(where: { $0.contains("*") || $0.contains("?") || $0.hasPrefix("!") }) {
      others.append(entry)
    } else {
      for pattern in patterns { exact[pattern, default: []].append(entry) }
    }
    return nil
  }

  /// The name of a host and port in the files.
  public static func name(_ host: String, port: UInt16) -> String {
    port == 22 ? host.lowercased() : "[\(host.lowercased())]:\(port)"
  }

  /// The keys of a host, looked up under each of its names until one has a line.
  ///
  /// A hashed line takes a digest for each name it is compared with: look a host up once.
  public func lines(for names: [String]) -> AcceptedKeys {
    var accepted = AcceptedKeys()
    func take(_ name: String, plain: Bool) {
      // A key is revoked under every name; it is accepted under the first name with a line.
      let mayBePlain = plain && accepted.plain.isEmpty
      for entry in (exact[name] ?? []) + others.filter({ $0.names.match(name) }) {
        switch entry.marker {
        case .none: if mayBePlain { accepted.plain.append(entry.key) }
        case .revoked: accepted.revoked.append(entry.key)
        case .authority:
          accepted.authorities.append(
            AcceptedKeys.Authority(name: KnownHosts.withoutPort(name), key: entry.key))
        }
      }
    }
    for name in names {
      take(name, plain: true)
      // Authorities vouch for a host and revoked keys are revoked whatever the port.
      let bare = KnownHosts.withoutPort(name)
      if bare != name { take(bare, plain: false) }
    }
    return accepted
  }

  private static func withoutPort(_ name: String) -> String {
    guard name.hasPrefix("["), let end = name.lastIndex(of: "]") else { return name }
    return String(name[name.index(after: name.startIndex)..<end])
  }
}

/// The accepted and revoked keys of a host.
public struct AcceptedKeys: Sendable, Equatable {
  /// An authority that may certify the host's key.
  struct Authority: Sendable, Equatable {
    /// The host's name for which the line is, without a port.
    var name: String
    var key: HostKey
  }

  var plain: [HostKey] = []
  var revoked: [HostKey] = []
  var authorities: [Authority] = []

  /// Evaluates the key that the host shows.
  public func verdict(on key: HostKey) -> KnownHosts.Verdict {
    if revoked.contains(key) { return .revoked }
    if plain.contains(key) { return .accepted }
    if !plain.isEmpty { return .changed(accepted: plain) }
    return authorities.isEmpty ? .unknown : .needsCertificate
  }

  /// The accepted keys, to request only kinds that can be checked.
  public var keys: [HostKey] { plain }

  /// Whether no line accepts any key of the host.
  public var isEmpty: Bool { plain.isEmpty && authorities.isEmpty }
}

/// Shell-like patterns of `*` and `?`, as OpenSSH's files use them.
enum Wildcard {
  static func match(_ pattern: some StringProtocol, _ text: some StringProtocol) -> Bool {
    let pattern = Array(pattern.utf8)
    let text = Array(text.utf8)
    var p = 0
    var t = 0
    var star: (p: Int, t: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t],
        pattern[p] != UInt8(ascii: "*")
      {
        p += 1
        t += 1
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, t)
        p += 1
      } else if let last = star {
        star = (last.p, last.t + 1)
        p = last.p + 1
        t = last.t + 1
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
