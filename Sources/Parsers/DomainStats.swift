/// Reads `virsh domstats --raw`: the numbers of each virtual machine.
///
/// Format: virsh(1). `Domain: 'web01'`, then lines of a blank indent, a name and a value
/// (`  net.0.rx.bytes=86`), then an empty line. Which names there are depends on the versions of libvirt and
/// of the hypervisor, and on the machine's state.
public enum DomainStats: Parser {
  public struct Domain: Sendable, Equatable {
    public var name: String
    /// The values by their names, at most 4,096 of at most 256 bytes.
    public var values: [String: String] = [:]

    /// An integer; nil if it is missing or none.
    public subscript(name: String) -> Int64? { values[name].flatMap { Int64($0) } }
  }

  public struct Reading: Sendable, Equatable {
    public var domains: [Domain] = []
  }

  /// The limit of virtual machines; the rest is left out.
  static let mostDomains = 1_024

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      if line.starts(with: "Domain: '"), line.ends(with: "'"), line.count > 10 {
        guard reading.domains.count < mostDomains else { break }
        reading.domains.append(Domain(name: line.extracting(9..<(line.count &- 1)).string))
        continue
      }
      var words = Scanner(line.trimmed)
      guard !words.isAtEnd else { continue }
      let last = reading.domains.count &- 1
      guard last >= 0, let name = words.upTo(UInt8(ascii: "=")) else {
        throw ParseError(
          "virsh domstats", "expected \"Domain: 'NAME'\" or a value", line: number, at: line)
      }
      guard name.count <= 64, words.rest.count <= 256, reading.domains[last].values.count < 4_096
      else { continue }
      reading.domains[last].values[name.string] = words.rest.string
    }
    return reading
  }
}
