/// Reads the output of this program's script about network interfaces: name, flags and speed,
/// separated by blanks.
///
/// Flags are the kernel's (netdevice(7)) in hexadecimal, `0x1003`; the speed is in Mbit/s. `-`
/// stands for a value that the host could not read.
public enum LinkStates: Parser {
  public struct Link: Sendable, Equatable {
    /// Whether it is up (IFF_UP).
    public var isUp: Bool?
    /// Whether it is a loopback interface (IFF_LOOPBACK).
    public var isLoopback: Bool?
    /// Megabits per second; nil for virtual interfaces and those without a cable.
    public var speed: Int64?
  }

  public struct Reading: Sendable, Equatable {
    public var links: [String: Link] = [:]
  }

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
      reading.links[name.string] = link
    }
    return reading
  }
}
