public import Metrics

/// Passes, and the state of each target in its last one.
extension Store {
  /// The limit of stored passes for each scope: partial passes, by hand or by another timer, do not
  /// displace the full ones.
  private static let passes: Int64 = 1000
  /// The limit of facts of a host.
  static let factLimit = 100

  /// Replaces the summary of the last pass; nil if another one followed, or none is there.
  func change(
    _ number: Int64, to pass: PassSummary, in database: Database
  ) throws(DatabaseError) -> Int64? {
    guard try database.integer("SELECT max(id) FROM pass") == number else { return nil }
    try database.run(
      """
      UPDATE pass SET stop = ?, hosts = ?, up = ?, failed = ?, points = ?, warnings = ?
      WHERE id = ?
      """,
      .integer(pass.end.nanoseconds), .integer(Int64(pass.hosts)), .integer(Int64(pass.up)),
      .integer(Int64(pass.failed)), .integer(Int64(pass.points)),
      .blob(Self.encoded(pass.warnings)),
      .integer(number))
    return number
  }

  private static func encoded(_ warnings: [String]) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(warnings.count)
    for warning in warnings { writer.string(warning) }
    return writer.bytes
  }

  func keep(_ pass: PassSummary, in database: Database) throws(DatabaseError) -> Int64 {
    try database.run(
      """
      INSERT INTO pass (start, stop, hosts, up, failed, points, warnings, scope)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """,
      .integer(pass.start.nanoseconds), .integer(pass.end.nanoseconds), .integer(Int64(pass.hosts)),
      .integer(Int64(pass.up)), .integer(Int64(pass.failed)), .integer(Int64(pass.points)),
      .blob(Self.encoded(pass.warnings)), .integer(pass.scope.rawValue))
    let number = database.insertedID
    try database.run(
      """
      DELETE FROM pass WHERE scope = ?1 AND id <=
      (SELECT id FROM pass WHERE scope = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
      """, .integer(pass.scope.rawValue), .integer(Self.passes))
    return number
  }

  func keep(
    _ results: [HostResult], of pass: Int64, again: Bool, in database: Database
  ) throws(DatabaseError) {
    try shapes.refresh(database)
    var ids: [String: Int64] = [:]
    try database.rows("SELECT id, name FROM host") { ids[$0.text(1)] = $0.integer(0) }
    var troubled: Set<Int64> = []
    try database.rows("SELECT DISTINCT host FROM problem") { troubled.insert($0.integer(0)) }
    var written: Set<Int64> = []
    for result in results {
      let id = try keep(result, known: ids[result.batch.host], in: database)
      ids[result.batch.host] = id
      try keepStatus(of: result, id, hadProblems: troubled.contains(id), in: database)
      if !result.problems.isEmpty { troubled.insert(id) }
      try keepStates(of: result, id, in: database)
      try keep(Happening.all(in: result.batch), of: id, in: database)
      // A host that is in a pass twice has both parts in one row.
      try keepHistory(
        of: result.batch, id, pass: pass, again: !written.insert(id).inserted || again,
        in: database)
    }
  }

  /// Stores what a host's next scrape must know, and nothing else of a result.
  func keepMemory(of result: HostResult, in database: Database) throws(DatabaseError) {
    var known: Int64?
    try database.rows("SELECT id FROM host WHERE name = ?", .text(result.batch.host)) {
      known = $0.integer(0)
    }
    _ = try keep(result, known: known, in: database)
  }

  private func keep(
    _ result: HostResult, known: Int64?, in database: Database
  ) throws(DatabaseError) -> Int64 {
    var memory = Blocks()
    var due = Blocks()
    var facts: [String: String] = [:]
    var boot = result.bootID
    if let known {
      try database.rows("SELECT boot, memory, due, facts FROM host WHERE id = ?", .integer(known)) {
        let before = $0.optionalText(0)
        // Memory belongs to one boot: counters of another boot are of no use for rates.
        let untouched = !result.isOfBoot || (result.bootID == nil && result.memory.isEmpty)
        if untouched { boot = before }
        if untouched || before == result.bootID { memory = (try? Blocks($0.blob(1))) ?? Blocks() }
        due = (try? Blocks($0.blob(2))) ?? Blocks()
        for fact in (try? ByteReader.pairs($0.blob(3))) ?? [] { facts[fact.name] = fact.value }
      }
    }
    for (collector, kept) in result.memory { memory[collector] = kept.encoded }
    for (collector, time) in result.due { due[collector] = time.encoded }
    facts.merge(result.facts) { $1 }
    // Names of facts of another monitor are foreign text.
    if facts.count > Self.factLimit {
      let kept = facts.sorted { $0.key < $1.key }.prefix(Self.factLimit)
      facts = Dictionary(kept.map { ($0.key, $0.value) }) { first, _ in first }
    }
    let pairs = ByteWriter.pairs(facts.sorted { $0.key < $1.key }.map { Tag($0.key, $0.value) })
    let values: [SQLValue] = [
      .text(result.batch.host), .integer(result.batch.time.nanoseconds), .optional(boot),
      .blob(ByteWriter.pairs(result.batch.tags)), .blob(pairs), .blob(due.bytes),
      .blob(memory.bytes),
    ]
    if let known {
      try database.run(
        """
        UPDATE host SET name = ?1, seen = ?2, boot = ?3, tags = ?4, facts = ?5, due = ?6,
        memory = ?7 WHERE id = ?8
        """, values + [.integer(known)])
      return known
    }
    try database.run(
      """
      INSERT INTO host (name, seen, boot, tags, facts, due, memory) VALUES (?, ?, ?, ?, ?, ?, ?)
      """, values)
    return database.insertedID
  }

  private func keepStatus(
    of result: HostResult, _ host: Int64, hadProblems: Bool, in database: Database
  ) throws(DatabaseError) {
    let time = result.batch.time.nanoseconds
    for outcome in result.outcomes {
      try database.run(
        """
        INSERT INTO status (host, target, time, up, reason, message, duration_ms, bytes, since,
        last_up) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?3, ?9)
        ON CONFLICT (host, target) DO UPDATE SET time = ?3, up = ?4, reason = ?5, message = ?6,
        duration_ms = ?7, bytes = ?8, since = CASE WHEN up = ?4 THEN since ELSE ?3 END,
        last_up = coalesce(?9, last_up)
        """,
        .integer(host), .text(outcome.target), .integer(time), .integer(outcome.up ? 1 : 0),
        .optional(outcome.reason?.rawValue), .optional(outcome.message),
        .real(outcome.milliseconds),
        .integer(outcome.bytes), outcome.up ? .integer(time) : .null)
    }
    for collector in result.ran where hadProblems {
      try database.run(
        "DELETE FROM problem WHERE host = ? AND collector = ?", .integer(host), .text(collector))
    }
    for problem in result.problems {
      try database.run(
        "INSERT OR REPLACE INTO problem (host, collector, reason, detail) VALUES (?, ?, ?, ?)",
        .integer(host), .text(problem.collector), .text(problem.reason.rawValue),
        .text(problem.detail))
    }
  }

  /// The last known state of every target, by host and target.
  public func status() throws(StoreError) -> [TargetStatus] {
    try with { database throws(DatabaseError) in
      var all: [TargetStatus] = []
      try database.rows(
        """
        SELECT name, target, up, reason, message, duration_ms, bytes, time, since, last_up
        FROM status JOIN host ON host.id = status.host ORDER BY name, target
        """
      ) {
        all.append(
          TargetStatus(
            host: $0.text(0),
            outcome: TargetOutcome(
              target: $0.text(1), up: $0.integer(2) != 0,
              reason: $0.optionalText(3).flatMap { Reason(rawValue: $0) },
              message: $0.optionalText(4), milliseconds: $0.real(5), bytes: $0.integer(6)),
            time: Timestamp(nanoseconds: $0.integer(7)),
            since: Timestamp(nanoseconds: $0.integer(8)),
            lastUp: $0.optionalInteger(9).map { Timestamp(nanoseconds: $0) }))
      }
      return all
    }
  }

  /// The collector faults of each host from the last run of that collector.
  public func problems() throws(StoreError) -> [String: [CollectorProblem]] {
    try with { database throws(DatabaseError) in
      var all: [String: [CollectorProblem]] = [:]
      try database.rows(
        """
        SELECT name, collector, reason, detail FROM problem JOIN host ON host.id = problem.host
        ORDER BY name, collector
        """
      ) {
        guard let reason = Reason(rawValue: $0.text(2)) else { return }
        all[$0.text(0), default: []].append(
          CollectorProblem(collector: $0.text(1), reason: reason, detail: $0.text(3)))
      }
      return all
    }
  }

  /// The latest passes, newest first; of one scope if it is named.
  public func passes(
    _ count: Int = 1, of scope: PassScope? = nil
  ) throws(StoreError) -> [PassSummary] {
    try with { database throws(DatabaseError) in
      var all: [PassSummary] = []
      try database.rows(
        """
        SELECT start, stop, hosts, up, failed, points, warnings, scope FROM pass
        WHERE ?1 IS NULL OR scope = ?1 ORDER BY id DESC LIMIT ?2
        """, .optional(scope?.rawValue), .integer(Int64(count))
      ) {
        var reader = ByteReader($0.blob(6))
        var warnings: [String] = []
        while !reader.isAtEnd, let number = try? reader.count(), warnings.isEmpty {
          for _ in 0..<number {
            guard let warning = try? reader.string() else { break }
            warnings.append(warning)
          }
        }
        all.append(
          PassSummary(
            start: Timestamp(nanoseconds: $0.integer(0)),
            end: Timestamp(nanoseconds: $0.integer(1)),
            hosts: Int($0.integer(2)), up: Int($0.integer(3)), failed: Int($0.integer(4)),
            points: Int($0.integer(5)), warnings: warnings,
            scope: PassScope(rawValue: $0.integer(7)) ?? .part))
      }
      return all
    }
  }
}
