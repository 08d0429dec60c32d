/// Reads `last` and `lastb`: the logins, boots and shutdowns in wtmp(5), newest first.
///
/// util-linux (`last -x -F -w -i`) and the plain output of wtmpdb write `alice  pts/0  10.8.0.12
/// Fri Nov 20 09:10:11 2026 - Fri Nov 20 10:20:15 2026  (01:10)`; busybox has neither weekday, year
/// nor end. The host column may be blank. A name may hold blanks and even a date (for `lastb` a
/// stranger typed it): the time is the one that is followed, up to the end of the line, by one of
/// the known endings.
public enum Last: Parser {
  /// The limit of records.
  public static let most = 4096

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [LoginRecord] {
    var records: [LoginRecord] = []
    var unread: ParseError?
    var lines = Scanner(text)
    var number = 0
    while records.count < most, let line = lines.line() {
      number &+= 1
      let words = line.wordRanges()
      if words.isEmpty || isHeader(line, words) || isTrailer(line, words) { continue }
      if let record = record(line, words) {
        records.append(record)
      } else {
        unread =
          unread ?? ParseError("last", "expected user, line and time", line: number, at: line)
      }
    }
    // One invalid line does not hide the others.
    if let unread, records.isEmpty { throw unread }
    return records
  }

  private static let titles = ["USER", "TTY", "HOST", "LOGIN", "TIME"]

  private static func isHeader(_ line: Span<UInt8>, _ words: [Range<Int>]) -> Bool {
    words.count == titles.count
      && titles.indices.allSatisfy { line.extracting(words[$0]).equals(titles[$0]) }
  }

  /// `wtmp begins Tue May 20 00:00:00 2025`, with the name of the file.
  private static func isTrailer(_ line: Span<UInt8>, _ words: [Range<Int>]) -> Bool {
    words.count == 7 && line.extracting(words[1]).equals("begins")
  }

  private static func record(_ line: Span<UInt8>, _ words: [Range<Int>]) -> LoginRecord? {
    for index in words.indices {
      guard let (time, count) = CalendarTime.read(line, words, at: index),
        let end = end(line, Array(words[(index + count)...]))
      else { continue }
      // With a blank name (a failed login without one), the terminal column comes first.
      let named = index > 0 && words[0].lowerBound == 0
      guard let columns = columns(line, Array(words[..<index]), isNamed: named) else { return nil }
      return LoginRecord(
        kind: LoginRecord.kind(user: columns.user, terminal: columns.terminal),
        user: columns.user, terminal: columns.terminal,
        from: columns.host.flatMap(LoginRecord.host), time: time, end: end)
    }
    return nil
  }

  private static func columns(_ line: Span<UInt8>, _ words: [Range<Int>], isNamed: Bool) -> (
    user: String, terminal: String, host: String?
  )? {
    func text(_ range: Range<Int>) -> String { line.extracting(range).string }
    if !isNamed {
      guard let terminal = words.first else { return nil }
      return ("", text(terminal), words.count > 1 ? text(words[words.count - 1]) : nil)
    }
    guard words.count >= 2 else { return nil }
    let first = text(words[0])
    // Two words of the tool replace the terminal of a boot, three that of a run level.
    for (start, length) in [("system boot", 2), ("system down", 2), ("(to lvl ", 3)]
    where line.extracting(words[1].lowerBound..<line.count).starts(with: start) {
      guard words.count > length else { return nil }
      let terminal = words[1].lowerBound..<words[length].upperBound
      return (first, text(terminal), words.count > length + 1 ? text(words[length + 1]) : nil)
    }
    if words.count == 2 { return (first, text(words[1]), nil) }
    let terminal = words[words.count - 2]
    let user = line.extracting(0..<terminal.lowerBound).trimmed.string
    return (user, text(terminal), text(words[words.count - 1]))
  }

  /// The ending after the time, or nil if the tools write no such ending.
  private static func end(_ line: Span<UInt8>, _ words: [Range<Int>]) -> LoginRecord.End? {
    guard let first = words.first else { return .open }  // busybox prints no end
    var rest = line.extracting(first.lowerBound..<line.count).trimmed
    var next = words
    if rest.starts(with: "- ") {  // wtmpdb writes the dash before every end
      next.removeFirst()
      rest = rest.extracting(2..<rest.count).trimmed
    }
    if rest.equals("still logged in") || rest.equals("still running") { return .open }
    if rest.equals("gone - no logout") { return .unknown }
    guard next.count >= 1, next.count < words.count else { return nil }
    func duration(_ at: Int) -> Bool {
      at == next.count || (at == next.count - 1 && isDuration(line.extracting(next[at])))
    }
    let word = line.extracting(next[0])
    if word.equals("crash") { return duration(1) ? .crash : nil }
    if word.equals("down") { return duration(1) ? .shutdown : nil }
    if let (time, count) = CalendarTime.read(line, next, at: 0) {
      return duration(count) ? .at(time) : nil
    }
    if CalendarTime.clock(word) != nil { return duration(1) ? .at(nil) : nil }
    return nil
  }

  /// `(00:07)`, `(1+01:59)`, or with a minus if the clock was set back.
  private static func isDuration(_ word: Span<UInt8>) -> Bool {
    guard word.starts(with: "("), word.ends(with: ")") else { return false }
    for index in 1..<(word.count - 1) {
      let byte = word[index]
      guard byte.isDigit || [":", "+", "-"].contains(Unicode.Scalar(byte)) else { return false }
    }
    return true
  }
}
