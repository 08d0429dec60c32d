/// Reads `wtmpdb last --json -F`: the login log of hosts without wtmp(5).
///
/// wtmpdb(8) writes one `"key": "value"` per line and does not escape names and hosts, so its
/// output may be invalid JSON: the value is everything between the first quote after the key and
/// the last quote of the line.
public enum WTmpDB: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [LoginRecord] {
    guard text.firstIndex(of: "\"entries\"") != nil else {
      throw ParseError("wtmpdb", "expected \"entries\"", at: text)
    }
    var records: [LoginRecord] = []
    var entry: [String: String]?
    var lines = Scanner(text)
    while records.count < Last.most, let line = lines.line() {
      var rest = line.trimmed
      if rest.starts(with: "{ \"user\":") {
        entry = [:]
        rest = rest.extracting(2..<rest.count)
      } else if rest.equals("}") || rest.equals("},") {
        if let fields = entry, let record = record(fields) { records.append(record) }
        entry = nil
        continue
      }
      guard entry != nil, let (key, value) = member(rest) else { continue }
      // The tool's own keys come once; keys from a name with a line break come later.
      if entry?[key] == nil { entry?[key] = value }
    }
    return records
  }

  private static func member(_ line: Span<UInt8>) -> (String, String)? {
    var scanner = Scanner(line)
    guard scanner.skip(UInt8(ascii: "\"")), let key = scanner.upTo(UInt8(ascii: "\"")),
      scanner.skip(UInt8(ascii: ":"))
    else { return nil }
    scanner.skipBlanks()
    guard scanner.skip(UInt8(ascii: "\"")) else { return nil }
    var value = scanner.rest
    if value.ends(with: ",") { value = value.extracting(0..<(value.count - 1)) }
    guard value.ends(with: "\"") else { return nil }
    return (key.string, value.extracting(0..<(value.count - 1)).string)
  }

  private static func record(_ fields: [String: String]) -> LoginRecord? {
    guard let user = fields["user"], let login = fields["login"], let time = time(login) else {
      return nil
    }
    let terminal = fields["tty"] ?? ""
    let logout = fields["logout"] ?? ""
    let end: LoginRecord.End =
      if logout.hasPrefix("crash") {
        .crash
      } else if logout.hasPrefix("still") {
        .open
      } else if fields["length"] != nil {
        .at(self.time(logout))
      } else {
        .unknown
      }
    return LoginRecord(
      kind: LoginRecord.kind(user: user, terminal: terminal), user: user, terminal: terminal,
      from: LoginRecord.host(fields["hostname"] ?? ""), time: time, end: end)
  }

  private static func time(_ text: String) -> CalendarTime? {
    let bytes = Array(text.utf8)
    return CalendarTime.read(bytes.span, bytes.span.wordRanges(limit: 8), at: 0)?.time
  }
}
