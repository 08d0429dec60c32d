/// Reads /proc/net/arp: the neighbours on the local network, and whether their hardware addresses
/// are known.
///
/// Format: proc(5). A header, then address, hardware type, flags (`0x2` if it is complete),
/// hardware address, mask and device.
public enum Neighbours: Parser {
  public struct Reading: Sendable, Equatable {
    /// Whether the hardware address is known, by IP address.
    public var isComplete: [String: Bool] = [:]
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    guard lines.line()?.starts(with: "IP address") == true else {
      throw ParseError("/proc/net/arp", "expected the head of the table", at: text)
    }
    while reading.isComplete.count < 65_536, let line = lines.line() {
      var words = Scanner(line)
      guard let address = words.word(), address.count <= 15, words.skip(words: 1),
        let flags = words.word(), flags.starts(with: "0x"),
        let bits = flags.extracting(2..<flags.count).hexadecimal
      else { continue }
      // The same address may occur for several devices.
      let isKnown = reading.isComplete[address.string] == true
      reading.isComplete[address.string] = isKnown || bits & 2 != 0
    }
    return reading
  }
}
