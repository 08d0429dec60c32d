/// Reads the output of this program's script about network interfaces, one per line: name, flags, speed,
/// duplex, carrier, state, changes of the carrier and MTU, separated by blanks.
///
/// The values are those of /sys/class/net (the kernel's Documentation/ABI/testing/sysfs-class-net); flags
/// are netdevice(7)'s in hexadecimal, `0x1003`; the speed is in Mbit/s. `-` stands for a value that the
/// host could not read, and so does a word that is missing.
public enum LinkStates: Parser {
  public struct Link: Sendable, Equatable {
    /// Whether it is up (IFF_UP).
    public var isUp: Bool?
    /// Whether it is a loopback interface (IFF_LOOPBACK).
    public var isLoopback: Bool?
    /// Megabits per second; nil for virtual interfaces and those without a cable.
    public var speed: Int64?
    public var isFullDuplex: Bool?
    /// Whether there is a carrier; nil for interfaces that are down.
    public var hasCarrier: Bool?
    /// The state by RFC 2863: `up`, `down`, `dormant`, `lowerlayerdown`, `notpresent`, `testing`, `unknown`.
    public var state: String?
    /// How often the carrier came or went since the interface exists.
    public var changes: UInt64?
    public var mtu: UInt64?
  }

  public struct Reading: Sendable, Equatable {
    public var links: [String: Link] = [:]
    /// The names in the order of the text, each once.
    public var names: [String] = []
  }

  private static let states = [
    "up", "down", "dormant", "lowerlayerdown", "notpresent", "testing", "unknown",
  ]

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    while reading.links.count < NetDev.mostInterfaces, let line = lines.line() {
      var words = Scanner(line)
      guard let name = words.word(), name.count <= 64, let flags = words.word(),
        let speed = words.word()
      else { continue }
      var link = Link()
      if flags.starts(with: "0x"), let bits = flags.extracting(2..<flags.count).hexadecimal {
        link.isUp = bits & 0x1 != 0
        link.isLoopback = bits & 0x8 != 0
      }
      // The kernel prints -1, or 2^32-1, for an unknown speed.
      if let value = speed.signed, value > 0, value < 1 << 31 { link.speed = value }
      if let duplex = words.word() {
        link.isFullDuplex = duplex.equals("full") ? true : duplex.equals("half") ? false : nil
      }
      if let carrier = words.word() {
        link.hasCarrier = carrier.equals("1") ? true : carrier.equals("0") ? false : nil
      }
      if let state = words.word() { link.state = states.first { state.equals($0) } }
      link.changes = words.word()?.unsigned
      link.mtu = words.word()?.unsigned
      if reading.links.updateValue(link, forKey: name.string) == nil {
        reading.names.append(name.string)
      }
    }
    return reading
  }
}
