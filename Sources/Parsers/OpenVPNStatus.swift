/// Reads a status file of OpenVPN: the clients of a server, or the traffic of a client.
///
/// Format: openvpn(8), `--status` and `--status-version` (multi.c and sig.c of OpenVPN). Version 1 begins with
/// `OpenVPN CLIENT LIST`, version 2 has the name of the table as the first of words separated by commas,
/// version 3 by tabs; a client's file begins with `OpenVPN STATISTICS`. Times in words are in the zone of the
/// daemon: only those in seconds are read.
public enum OpenVPNStatus: Parser {
  public struct Client: Sendable, Equatable {
    public var commonName: String
    public var realAddress: String
    public var virtualAddress: String?
    public var received: UInt64?
    public var sent: UInt64?
    /// Seconds since 1970; nil in version 1.
    public var since: UInt64?
    /// Nil without one.
    public var user: String?
  }

  public struct Reading: Sendable, Equatable {
    /// Whether it is a server's file.
    public var isServer = false
    /// `OpenVPN 2.6.14`; nil in version 1.
    public var version: String?
    public var clients: [Client] = []
    /// The counters of a client by their names in the file.
    public var statistics: [String: UInt64] = [:]
  }

  /// The limit of clients; the rest is left out.
  static let mostClients = 10_000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var lines = Scanner(text)
    guard let first = lines.line() else {
      throw ParseError("an OpenVPN status file", "it is empty", at: text)
    }
    guard isComplete(text) else {
      throw ParseError("an OpenVPN status file", "expected END as its last line", at: first)
    }
    if first.equals("OpenVPN CLIENT LIST") { return versionOne(&lines) }
    if first.equals("OpenVPN STATISTICS") { return statistics(&lines) }
    guard first.starts(with: "TITLE"), first.count > 5 else {
      throw ParseError("an OpenVPN status file", "expected its title", line: 1, at: first)
    }
    let separator = first[5]
    var reading = Reading(isServer: true)
    let title = words(first, separator)
    if title.count > 1 {
      reading.version = title[1].split(separator: " ").prefix(2).joined(separator: " ")
    }
    var columns: [String] = []
    while let line = lines.line() {
      let words = words(line, separator)
      if words.count > 1, words[0] == "HEADER", words[1] == "CLIENT_LIST" {
        columns = Array(words.dropFirst(2))
      } else if words.first == "CLIENT_LIST", reading.clients.count < mostClients,
        let client = client(Array(words.dropFirst()), columns)
      {
        reading.clients.append(client)
      }
    }
    return reading
  }

  /// Whether the file ends as it should: the daemon may be writing it.
  private static func isComplete(_ text: Span<UInt8>) -> Bool {
    var end = text.count
    while end > 0, text[end &- 1] <= 0x20 { end &-= 1 }
    return text.extracting(0..<end).ends(with: "\nEND")
  }

  /// A common name may have commas; the surplus of words is its.
  private static func client(_ words: [String], _ columns: [String]) -> Client? {
    let surplus = words.count - columns.count
    guard surplus >= 0, columns.first == "Common Name" else { return nil }
    let name = words[0...surplus].joined(separator: ",")
    func value(_ column: String) -> String? {
      columns.firstIndex(of: column).map { $0 == 0 ? name : words[$0 + surplus] }
    }
    let user = value("Username")
    let address = value("Virtual Address")
    return Client(
      commonName: name, realAddress: value("Real Address") ?? "",
      virtualAddress: address?.isEmpty == true ? nil : address,
      received: value("Bytes Received").flatMap { UInt64($0) },
      sent: value("Bytes Sent").flatMap { UInt64($0) },
      since: value("Connected Since (time_t)").flatMap { UInt64($0) },
      user: user == "UNDEF" || user?.isEmpty == true ? nil : user)
  }

  private static func versionOne(_ lines: inout Scanner) -> Reading {
    let columns = [
      "Common Name", "Real Address", "Bytes Received", "Bytes Sent", "Connected Since",
    ]
    var reading = Reading(isServer: true)
    // The virtual address of a client, by the rest of its row in the second table.
    var addresses: [String: String] = [:]
    var isRouting = false
    while let line = lines.line() {
      if line.equals("ROUTING TABLE") { isRouting = true }
      if line.equals("GLOBAL STATS") { break }
      let words = words(line, UInt8(ascii: ","))
      if isRouting {
        // The first route of a client is its own address; a subnet behind it has a slash.
        guard words.count >= 4, addresses.count < mostClients, !words[0].contains("/") else {
          continue
        }
        let key = words[1..<(words.count - 1)].joined(separator: ",")
        if addresses[key] == nil { addresses[key] = words[0] }
      } else if words.count >= 5, reading.clients.count < mostClients,
        words[words.count - 2] != "Bytes Sent", let client = client(words, columns)
      {
        reading.clients.append(client)
      }
    }
    for index in reading.clients.indices {
      let client = reading.clients[index]
      reading.clients[index].virtualAddress =
        addresses["\(client.commonName),\(client.realAddress)"]
    }
    return reading
  }

  private static func statistics(_ lines: inout Scanner) -> Reading {
    var reading = Reading()
    while reading.statistics.count < 64, let line = lines.line() {
      let words = words(line, UInt8(ascii: ","))
      guard words.count == 2, words[0].utf8.count <= 64, let number = UInt64(words[1]) else {
        continue
      }
      reading.statistics[words[0]] = number
    }
    return reading
  }

  /// The words between separators, at most 64 of at most 256 bytes.
  private static func words(_ line: Span<UInt8>, _ separator: UInt8) -> [String] {
    var words: [String] = []
    var start = 0
    for index in 0...line.count where index == line.count || line[index] == separator {
      guard words.count < 64 else { break }
      words.append(line.extracting(start..<min(index, start + 256)).string)
      start = index + 1
    }
    return words
  }
}
