public import Metrics
import Parsers

/// Clients and traffic of OpenVPN, from its status files. Telegraf has no plugin for it.
public enum OpenVPNCollector: Collector {
  public static let name = "openvpn"
  public static let summary = "OpenVPN: clients, their addresses and traffic"
  public static let measurements = [
    Measurement(
      "openvpn", "One point per status file of a server or client.",
      source: "the files of the option `files`", isOurs: true, tags: ["file": "its path"],
      fields: [
        .integer(
          "updated_age_s", unit: .seconds,
          means: "Since the file was written: a daemon that runs writes it every minute or as set"),
        .string("version", means: "Of a server whose file has it (`--status-version` 2 or 3)"),
        .integer("clients", means: "Connections of a server"),
        .integer(
          "bytes_received", "bytes_sent", unit: .bytes,
          means: "Of the connections that a server has now"),
        .integer(
          "tun_read_bytes", "tun_write_bytes", "link_read_bytes", "link_write_bytes",
          "auth_read_bytes", unit: .bytes,
          means: "Of a client, counted since it started: by its interface, by UDP or TCP, checked"),
      ]),
    Measurement(
      "openvpn_client",
      "One point per client of a server, by the name in its certificate; at most 256 of a host.",
      source: "the files of the option `files`", isOurs: true,
      tags: ["file": "the server's", "common_name": "the client's"],
      fields: [
        .integer("connections", means: "With that name"),
        .integer(
          "bytes_received", "bytes_sent", unit: .bytes,
          means: "Counted since it connected, of all its connections"),
        .integer(
          "connected_since",
          means: "Seconds since 1970 of the oldest connection; not in `--status-version` 1"),
        .string("real_address", "virtual_address", "username", means: "Of one connection"),
      ]),
  ]
  /// Ten thousand clients in a file.
  public static let byteLimit = 2 << 20
  public static let options = [
    CollectorOption(
      "files", .strings, default: usual.joined(separator: ", "), "Status files; globs.")
  ]

  /// Where distributions put them.
  private static let usual = [
    "/run/openvpn/*.status", "/run/openvpn-server/status-*.log", "/var/log/openvpn/*status*.log",
    "/var/log/openvpn-status.log", "/etc/openvpn/*status*.log", "/etc/openvpn/server/*status*.log",
  ]
  /// More clients than this are not written.
  static let mostClients = 256
  private static let longestText = 128

  public static func script(_ options: CollectorOptions) -> String? {
    let files = options.strings("files", default: usual)
      .filter { $0.hasPrefix("/") && $0.utf8.allSatisfy { isPlain($0) } }
    return """
      for f in \(files.joined(separator: " ")); do
        [ -f "$f" ] || continue
        [ -r "$f" ] || { echo "$f: not readable" >&2; continue; }
        printf '\\n# %s %s %s\\n' "$(stat -c %Y "$f" 2>/dev/null || echo -)" "$(date +%s)" "$f"
        head -c 1000000 "$f"
      done
      """
  }

  /// Whether a byte may stand in a word of the script without quotes.
  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "/._-*?@+:".utf8.contains(byte)
    }
  }

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else {
      throw CollectorError(.notReached, "the script did not run")
    }
    var failure: CollectorError?
    var left = mostClients
    for file in files(of: output.standardOutput.span) {
      let text = output.standardOutput.span.extracting(file.text)
      do {
        add(try OpenVPNStatus.parse(text), file, &left, to: &sample)
      } catch {
        failure = CollectorError(error)
      }
    }
    if let failure { throw failure }
    if left < 0 {
      throw CollectorError(
        .outputTooLarge, "more than \(mostClients) clients; the rest is left out")
    }
    if !output.standardError.isEmpty {
      throw CollectorError(.permission, output.failure.detail)
    }
    if sample.points.isEmpty {
      throw CollectorError(.notApplicable, "no status file of OpenVPN")
    }
  }

  /// A file in the output: its path, its age and the place of its text.
  private struct File {
    var path: String
    var age: Int64?
    var text: Range<Int>
  }

  /// At most 64 files.
  private static func files(of text: Span<UInt8>) -> [File] {
    var files: [File] = []
    var lines = Scanner(text)
    while true {
      let start = lines.position
      guard let line = lines.line() else { break }
      guard line.starts(with: "# ") else { continue }
      var words = Scanner(line.extracting(2..<line.count))
      guard let written = words.word(), let now = words.word(), let path = words.word(),
        path.first == UInt8(ascii: "/")
      else { continue }
      if let last = files.indices.last {
        files[last].text = files[last].text.lowerBound..<max(files[last].text.lowerBound, start - 1)
      }
      guard files.count < 64 else { break }
      var age: Int64?
      if let written = written.signed, let now = now.signed {
        let (difference, overflow) = now.subtractingReportingOverflow(written)
        if !overflow { age = max(0, difference) }
      }
      let begin = min(lines.position, text.count)
      files.append(
        File(path: path.string.clipped(to: longestText), age: age, text: begin..<text.count))
    }
    return files
  }

  private static func add(
    _ status: OpenVPNStatus.Reading, _ file: File, _ left: inout Int, to sample: inout Sample
  ) {
    var point = Point("openvpn", tags: [Tag("file", file.path)])
    point.integer("updated_age_s", file.age)
    point.string("version", status.version?.clipped(to: longestText))
    func sum(_ values: [UInt64?]) -> UInt64? {
      guard values.isEmpty || values.contains(where: { $0 != nil }) else { return nil }
      var sum: UInt64 = 0
      for value in values {
        let (total, overflow) = sum.addingReportingOverflow(value ?? 0)
        if overflow { return nil }
        sum = total
      }
      return sum
    }
    if status.isServer {
      point.integer("clients", Int64(status.clients.count))
      point.integer("bytes_received", sum(status.clients.map(\.received)))
      point.integer("bytes_sent", sum(status.clients.map(\.sent)))
    }
    for (field, name) in [
      ("tun_read_bytes", "TUN/TAP read bytes"), ("tun_write_bytes", "TUN/TAP write bytes"),
      ("link_read_bytes", "TCP/UDP read bytes"), ("link_write_bytes", "TCP/UDP write bytes"),
      ("auth_read_bytes", "Auth read bytes"),
    ] { point.integer(field, status.statistics[name]) }
    sample.points.append(point)
    var byName: [String: [OpenVPNStatus.Client]] = [:]
    for client in status.clients { byName[client.commonName, default: []].append(client) }
    for (name, clients) in byName.sorted(by: { $0.key < $1.key }) {
      left -= 1
      guard left >= 0 else { break }
      var point = Point("openvpn_client", tags: [Tag("file", file.path)])
      point.tag("common_name", name.clipped(to: longestText))
      point.integer("connections", Int64(clients.count))
      point.integer("bytes_received", sum(clients.map(\.received)))
      point.integer("bytes_sent", sum(clients.map(\.sent)))
      point.integer("connected_since", clients.compactMap(\.since).min())
      point.string("real_address", clients.first?.realAddress.clipped(to: longestText))
      point.string("virtual_address", clients.first?.virtualAddress?.clipped(to: longestText))
      point.string("username", clients.first?.user?.clipped(to: longestText))
      sample.points.append(point)
    }
  }
}
