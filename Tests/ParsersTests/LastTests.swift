import Testing

@testable import Parsers

@Suite struct LastTests {
  static let login = CalendarTime(
    year: 2026, month: 11, day: 20, hour: 9, minute: 10, second: 11)
  static let logout = CalendarTime(
    year: 2026, month: 11, day: 20, hour: 10, minute: 20, second: 15)
  static let date = "Fri Nov 20 09:10:11 2026"

  static func record(
    _ user: String, _ terminal: String, _ from: String?, _ end: LoginRecord.End = .open,
    kind: LoginRecord.Kind = .login, at time: CalendarTime? = login
  ) -> LoginRecord? {
    time.map {
      LoginRecord(kind: kind, user: user, terminal: terminal, from: from, time: $0, end: end)
    }
  }

  static let rows: [(String, LoginRecord?)] = [
    (
      "alice    pts/0        10.8.0.12        \(date)   still logged in",
      record("alice", "pts/0", "10.8.0.12")
    ),
    (
      "alice    pts/0        10.8.0.12        \(date) - Fri Nov 20 10:20:15 2026  (01:10)    ",
      record("alice", "pts/0", "10.8.0.12", .at(logout))
    ),
    (
      "alice    pts/0        10.8.0.12        \(date) - crash                    (1+01:59)   ",
      record("alice", "pts/0", "10.8.0.12", .crash)
    ),
    (
      "alice    pts/0        10.8.0.12        \(date) - down                      (00:49)",
      record("alice", "pts/0", "10.8.0.12", .shutdown)
    ),
    (
      "alice    pts/0        10.8.0.12        \(date)   gone - no logout",
      record("alice", "pts/0", "10.8.0.12", .unknown)
    ),
    (
      "alice    pts/0        10.8.0.12        \(date) - Fri Nov 20 10:20:15 2026  (-00:10)",
      record("alice", "pts/0", "10.8.0.12", .at(logout))
    ),
    // A blank host shifts the columns; an all-zero address is none.
    (
      "alice    tty1                          \(date)   still logged in",
      record("alice", "tty1", nil)
    ),
    (
      "alice    tty1         0.0.0.0          \(date)   still logged in",
      record("alice", "tty1", nil)
    ),
    // The tool's own lines.
    (
      "reboot   system boot  6.1.0-18-amd64   \(date)   still running",
      record("reboot", "system boot", "6.1.0-18-amd64", kind: .boot)
    ),
    (
      "reboot   system boot  0.0.0.0          \(date) - crash  (18:49)",
      record("reboot", "system boot", nil, .crash, kind: .boot)
    ),
    (
      "shutdown system down  0.0.0.0          \(date) - Fri Nov 20 10:20:15 2026  (00:10)",
      record("shutdown", "system down", nil, .at(logout), kind: .shutdown)
    ),
    (
      "runlevel (to lvl 5)   0.0.0.0          \(date) - Fri Nov 20 10:20:15 2026  (03:59)",
      record("runlevel", "(to lvl 5)", nil, .at(logout), kind: .other)
    ),
    // Without -F, from busybox, and from wtmpdb.
    (
      "kb  pts/0  192.168.71.1  Fri Nov 20 09:10 - 15:22  (23:55)",
      record("kb", "pts/0", "192.168.71.1", .at(nil), at: WhoTests.time(nil, 11, 20, 9, 10))
    ),
    (
      "alice      pts/0          10.8.0.12          Nov 20 09:10",
      record("alice", "pts/0", "10.8.0.12", at: WhoTests.time(nil, 11, 20, 9, 10))
    ),
    (
      "alice    pts/0        10.8.0.12        \(date) - still logged in          ",
      record("alice", "pts/0", "10.8.0.12")
    ),
    // Names that a stranger typed.
    (
      "         ssh:notty    203.0.113.9      \(date) - Fri Nov 20 10:20:15 2026  (00:00)",
      record("", "ssh:notty", "203.0.113.9", .at(logout))
    ),
    (
      "a b c    ssh:notty    203.0.113.9      \(date) - Fri Nov 20 10:20:15 2026  (00:00)",
      record("a b c", "ssh:notty", "203.0.113.9", .at(logout))
    ),
    (
      "x Mon Jan  5 14:29:24 2026 - down (00:00) ssh:notty 203.0.113.9 \(date) - Fri Nov 20 10:20:15 2026  (00:00)",
      record("x Mon Jan  5 14:29:24 2026 - down (00:00)", "ssh:notty", "203.0.113.9", .at(logout))
    ),
    ("", nil), ("wtmp begins Wed Nov 18 08:00:01 2026", nil),
    ("wtmpdb begins Wed Nov 18 08:00:01 2026", nil),
    ("USER       TTY            HOST               LOGIN        TIME", nil),
  ]

  @Test(arguments: rows.map { $0.0 })
  func `a line of last is an entry or none`(_ line: String) throws {
    let expected = Self.rows.first { $0.0 == line }?.1
    let bytes = Array(line.utf8)
    let records = try Last.parse(bytes.span)
    #expect(records == (expected.map { [$0] } ?? []))
  }

  @Test(arguments: [
    "last: cannot open /var/log/wtmp", "alice pts/0 h Fri Nov 20 09:10:11 2026 - soon (00:00)",
    "alice pts/0 h Fri Nov 31 09:10:11 2026 still logged in", "Fri Nov 20 09:10:11 2026",
    "alice pts/0 h Fri Nov 20 09:10:11 2026 - ", "reboot system boot", "alice pts/0 Nov 20 09:10 -",
  ])
  func `text that is nothing of last is an error`(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(throws: ParseError.self) { try Last.parse(bytes.span) }
  }
}

@Suite struct WTmpDBTests {
  static func entry(user: String = "alice", host: String = "h", rest: String) -> String {
    """
    {
       "entries": [
         { "user": "\(user)",
           "tty": "pts/0",
           "hostname": "\(host)",
           "login": "Fri Nov 20 09:10:11 2026",
           \(rest)
         }
       ],
       "start": "Fri Nov 20 09:10:11 2026"
    }
    """
  }

  @Test(
    arguments: [
      (entry(rest: "\"logout\": \"still logged in \""), "alice", "h", .open),
      (entry(rest: "\"logout\": \"crash \""), "alice", "h", .crash),
      (
        entry(rest: "\"logout\": \"Fri Nov 20 10:20:15 2026\",\n  \"length\": \"01:10\""), "alice",
        "h", .at(LastTests.logout)
      ),
      // Without -F the end is a time of day.
      (
        entry(rest: "\"logout\": \"10:20\",\n  \"length\": \"01:10\""), "alice", "h", .at(nil)
      ),
      (entry(rest: "\"logout\": \"ERROR Unknown: 9\""), "alice", "h", .unknown),
      // What the tool does not escape.
      (
        entry(user: "a\"b", host: "c\\\", \"", rest: "\"logout\": \"\""), "a\"b", "c\\\", \"",
        .unknown
      ),
      (
        entry(host: "x\",\n\"login\": \"Mon Jan  5 00:00:00 2026", rest: "\"logout\": \"\""),
        "alice", "x", .unknown
      ),
    ] as [(String, String, String, LoginRecord.End)])
  func `an entry is read though its names are not escaped`(
    _ text: String, _ user: String, _ host: String, _ end: LoginRecord.End
  ) throws {
    let bytes = Array(text.utf8)
    let records = try WTmpDB.parse(bytes.span)
    let record = try #require(records.first)
    #expect(records.count == 1)
    #expect(record.user == user)
    #expect(record.from == host)
    #expect(record.end == end)
  }

  @Test func `an empty log is no error, and text of another kind is one`() throws {
    let empty = Array("{\n   \"entries\": [\n   ],\n}".utf8)
    let records = try WTmpDB.parse(empty.span)
    #expect(records == [])
    let other = Array("open_database_ro: Cannot open database".utf8)
    #expect(throws: ParseError.self) { try WTmpDB.parse(other.span) }
  }
}
