/// Reads `loginctl show-session ID…`: systemd-logind's data of each session, as `Name=value` lines
/// with an empty line between sessions.
///
/// Source: loginctl(1), org.freedesktop.login1(5). Sessions that are not a user's (a greeter, the
/// per-user manager of systemd 256 and later, a lock screen) and closing sessions are left out.
public enum Loginctl: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [UserSession] {
    var sessions: [UserSession] = []
    var block = Block()
    var lines = Scanner(text)
    var number = 0
    while let line = lines.line() {
      number &+= 1
      if line.count == 0 {
        if let session = block.session { sessions.append(session) }
        block = Block()
        continue
      }
      var words = Scanner(line)
      guard let name = words.upTo(UInt8(ascii: "=")) else {
        throw ParseError("loginctl", "expected Name=value", line: number, at: line)
      }
      block.set(name, to: words.rest)
    }
    if let session = block.session { sessions.append(session) }
    return sessions
  }

  private struct Block {
    var user: String?
    var terminal: String?
    var from: String?
    var since: CalendarTime?
    var isUser = true
    var isClosing = false

    mutating func set(_ name: Span<UInt8>, to text: Span<UInt8>) {
      if name.equals("Class") { isUser = text.starts(with: "user") }
      if name.equals("State") { isClosing = text.equals("closing") }
      guard text.count > 0 else { return }
      if name.equals("Name") { user = text.string }
      if name.equals("TTY") { terminal = text.string }
      // A graphical session has a display in place of a terminal.
      if name.equals("Display"), terminal == nil { terminal = text.string }
      if name.equals("RemoteHost") { from = text.string }
      if name.equals("Timestamp") {  // Tue 2024-01-02 10:11:12 UTC
        since = CalendarTime.read(text, text.wordRanges(limit: 4), at: 1)?.time
      }
    }

    var session: UserSession? {
      guard let user, isUser, !isClosing else { return nil }
      return UserSession(user: user, terminal: terminal, from: from, since: since)
    }
  }
}
