internal import Glibc
internal import Metrics
public import Hosts

/// The decision on host keys: by a person at a terminal, key by key or for all new ones, or by
/// fingerprints on standard input, from `ssh-keygen -lf` on the consoles of the hosts.
public struct TrustAnswers {
  /// The meaning of an answer about one key.
  enum Answer: Equatable {
    case accept
    case acceptAllNew
    case refuse
    /// No further question.
    case quit
    /// The fingerprint of another key.
    case otherFingerprint
  }

  private let isTerminal: Bool
  /// The fingerprints of standard input; nil before the first use.
  private var piped: Set<String>?
  private var takesAllNew = false
  private var hasQuit = false

  /// Asks at standard input.
  public init() { isTerminal = isatty(0) == 1 }

  /// Why no question was possible; nil at a terminal.
  public var excuse: String? {
    if isTerminal { return nil }
    return piped?.isEmpty == false
      ? "standard input is no terminal: only keys whose fingerprints came in it were accepted"
      : "standard input is no terminal and holds no fingerprint (SHA256:…), so that nothing was "
        + "accepted; run it at a terminal, pipe the hosts' fingerprints in, or give --accept-new"
  }

  /// Whether the key is accepted.
  public mutating func accepts(_ key: HostKey, of host: String, isNew: Bool) -> Bool {
    guard isTerminal else {
      let known = piped ?? Self.fingerprints(in: Self.standardInput())
      piped = known
      return known.contains(key.fingerprint)
    }
    if hasQuit { return false }
    if isNew, takesAllNew { return true }
    let question = isNew ? "Accept the key of \(host)?" : "Accept the new key of \(host)?"
    let choices = isNew ? "y/N/all/quit, or paste the fingerprint" : "y/N/quit, or the fingerprint"
    for _ in 0..<3 {
      Terminal.write("\(question.visible) [\(choices)] ", to: 2)
      guard let line = readLine() else {
        hasQuit = true
        return false
      }
      switch Self.answer(line, to: key, isNew: isNew) {
      case .accept: return true
      case .acceptAllNew:
        takesAllNew = true
        return true
      case .refuse: return false
      case .quit:
        hasQuit = true
        return false
      case .otherFingerprint:
        Terminal.note("that is not the fingerprint of \(host.visible): nothing was accepted")
      }
    }
    return false
  }

  /// The answer in a line.
  static func answer(_ line: String, to key: HostKey, isNew: Bool) -> Answer {
    let pasted = fingerprints(in: line)
    if !pasted.isEmpty { return pasted.contains(key.fingerprint) ? .accept : .otherFingerprint }
    let word = line.split(separator: " ").first.map { $0.lowercased() } ?? ""
    switch word {
    case "y", "yes": return .accept
    // A changed key needs an answer of its own.
    case "a", "all": return isNew ? .acceptAllNew : .refuse
    case "q", "quit": return .quit
    default: return .refuse
    }
  }

  /// Fingerprints in a text, as `ssh-keygen -l` prints them among other words.
  static func fingerprints(in text: String) -> Set<String> {
    var found: Set<String> = []
    for word in text.split(whereSeparator: { $0.isWhitespace }) {
      // 32 bytes in base64 without the padding.
      guard word.hasPrefix("SHA256:") else { continue }
      let digest = word.dropFirst(7).prefix { $0 != "=" }
      guard digest.utf8.count == 43 else { continue }
      found.insert("SHA256:\(digest)")
    }
    return found
  }

  /// The content of standard input: at most 1 MiB; empty after 2 s without data.
  private static func standardInput() -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < 1 << 20 {
      var entry = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
      let ready = poll(&entry, 1, 2_000)
      if ready < 0 && errno == EINTR { continue }
      guard ready > 0 else { break }
      let count = read(0, &buffer, buffer.count)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
