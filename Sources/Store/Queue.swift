public import Metrics

/// What is to be delivered to each durable sink, until it has been.
extension Store {
  /// A payload that waits.
  public struct Waiting: Sendable, Equatable {
    /// Its place in the queue; a smaller one is older.
    public var id: Int64
    public var payload: Payload
  }

  /// A sink's queue in figures.
  public struct QueueStatus: Sendable, Equatable {
    public var sink: String
    public var payloads: Int
    public var lines: Int
    public var bytes: Int
    public var oldest: Timestamp?
    /// Points that were dropped, ever, because the queue was at its bound.
    public var dropped: Int
    /// Why nothing was delivered at the last attempt; nil where that went well.
    public var trouble: Trouble?
  }

  /// A sink that did not take what it was brought, or not all.
  public struct Trouble: Sendable, Equatable {
    /// How often in a row.
    public var failures: Int
    /// When that began.
    public var since: Timestamp
    /// Until when it is left alone; in the past where it need not be.
    public var until: Timestamp
    /// The word of docs/metrics.md for it.
    public var reason: String
    /// What it said. It may hold a server's words: make it visible before printing.
    public var message: String

    public init(
      failures: Int,
      since: Timestamp,
      until: Timestamp,
      reason: String,
      message: String
    ) {
      self.failures = failures
      self.since = since
      self.until = until
      self.reason = reason
      self.message = message
    }
  }

  func enqueue(
    _ payloads: [Payload], for sink: String, at time: Timestamp, in database: Database
  ) throws(DatabaseError) {
    for payload in payloads {
      try database.run(
        "INSERT INTO queue (sink, time, lines, bytes, body) VALUES (?, ?, ?, ?, ?)",
        .text(sink), .integer(time.nanoseconds), .integer(Int64(payload.lines)),
        .integer(Int64(payload.body.count)), .blob(payload.body))
    }
  }

  /// Drops what is too much or has waited too long, also for sinks that are no longer there.
  func pruneQueues(
    to bounds: [String: QueueBounds], at time: Timestamp, in database: Database
  ) throws(DatabaseError) {
    var sinks: [String] = []
    try database.rows("SELECT DISTINCT sink FROM queue") { sinks.append($0.text(0)) }
    for sink in sinks {
      let bounds = bounds[sink] ?? QueueBounds()
      let oldest = time.before(bounds.keep)
      try drop("sink = ?1 AND time < ?2", .text(sink), .integer(oldest.nanoseconds), in: database)
      // From the newest back: what lies beyond the bound goes, the oldest points first.
      var bytes: Int64 = 0
      var last: Int64 = 0
      try database.rows("SELECT id, bytes FROM queue WHERE sink = ? ORDER BY id DESC", .text(sink))
      {
        bytes += $0.integer(1)
        if bytes > bounds.size { last = max(last, $0.integer(0)) }
      }
      if last > 0 { try drop("sink = ?1 AND id <= ?2", .text(sink), .integer(last), in: database) }
    }
  }

  /// Counts the points that are given up, then deletes them.
  private func drop(
    _ condition: String, _ values: SQLValue..., in database: Database
  ) throws(DatabaseError) {
    try database.run(
      """
      INSERT INTO dropped (sink, lines)
      SELECT sink, sum(lines) FROM queue WHERE \(condition) GROUP BY sink
      ON CONFLICT (sink) DO UPDATE SET lines = lines + excluded.lines
      """, values)
    try database.run("DELETE FROM queue WHERE \(condition)", values)
  }

  /// The oldest payload of the sink after the given one; nil where no more wait.
  public func next(for sink: String, after id: Int64 = 0) throws(StoreError) -> Waiting? {
    try with { database throws(DatabaseError) in
      var waiting: Waiting?
      try database.rows(
        "SELECT id, lines, body FROM queue WHERE sink = ? AND id > ? ORDER BY id LIMIT 1",
        .text(sink), .integer(id)
      ) {
        waiting = Waiting(
          id: $0.integer(0), payload: Payload(body: $0.blob(2), lines: Int($0.integer(1))))
      }
      return waiting
    }
  }

  /// Forgets payloads that were delivered.
  public func delivered(_ ids: [Int64]) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        for id in ids { try database.run("DELETE FROM queue WHERE id = ?", .integer(id)) }
      }
    }
  }

  /// How the sink failed when it was last tried; nil where it did not.
  public func trouble(of sink: String) throws(StoreError) -> Trouble? {
    try with { database throws(DatabaseError) in
      var trouble: Trouble?
      try database.rows(
        "SELECT failures, since, until, reason, message FROM trouble WHERE sink = ?", .text(sink)
      ) { trouble = Trouble($0, from: 0) }
      return trouble
    }
  }

  /// Remembers that the sink failed, or with nil that it does no more.
  public func remember(_ trouble: Trouble?, of sink: String) throws(StoreError) {
    try with { database throws(DatabaseError) in
      guard let trouble else {
        try database.run("DELETE FROM trouble WHERE sink = ?", .text(sink))
        return
      }
      try database.run(
        """
        INSERT OR REPLACE INTO trouble (sink, failures, since, until, reason, message)
        VALUES (?, ?, ?, ?, ?, ?)
        """, .text(sink), .integer(Int64(trouble.failures)), .integer(trouble.since.nanoseconds),
        .integer(trouble.until.nanoseconds), .text(trouble.reason),
        .text(trouble.message))
    }
  }

  /// The queues that hold or have dropped anything.
  public func queues() throws(StoreError) -> [QueueStatus] {
    try with { database throws(DatabaseError) in
      var all: [String: QueueStatus] = [:]
      try database.rows(
        "SELECT sink, count(*), sum(lines), sum(bytes), min(time) FROM queue GROUP BY sink"
      ) {
        all[$0.text(0)] = QueueStatus(
          sink: $0.text(0), payloads: Int($0.integer(1)), lines: Int($0.integer(2)),
          bytes: Int($0.integer(3)), oldest: Timestamp(nanoseconds: $0.integer(4)), dropped: 0)
      }
      try database.rows("SELECT sink, lines FROM dropped") {
        let none = QueueStatus(sink: $0.text(0), payloads: 0, lines: 0, bytes: 0, dropped: 0)
        all[$0.text(0), default: none].dropped = Int($0.integer(1))
      }
      try database.rows("SELECT sink, failures, since, until, reason, message FROM trouble") {
        all[$0.text(0)]?.trouble = Trouble($0, from: 1)
      }
      return all.values.sorted { $0.sink < $1.sink }
    }
  }
}

extension Store.Trouble {
  fileprivate init(_ row: Statement, from column: Int32) {
    self.init(
      failures: Int(row.integer(column)), since: Timestamp(nanoseconds: row.integer(column + 1)),
      until: Timestamp(nanoseconds: row.integer(column + 2)), reason: row.text(column + 3),
      message: row.text(column + 4))
  }

  /// The longest that a sink is left alone for costing time, and for asking for it.
  public static let longest = (cost: Duration.seconds(300), asked: Duration.seconds(3600))

  /// Whether the sink is to be left alone. A moment too far off is of a clock that was set back.
  public func holds(at now: Timestamp) -> Bool {
    until > now && until <= now.after(Self.longest.asked)
  }
}
