/// Reads /etc/resolv.conf: the name servers, and the search domains of bare names.
///
/// Format: resolv.conf(5). The first three servers and the last `search` or `domain` count.
public enum ResolvConf: Parser {
  public struct Reading: Sendable, Equatable {
    /// The numeric addresses.
    public var servers: [String] = []
    public var search: [String] = []
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    while let line = lines.line() {
      var words = Scanner(line)
      guard let key = words.word() else { continue }
      if key.equals("nameserver") {
        guard reading.servers.count < 3, let server = words.word(), server.count <= 64 else {
          continue
        }
        reading.servers.append(server.string)
      } else if key.equals("search") || key.equals("domain") {
        reading.search = []
        while reading.search.count < 6, let domain = words.word(), domain.count <= 253 {
          reading.search.append(domain.string)
        }
      }
    }
    // Without a server, the resolver queries this machine.
    if reading.servers.isEmpty { reading.servers = ["127.0.0.1"] }
    return reading
  }
}
