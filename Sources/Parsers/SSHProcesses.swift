/// Reads the titles of sshd's children from /proc/PID/cmdline: the users logged in over SSH on
/// hosts without utmp and logind.
///
/// OpenSSH's process of each session has the title `sshd: alice@pts/0` (since 9.8 `sshd-session:
/// …`), `alice@notty` without a terminal, `alice@pts/0,pts/1` for several sessions of one
/// connection.
public enum SSHProcesses: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [UserSession] {
    var sessions: [UserSession] = []
    var lines = Scanner(text)
    while sessions.count < Who.most, let line = lines.line() {
      var title = Scanner(line)
      guard let program = title.upTo(UInt8(ascii: " ")),
        program.equals("sshd:") || program.equals("sshd-session:")
      else { continue }
      // The title ends at the first NUL; the rest is the old command line.
      var rest = title.rest
      if let end = rest.firstIndex(of: "\0") { rest = rest.extracting(0..<end) }
      rest = rest.trimmed
      // `alice [priv]`, `unknown [net]` and the listener are no sessions.
      guard rest.count > 0, rest.firstIndex(of: "[") == nil else { continue }
      var at = rest.count - 1
      while at > 0, rest[at] != UInt8(ascii: "@") { at &-= 1 }
      guard at > 0 else { continue }
      let user = rest.extracting(0..<at).string
      let bytes = rest.extracting((at + 1)..<rest.count).bytes(limit: 256)
      for terminal in bytes.split(separator: UInt8(ascii: ",")) {
        let name = String(decoding: terminal, as: UTF8.self)
        sessions.append(UserSession(user: user, terminal: name == "notty" ? nil : name))
      }
    }
    return sessions
  }
}
