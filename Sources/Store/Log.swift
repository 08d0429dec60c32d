internal import CCrypto
public import Metrics

/// The log: what happened, line by line, each with a hash over itself and the hash of the line before.
///
/// A line that is removed or altered breaks the chain. The end of the chain is kept apart, so that lines
/// missing at its end are noticed, too; so is its beginning, which moves when old lines are dropped. Whoever
/// may write the file may compute everything anew: against that helps a number and hash that was noted
/// elsewhere.
extension Store {
  /// The limit of kept lines. Of the last ten thousand, one host has a tenth at most.
  static let logLines: Int64 = 200_000
  static let logWindow: Int64 = 10_000
  static let logLinesOfHost: Int64 = 1000
  /// A warning is not repeated while it is among the last 500 lines.
  private static let warningWindow: Int64 = 500
  /// Old lines are dropped once in 64 lines.
  private static let pruneEvery: Int64 = 64

  /// Adds lines outside of a pass.
  public func log(_ lines: [LogLine]) throws(StoreError) {
    guard !lines.isEmpty else { return }
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        try self.log(lines, in: database)
      }
    }
  }

  /// Adds the lines of a pass; `isNew` is false for further parts of it.
  func log(
    _ pass: PassSummary, _ number: Int64, isNew: Bool, _ results: [HostResult],
    in database: Database
  ) throws(DatabaseError) {
    var lines = isNew ? [LogLine.pass(pass, number)] : []
    lines += pass.warnings.map { .warning($0, at: pass.end) }
    for result in results {
      let own = LogLine.all(of: result)
      guard !own.isEmpty else { continue }
      lines += try kept(own, of: result.batch.host, in: database)
    }
    try log(lines, in: database)
  }

  /// The lines of a host within its share.
  private func kept(
    _ lines: [LogLine], of host: String, in database: Database
  ) throws(DatabaseError) -> [LogLine] {
    let last = try database.integer("SELECT last FROM log_end") ?? 0
    let own =
      try database.integer(
        "SELECT count(*) FROM log WHERE host = ? AND id > ?", .text(host),
        .integer(last - Self.logWindow)) ?? 0
    let room = Int(min(Int64(LogLine.mostOfHost), Self.logLinesOfHost - own))
    guard room > 0 else { return [] }
    guard lines.count > room else { return lines }
    let left = lines.count - room + 1
    let note = LogLine(
      .event, host: host, at: lines[0].time,
      [
        ("source", .string("log")), ("severity", .string("minor")), ("subject", .string("log")),
        ("message", .string("\(Format.count(left, "more line")) of this host left out")),
      ])
    return lines.prefix(room - 1) + [note]
  }

  /// Appends lines to the chain.
  func log(_ lines: [LogLine], in database: Database) throws(DatabaseError) {
    var end = try logEnd(database)
    // Lines that somebody else added must not stop a pass; they are noticed as the chain passes them by.
    end.last = max(end.last, try database.integer("SELECT max(id) FROM log") ?? 0)
    var repeated: Set<[UInt8]>?
    let before = end.last
    for line in lines {
      var line = line
      let body = line.body.bytes
      if line.kind == .warning {
        if repeated == nil { repeated = try warnings(after: end.last, in: database) }
        guard repeated?.insert(body).inserted == true else { continue }
      }
      end.last += 1
      line.number = end.last
      end.hash = Self.digest(line, body, after: end.hash)
      try database.run(
        "INSERT INTO log (id, time, kind, host, body, hash) VALUES (?, ?, ?, ?, ?, ?)",
        .integer(line.number), .integer(line.time.nanoseconds), .text(line.kind.rawValue),
        .optional(line.host), .blob(body), .blob(end.hash))
    }
    guard end.last > before else { return }
    try database.run(
      "UPDATE log_end SET last = ?, hash = ?", .integer(end.last), .blob(end.hash))
    if end.last / Self.pruneEvery != before / Self.pruneEvery,
      let time = lines.map(\.time).max()
    {
      try pruneLog(end, at: time, in: database)
    }
  }

  private func warnings(
    after last: Int64, in database: Database
  ) throws(DatabaseError) -> Set<[UInt8]> {
    var all: Set<[UInt8]> = []
    try database.rows(
      "SELECT body FROM log WHERE id > ? AND kind = 'warning'",
      .integer(last - Self.warningWindow)
    ) { all.insert($0.blob(0)) }
    return all
  }

  /// Drops lines that are too old or too many; the chain then begins with the hash of the last of them.
  private func pruneLog(
    _ end: LogEnd, at time: Timestamp, in database: Database
  ) throws(DatabaseError) {
    let fresh =
      try database.integer(
        "SELECT id FROM log WHERE time >= ? ORDER BY id LIMIT 1",
        .integer(time.before(limits.keep).nanoseconds)) ?? end.last
    let first = max(fresh, end.last - Self.logLines + 1)
    guard first > end.first else { return }
    var anchor: [UInt8]?
    try database.rows("SELECT hash FROM log WHERE id = ?", .integer(first - 1)) {
      anchor = $0.blob(0)
    }
    // Where that line was removed the chain cannot begin there: nothing is dropped, so that it is noticed.
    guard let anchor else { return }
    try database.run("DELETE FROM log WHERE id < ?", .integer(first))
    try database.run(
      "UPDATE log_end SET first = ?, anchor = ?", .integer(first), .blob(anchor))
  }

  // MARK: The chain

  struct LogEnd {
    /// The first and the last line that there must be, and the hashes of the line before and of the last.
    var first: Int64
    var anchor: [UInt8]
    var last: Int64
    var hash: [UInt8]
  }

  private func logEnd(_ database: Database) throws(DatabaseError) -> LogEnd {
    var end = LogEnd(first: 1, anchor: Self.noHash, last: 0, hash: Self.noHash)
    var isThere = false
    try database.rows("SELECT first, anchor, last, hash FROM log_end") {
      end = LogEnd(
        first: $0.integer(0), anchor: $0.blob(1), last: $0.integer(2), hash: $0.blob(3))
      isThere = true
    }
    if !isThere {
      // Somebody removed it: verifying says so of the lines before.
      end.last = try database.integer("SELECT max(id) FROM log") ?? 0
      end.first = end.last + 1
      try database.run(
        "INSERT INTO log_end (id, first, anchor, last, hash) VALUES (1, ?, ?, ?, ?)",
        .integer(end.first), .blob(end.anchor), .integer(end.last), .blob(end.hash))
    }
    return end
  }

  private static let noHash = [UInt8](repeating: 0, count: 32)

  /// SHA-256 of the hash before, the number, the time, the kind, the host and the body.
  ///
  /// The corresponding C function is `EVP_Digest`.
  private static func digest(_ line: LogLine, _ body: [UInt8], after hash: [UInt8]) -> [UInt8] {
    digest(
      number: line.number, time: line.time.nanoseconds, kind: line.kind.rawValue, host: line.host,
      body: body, after: hash)
  }

  private static func digest(
    number: Int64, time: Int64, kind: String, host: String?, body: [UInt8], after hash: [UInt8]
  ) -> [UInt8] {
    var text = hash
    for value in [number, time] {
      withUnsafeBytes(of: value.bigEndian) { text.append(contentsOf: $0) }
    }
    // None of the lengths can be taken for another: each precedes its text.
    let name: [UInt8] = host.map { [1] + Array($0.utf8) } ?? [0]
    for part in [Array(kind.utf8), name, body] {
      withUnsafeBytes(of: UInt32(truncatingIfNeeded: part.count).bigEndian) {
        text.append(contentsOf: $0)
      }
      text.append(contentsOf: part)
    }
    var result = noHash
    var size: UInt32 = 0
    EVP_Digest(text, text.count, &result, &size, EVP_sha256(), nil)
    return result
  }

  // MARK: Reading

  /// The kept lines since that time, oldest first.
  public func logLines(since time: Timestamp? = nil) throws(StoreError) -> [LogLine] {
    try with { database throws(DatabaseError) in
      var lines: [LogLine] = []
      try database.rows(
        "SELECT id, time, kind, host, body FROM log WHERE time >= ? ORDER BY id",
        .integer(time?.nanoseconds ?? .min)
      ) { row in
        guard let kind = LogLine.Kind(rawValue: row.text(2)),
          case .object(let body)? = JSON(reading: row.blob(4))
        else { return }
        var line = LogLine(
          kind, host: row.optionalText(3), at: Timestamp(nanoseconds: row.integer(1)), body)
        line.number = row.integer(0)
        lines.append(line)
      }
      return lines
    }
  }

  /// What verifying the log found.
  public struct LogVerdict: Sendable, Equatable {
    public var lines = 0
    /// The numbers of the first and the last line that there must be.
    public var first: Int64 = 0
    public var last: Int64 = 0
    /// The time of the first line that is there.
    public var since: Timestamp?
    /// The hash of the last line, in hexadecimal.
    public var head = ""
    /// What is wrong, in words, by line; at most a hundred.
    public var faults: [String] = []

    public init() {}
  }

  /// A number and a hash, or its beginning, that was noted earlier.
  public struct LogMark: Sendable, Equatable {
    public var number: Int64
    public var hash: String

    public init(number: Int64, hash: String) {
      self.number = number
      self.hash = hash
    }
  }

  /// Computes all hashes again. With `mark`, the line of that number must have that hash.
  public func verifyLog(against mark: LogMark? = nil) throws(StoreError) -> LogVerdict {
    try with { database throws(DatabaseError) in try self.verified(mark, in: database) }
  }

  private func verified(
    _ mark: LogMark?, in database: Database
  ) throws(DatabaseError) -> LogVerdict {
    var verdict = LogVerdict()
    var end: LogEnd?
    try database.rows("SELECT first, anchor, last, hash FROM log_end") {
      end = LogEnd(
        first: $0.integer(0), anchor: $0.blob(1), last: $0.integer(2), hash: $0.blob(3))
    }
    guard let end else {
      verdict.faults = ["the end of the chain is gone: all lines may be missing or altered"]
      return verdict
    }
    verdict.first = end.first
    verdict.last = end.last
    verdict.head = Self.hex(end.hash)
    var expected = end.first
    /// Nil after a gap: what the next line follows is gone.
    var before: [UInt8]? = end.anchor
    var marked: String?
    if let mark, mark.number == end.first - 1 { marked = Self.hex(end.anchor) }
    var faults: [String] = []
    try database.rows("SELECT id, time, kind, host, body, hash FROM log ORDER BY id") { row in
      let number = row.integer(0)
      verdict.lines += 1
      if verdict.since == nil { verdict.since = Timestamp(nanoseconds: row.integer(1)) }
      guard number >= expected else {
        faults.append("line \(number) is before the first one, \(end.first)")
        return
      }
      if number > expected {
        faults.append(Self.missing(expected, number - 1))
        before = nil
      }
      let hash = row.blob(5)
      if let before {
        let right = Self.digest(
          number: number, time: row.integer(1), kind: row.text(2), host: row.optionalText(3),
          body: row.blob(4), after: before)
        if right != hash {
          faults.append(
            "line \(number), \(Format.moment(Timestamp(nanoseconds: row.integer(1)))): it was altered"
              + (number > end.first ? ", or the hash of the line before it" : ""))
        }
      }
      if number == mark?.number { marked = Self.hex(hash) }
      before = hash
      expected = number + 1
    }
    if expected <= end.last { faults.append(Self.missing(expected, end.last)) }
    if expected > end.last + 1 {
      faults.append(
        "\(Format.count(Int(expected - end.last - 1), "line")) after the last one, \(end.last)")
    } else if expected == end.last + 1, let before, before != end.hash {
      faults.append("line \(end.last): its hash is not that of the end of the chain")
    }
    if let mark {
      if let marked {
        if !marked.hasPrefix(mark.hash) {
          faults.append("line \(mark.number) has the hash \(marked), not that which was noted")
        }
      } else if mark.number < end.first {
        faults.append("line \(mark.number) was dropped since, as old lines are; note a newer one")
      } else {
        faults.append("line \(mark.number), which was noted, is not there")
      }
    }
    verdict.faults = Array(faults.prefix(100))
    return verdict
  }

  private static func missing(_ first: Int64, _ last: Int64) -> String {
    first == last ? "line \(first) is missing" : "lines \(first) to \(last) are missing"
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
