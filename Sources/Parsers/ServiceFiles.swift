/// Reads `systemctl list-unit-files`, or the names of links in folders `.wants`, or `rc-update show`.
///
/// Forms: `ssh.service enabled enabled`, see systemctl(1); `/etc/systemd/system/multi-user.target.wants/ssh.service`;
/// ` sshd | default`, see rc-update(8).
public enum EnabledUnits: Parser {
  public struct Unit: Sendable, Equatable {
    public var name: String
    /// `enabled`, or the target or run level that starts it.
    public var how: String
  }

  /// The limit of units.
  public static let most = 5000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [Unit] {
    var units: [Unit] = []
    var lines = Scanner(text)
    while units.count < most, let line = lines.line() {
      let bare = line.trimmed
      guard let first = bare.first else { continue }
      if first == UInt8(ascii: "/") {
        guard let wants = bare.firstIndex(of: ".wants/") else { continue }
        var start = wants
        while start > 0, bare[start &- 1] != UInt8(ascii: "/") { start &-= 1 }
        let name = bare.extracting((wants + 7)..<bare.count)
        guard name.count > 0 else { continue }
        units.append(Unit(name: name.string, how: bare.extracting(start..<wants).string))
        continue
      }
      let words = bare.wordRanges(limit: 12)
      guard words.count >= 2 else { continue }
      let second = bare.extracting(words[1])
      if second.equals("|") {
        guard words.count > 2 else { continue }
        units.append(
          Unit(
            name: bare.extracting(words[0]).string,
            how: bare.extracting(words[2].lowerBound..<bare.count).string))
      } else if second.equals("enabled") || second.equals("enabled-runtime") {
        units.append(Unit(name: bare.extracting(words[0]).string, how: second.string))
      }
    }
    return units
  }
}

/// Reads `ss -lntup`, see ss(8), or `netstat -lntup`, see netstat(8): sockets that wait for others.
public enum ListeningSockets: Parser {
  public struct Socket: Sendable, Equatable {
    /// `tcp` or `udp`.
    public var carrier: String
    /// `0.0.0.0`, `[::]`, `127.0.0.1%lo`, `*`.
    public var address: String
    public var port: UInt64
    /// The process; nil where it is not shown.
    public var process: String?
  }

  /// The limit of sockets.
  public static let most = 1000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [Socket] {
    var sockets: [Socket] = []
    var lines = Scanner(text)
    while sockets.count < most, let line = lines.line() {
      let words = line.wordRanges(limit: 16)
      guard words.count >= 4 else { continue }
      let first = line.extracting(words[0])
      guard first.starts(with: "tcp") || first.starts(with: "udp") else { continue }
      // ss has the state behind the protocol, netstat the number of bytes.
      let isSS = line.extracting(words[1]).unsigned == nil
      guard words.count > (isSS ? 5 : 4) else { continue }
      let local = line.extracting(words[isSS ? 4 : 3])
      guard let colon = lastColon(local),
        let port = local.extracting((colon + 1)..<local.count).unsigned, port <= 65_535
      else { continue }
      var socket = Socket(
        carrier: first.starts(with: "tcp") ? "tcp" : "udp",
        address: local.extracting(0..<colon).string, port: port, process: nil)
      if socket.address == "::" { socket.address = "[::]" }
      socket.process = isSS ? quoted(line) : program(line, words)
      if !sockets.contains(socket) { sockets.append(socket) }
    }
    return sockets
  }

  private static func lastColon(_ text: Span<UInt8>) -> Int? {
    var index = text.count - 1
    while index > 0 {
      if text[index] == UInt8(ascii: ":") { return index }
      index -= 1
    }
    return nil
  }

  /// `users:(("sshd",pid=1,fd=3))`.
  private static func quoted(_ line: Span<UInt8>) -> String? {
    guard let users = line.firstIndex(of: "users:((\"") else { return nil }
    var rest = Scanner(line.extracting((users + 9)..<line.count))
    return rest.upTo(UInt8(ascii: "\""))?.string
  }

  /// The last word of netstat: `812/sshd`, or `-`; a name may have blanks behind it (`1/sshd: x`).
  private static func program(_ line: Span<UInt8>, _ words: [Range<Int>]) -> String? {
    for range in words.dropFirst(5) {
      var rest = Scanner(line.extracting(range))
      guard let number = rest.upTo(UInt8(ascii: "/")), number.count > 0, number.allDigits,
        rest.rest.count > 0
      else { continue }
      let name = rest.rest
      return name.last == UInt8(ascii: ":")
        ? name.extracting(0..<(name.count - 1)).string : name.string
    }
    return nil
  }
}
