/// Reads `wg show all dump` as this program's script prints it, without the private and preshared keys.
///
/// Format: wg(8), words separated by blanks. An interface is `wg0`, its type, its public key, its port and its
/// firewall mark; a peer is `wg0`, its public key, endpoint, allowed addresses, the time of the latest
/// handshake (0 for none), bytes received and sent, and its keepalive in seconds. `(none)` and `off` stand
/// for no value.
public enum WireGuardDump: Parser {
  public struct Device: Sendable, Equatable {
    public var name: String
    /// `linux_kernel` or `userspace`.
    public var type: String
    public var port: UInt64?
    /// 0 if there is none.
    public var mark: UInt64?
    public var peers: [Peer] = []
  }

  public struct Peer: Sendable, Equatable {
    public var publicKey: String
    public var endpoint: String?
    public var allowed: [String]
    /// Seconds since 1970; nil before the first handshake.
    public var handshake: UInt64?
    public var received: UInt64?
    public var sent: UInt64?
    /// Seconds; 0 if it is off.
    public var keepalive: UInt64?
  }

  public struct Reading: Sendable, Equatable {
    public var devices: [Device] = []
  }

  /// The limits of devices and of peers of all of them; the rest is left out.
  static let most = (devices: 256, peers: 10_000)

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    var peers = 0
    while let line = lines.line() {
      number &+= 1
      var words: [String] = []
      var rest = Scanner(line)
      // A peer may have a thousand networks, and a line is no longer than the limit of output.
      while words.count < 9, let word = rest.word() { words.append(word.string) }
      if words.isEmpty { continue }
      switch words.count {
      case 5:
        guard reading.devices.count < most.devices else { continue }
        reading.devices.append(
          Device(
            name: words[0], type: words[1], port: UInt64(words[3]), mark: Self.mark(words[4])))
      case 8:
        guard let place = reading.devices.lastIndex(where: { $0.name == words[0] }),
          peers < most.peers
        else { continue }
        peers += 1
        reading.devices[place].peers.append(
          Peer(
            publicKey: words[1], endpoint: words[2] == "(none)" ? nil : words[2],
            allowed: words[3] == "(none)" ? [] : words[3].split(separator: ",").map(String.init),
            handshake: UInt64(words[4]).flatMap { $0 == 0 ? nil : $0 },
            received: UInt64(words[5]), sent: UInt64(words[6]),
            keepalive: words[7] == "off" ? 0 : UInt64(words[7])))
      default:
        throw ParseError(
          "wg show all dump", "expected an interface or a peer", line: number, at: line)
      }
    }
    return reading
  }

  /// `0xca6c` or `off`.
  private static func mark(_ text: String) -> UInt64? {
    if text == "off" { return 0 }
    return text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
  }
}
