/// Reads /proc/net/dev: the traffic counters of each network interface.
///
/// Format: proc(5). Two header lines, then a name, a colon, eight receive and eight transmit
/// counters. Old kernels print no space after the colon (`eth0:123`), and a name may itself hold a
/// colon (`eth0:1`): the last colon of the line ends the name.
public enum NetDev: Parser {
  public struct Interface: Sendable, Equatable {
    public var name: String
    public var bytesReceived: UInt64
    public var packetsReceived: UInt64
    public var receiveErrors: UInt64
    public var receiveDrops: UInt64
    public var bytesSent: UInt64
    public var packetsSent: UInt64
    public var sendErrors: UInt64
    public var sendDrops: UInt64
  }

  public struct Reading: Sendable, Equatable {
    public var interfaces: [Interface] = []
  }

  /// The limit of interfaces; the rest is left out.
  static let mostInterfaces = 10_000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    guard let heading = lines.line(), heading.starts(with: "Inter-") else {
      throw ParseError("/proc/net/dev", "expected the heading \"Inter-\"", line: 1, at: text)
    }
    _ = lines.line()
    var number = 2
    while let line = lines.line() {
      number &+= 1
      guard reading.interfaces.count < mostInterfaces else { break }
      if line.trimmed.isEmpty { continue }
      reading.interfaces.append(try interface(line, number))
    }
    return reading
  }

  /// Reads one line of an interface, which has that number.
  static func interface(_ line: Span<UInt8>, _ number: Int) throws(ParseError) -> Interface {
    var colon = line.count
    repeat { colon &-= 1 } while colon >= 0 && line[colon] != UInt8(ascii: ":")
    guard colon > 0, colon <= 64 else {
      throw ParseError("/proc/net/dev", "expected a name", line: number, at: line)
    }
    let name = line.extracting(0..<colon).trimmed
    var words = Scanner(line.extracting((colon &+ 1)..<line.count))
    var counters: [16 of UInt64] = .init(repeating: 0)
    for index in 0..<16 {
      guard let value = words.unsigned() else {
        throw ParseError("/proc/net/dev", "expected 16 counters", line: number, at: line)
      }
      counters[index] = value
    }
    return Interface(
      name: name.string, bytesReceived: counters[0], packetsReceived: counters[1],
      receiveErrors: counters[2], receiveDrops: counters[3], bytesSent: counters[8],
      packetsSent: counters[9], sendErrors: counters[10], sendDrops: counters[11])
  }
}
