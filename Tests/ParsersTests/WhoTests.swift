import Testing

@testable import Parsers

@Suite struct WhoTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var line: String
    var session: UserSession?
    var testDescription: String { line }

    init(_ line: String, _ session: UserSession?) {
      self.line = line
      self.session = session
    }
  }

  static func time(
    _ year: Int?, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int? = nil
  ) -> CalendarTime? {
    CalendarTime(
      year: year, month: month, day: day, hour: hour, minute: minute, second: second)
  }

  static func session(
    _ user: String, _ terminal: String?, _ from: String?, _ since: CalendarTime?
  ) -> UserSession {
    UserSession(user: user, terminal: terminal, from: from, since: since)
  }

  static let rows: [Row] = [
    // With the year, and as the C locale writes it.
    Row(
      "alice    pts/0        2026-02-28 18:43 (192.0.2.1)",
      session("alice", "pts/0", "192.0.2.1", time(2026, 2, 28, 18, 43))),
    Row(
      "alice    pts/0        Feb 29 18:43 (192.0.2.1)",
      session("alice", "pts/0", "192.0.2.1", time(nil, 2, 29, 18, 43))),
    Row("bob      ttyS0        Nov  1 07:05", session("bob", "ttyS0", nil, time(nil, 11, 1, 7, 5))),
    // Hosts that are none.
    Row("c  tty7  2026-01-02 03:04 (:0)", session("c", "tty7", ":0", time(2026, 1, 2, 3, 4))),
    Row(
      "c  seat0  2026-01-02 03:04 (login screen)",
      session("c", "seat0", "login screen", time(2026, 1, 2, 3, 4))),
    Row(
      "c  pts/2  2026-01-02 03:04 (tmux(123).%0)",
      session("c", "pts/2", "tmux(123).%0", time(2026, 1, 2, 3, 4))),
    Row(
      "c  pts/2  2026-01-02 03:04 (fe80::1%eth0)",
      session("c", "pts/2", "fe80::1%eth0", time(2026, 1, 2, 3, 4))),
    Row("c  pts/2  2026-01-02 03:04 ()", session("c", "pts/2", nil, time(2026, 1, 2, 3, 4))),
    Row("c  pts/2  2026-01-02 03:04 (half", session("c", "pts/2", nil, time(2026, 1, 2, 3, 4))),
    // Long names, and names with blanks.
    Row(
      "bartholomew-the-very-long-name-32 pts/1        Nov 20 09:12 (h)",
      session("bartholomew-the-very-long-name-32", "pts/1", "h", time(nil, 11, 20, 9, 12))),
    Row(
      "LAB\\red team pts/1 2026-01-02 03:04",
      session("LAB\\red team", "pts/1", nil, time(2026, 1, 2, 3, 4))),
    // who -a
    Row(
      "alice  + pts/0        2026-02-28 18:43 00:11        3709 (192.0.2.1)",
      session("alice", "pts/0", "192.0.2.1", time(2026, 2, 28, 18, 43))),
    Row(
      "alice  ? pts/0        Nov 20 09:10   ?          1001 (10.8.0.12)",
      session("alice", "pts/0", "10.8.0.12", time(nil, 11, 20, 9, 10))),
    Row("           system boot  2026-02-28 12:13", nil),
    Row("           run-level 3  2026-02-28 12:13", nil),
    Row("LOGIN      tty1         2026-02-28 12:13               841 id=tty1", nil),
    Row("           pts/1        2026-02-28 18:28              3381 id=ts/1  term=0 exit=0", nil),
    Row("NAME     LINE         TIME             COMMENT", nil),
    // busybox
    Row(
      "alice           pts/0           00:07   Nov 20 09:10:11  10.8.0.12",
      session("alice", "pts/0", "10.8.0.12", time(nil, 11, 20, 9, 10, 11))),
    Row(
      "carol           tty7            old     Nov 20 09:13:11  ",
      session("carol", "tty7", nil, time(nil, 11, 20, 9, 13, 11))),
    Row("USER\t\tTTY\t\tIDLE\tTIME\t\t HOST", nil),
    Row("", nil),
  ]

  @Test(arguments: rows)
  func `a line of who is a session or none`(_ row: Row) throws {
    let bytes = Array(row.line.utf8)
    let sessions = try Who.parse(bytes.span)
    #expect(sessions == (row.session.map { [$0] } ?? []))
  }

  @Test(arguments: [
    "who: memory exhausted", "alice pts/0", "alice pts/0 2026-13-01 10:00",
    "alice pts/0 2026-02-30 10:00", "alice pts/0 Nov 20 24:00", "alice pts/0 Nov 20",
    "pts/0 Nov 20 09:10:11 x",
  ])
  func `text that is not of who is an error, not an empty list`(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(throws: ParseError.self) { try Who.parse(bytes.span) }
  }

  @Test func `a strange line does not hide the others`() throws {
    let bytes = Array("mallory pts/9 Nov 20 09:10 (a\nb)\nalice pts/0 Nov 20 09:10\r\n".utf8)
    let sessions = try Who.parse(bytes.span)
    #expect(sessions.map(\.user) == ["mallory", "alice"])
  }

  @Test func `no more sessions are read than the bound`() throws {
    let bytes = Array(String(repeating: "a b Nov 20 09:10\n", count: Who.most + 10).utf8)
    let count = try Who.parse(bytes.span).count
    #expect(count == Who.most)
  }
}

@Suite struct SSHProcessesTests {
  @Test(arguments: [
    ("sshd: alice@pts/0", ["alice pts/0"]),
    ("sshd-session: alice@pts/0,pts/12", ["alice pts/0", "alice pts/12"]),
    ("sshd: bob@example.org@notty\0\0-D", ["bob@example.org -"]),
    ("sshd: alice [priv]", []), ("sshd: unknown [net]", []), ("sshd: @pts/0", []),
    ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", []), ("grep sshd: a@b", []),
    ("sshd:", []), ("sshd: ", []), ("", []),
  ])
  func `a title of sshd names who is logged in`(_ title: String, _ expected: [String]) throws {
    let bytes = Array(title.utf8)
    let sessions = try SSHProcesses.parse(bytes.span)
    #expect(sessions.map { "\($0.user) \($0.terminal ?? "-")" } == expected)
  }
}

@Suite struct LoginctlTests {
  @Test(
    arguments: [
      (
        "Name=alice\nTimestamp=Fri 2026-11-20 09:10:11 UTC\nTTY=pts/0\nRemoteHost=h\nClass=user\nState=active\n",
        "alice pts/0 h 2026-11-20 09:10"
      ),
      // As systemd 219 orders them; older versions name no class.
      ("RemoteHost=h\nState=online\nName=bob\n", "bob - h -"),
      ("Name=carol\nDisplay=:0\nTTY=\nClass=user\nState=active\n", "carol :0 - -"),
      ("Name=carol\nClass=user-light\nState=active\n", "carol - - -"),
      ("Name=carol\nClass=manager\nState=active\n", nil),
      ("Name=gdm\nClass=greeter\nState=active\n", nil),
      ("Name=bob\nClass=user\nState=closing\n", nil), ("Class=user\n", nil), ("\n\n", nil),
    ] as [(String, String?)])
  func `a session of logind is a user's or none`(_ text: String, _ expected: String?) throws {
    let bytes = Array(text.utf8)
    let sessions = try Loginctl.parse(bytes.span).map {
      "\($0.user) \($0.terminal ?? "-") \($0.from ?? "-") \($0.since?.description ?? "-")"
    }
    #expect(sessions == (expected.map { [$0] } ?? []))
  }

  @Test func `what is no property is an error`() {
    let bytes = Array("Failed to get session path".utf8)
    #expect(throws: ParseError.self) { try Loginctl.parse(bytes.span) }
  }
}

@Suite struct CalendarTimeTests {
  /// 2026-11-20 13:00 UTC.
  static let now: Int64 = 1_795_179_600

  @Test(
    arguments: [
      (nil, 11, 20, 9, 10, 1_795_165_800), (nil, 11, 21, 12, 0, 1_795_262_400),
      // More than a day ahead is last year.
      (nil, 11, 22, 9, 10, 1_763_802_600), (nil, 12, 31, 23, 59, 1_767_225_540),
      // The last 29 February.
      (nil, 2, 29, 0, 0, 1_709_164_800), (1970, 1, 1, 0, 0, 0), (1969, 12, 31, 23, 59, -60),
      (2038, 1, 19, 3, 14, 2_147_483_640), (1, 1, 1, 0, 0, -62_135_596_800),
    ] as [(Int?, Int, Int, Int, Int, Int64)])
  func `a time is UTC and a missing year the latest that can be`(
    _ year: Int?, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ seconds: Int64
  ) throws {
    let time = try #require(
      CalendarTime(year: year, month: month, day: day, hour: hour, minute: minute))
    #expect(time.seconds(before: Self.now) == seconds)
  }

  @Test(arguments: [
    (2026, 2, 29), (2100, 2, 29), (2026, 4, 31), (2026, 0, 1), (2026, 13, 1), (0, 1, 1),
    (10_000, 1, 1), (2026, 1, 0),
  ])
  func `a day that is not in the calendar is no time`(_ year: Int, _ month: Int, _ day: Int) {
    #expect(CalendarTime(year: year, month: month, day: day, hour: 0, minute: 0) == nil)
  }

  @Test func `seconds become a date and seconds again`() throws {
    for seconds in stride(
      from: Int64(-62_135_596_800), through: 253_402_300_799, by: 86_400 * 97 + 12_345)
    {
      let time = try #require(CalendarTime(seconds: seconds))
      #expect(time.seconds(before: 0) == seconds)
    }
    #expect(CalendarTime(seconds: .max) == nil)
    #expect(CalendarTime(seconds: 1_795_165_800)?.description == "2026-11-20 09:10")
  }

  @Test(arguments: [Int64.min, .max, 0, -62_135_596_800, 253_402_300_799])
  func `no clock of the monitor is too strange to infer a year`(_ now: Int64) throws {
    let time = try #require(CalendarTime(year: nil, month: 2, day: 29, hour: 0, minute: 0))
    if let seconds = time.seconds(before: now) { #expect(seconds <= now + 86_400) }
  }
}
