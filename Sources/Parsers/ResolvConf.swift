/// Reads /etc/resolv.conf: which name servers are asked, and in which domain a bare name is looked up.
///
/// Format: resolv.conf(5). Only the first three servers count; the last `search` or `domain` does.
public enum ResolvConf: Parser {
  public struct Reading: Sendable, Equatable {
    /// In numbers.
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
    // The resolver asks this machine where nobody is named.
    if reading.servers.isEmpty { reading.servers = ["127.0.0.1"] }
    return reading
  }
}
