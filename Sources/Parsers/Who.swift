/// Reads `who`: one line for each entry of utmp(5) that is a user's.
///
/// coreutils writes `alice  pts/0  2020-02-29 18:43 (10.8.0.12)`, in the C locale `Feb 29 18:43`;
/// busybox has the columns USER, TTY, IDLE, TIME, HOST, its time with seconds and its host without
/// parentheses. Lines of `who -a` without a user (boot, run level, getty, dead) are left out.
public enum Who: Parser {
  /// The limit of sessions.
  public static let most = 4096

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [UserSession] {
    var sessions: [UserSession] = []
    var unread: ParseError?
    var lines = Scanner(text)
    var number = 0
    while sessions.count < most, let line = lines.line() {
      number &+= 1
      guard line.count > 0, !line[0].isBlank, !isHeader(line) else { continue }
      switch read(line) {
      case .session(let session): sessions.append(session)
      case .other: continue
      case .unknown:
        unread = unread ?? ParseError("who", "expected user, line and time", line: number, at: line)
      }
    }
    // One invalid line (a host name may hold anything) does not hide the others.
    if let unread, sessions.isEmpty { throw unread }
    return sessions
  }

  private enum Line {
    case session(UserSession)
    case other
    case unknown
  }

  private static func isHeader(_ line: Span<UInt8>) -> Bool {
    let words = line.wordRanges(limit: 2)
    guard words.count == 2 else { return false }
    let first = line.extracting(words[0])
    let second = line.extracting(words[1])
    return (first.equals("NAME") && second.equals("LINE"))
      || (first.equals("USER") && second.equals("TTY"))
  }

  private static func read(_ line: Span<UInt8>) -> Line {
    let words = line.wordRanges(limit: 24)
    guard words.count >= 4 else { return .unknown }
    for index in 2..<words.count {
      guard let (time, count) = CalendarTime.read(line, words, at: index) else { continue }
      let end = words[index + count - 1].upperBound
      let comment = line.extracting(end..<line.count).trimmed
      if line.extracting(words[0]).equals("LOGIN"), comment.firstIndex(of: "id=") != nil {
        return .other
      }
      // Only busybox prints seconds; its idle time comes before the time.
      let isBusybox = time.second != nil
      let last = isBusybox ? index - 2 : index - 1
      guard last >= 1 else { return .unknown }
      // A user name of Active Directory may hold blanks.
      let user = line.extracting(0..<words[last].lowerBound).trimmed
      var session = UserSession(
        user: withoutState(user).string, terminal: line.extracting(words[last]).string, since: time)
      session.from = host(in: comment, isBusybox: isBusybox)
      return .session(session)
    }
    return .unknown
  }

  /// The name without the `+`, `-` or `?` that `who -T` adds.
  @_lifetime(copy name)
  private static func withoutState(_ name: Span<UInt8>) -> Span<UInt8> {
    for state in [" +", " -", " ?"] where name.ends(with: state) {
      return name.extracting(0..<(name.count - 2)).trimmed
    }
    return name
  }

  /// `(10.8.0.12)`, `(login screen)`, `(tmux(123).%0)`: all from the first parenthesis to the last.
  private static func host(in comment: Span<UInt8>, isBusybox: Bool) -> String? {
    if isBusybox { return comment.count > 0 ? comment.string : nil }
    guard let open = comment.firstIndex(of: "("), comment.ends(with: ")"),
      open + 1 < comment.count - 1
    else { return nil }
    return comment.extracting((open + 1)..<(comment.count - 1)).string
  }
}
