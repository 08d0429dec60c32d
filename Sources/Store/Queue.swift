public import Metrics

/// The payloads for each durable sink, until they are delivered.
extension Store {
  /// A payload in the queue.
  public struct Waiting: Sendable, Equatable {
    /// Its position in the queue; a smaller one is older.
    public var id: Int64
    public var payload: Payload
  }

  /// The counts of a sink's queue.
  public struct QueueStatus: Sendable, Equatable {
    public var sink: String
    public var payloads: Int
    public var lines: Int
    public var bytes: Int
    public var oldest: Timestamp?
    /// Points dropped at the queue's limits since the store was created.
    public var dropped: Int
    /// Why the last attempt delivered nothing; nil if it succeeded.
    public var trouble: Trouble?
  }

  /// A sink that failed, in whole or in part.
  public struct Trouble: Sendable, Equatable {
    /// The number of failures in a row.
    public var failures: Int
    /// The time of the first of them.
    public var since: Timestamp
    /// The end of the back-off; in the past if there is none.
    public var until: Timestamp
    /// The reason, a word of docs/metrics.md.
    public var reason: String
    /// The error message. May hold a server's words: make it visible before printing.
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

  /// Drops payloads beyond the limits of size and age, also for removed sinks.
  func pruneQueues(
    to bounds: [String: QueueBounds], at time: Timestamp, in database: Database
  ) throws(DatabaseError) {
    var sinks: [String] = []
    try database.rows("SELECT DISTINCT sink FROM queue") { sinks.append($0.text(0)) }
    for sink in sinks {
      let bounds = bounds[sink] ?? QueueBounds()
      let oldest = time.before(bounds.keep)
      try drop("sink = ?1 AND time < ?2", .text(sink), .integer(oldest.nanoseconds), in: database)
      // From the newest back: payloads beyond the limit are dropped, the oldest first.
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

  /// Counts the points that are dropped, then deletes them.
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

  /// The oldest payload of the sink after the given one; nil if there are no more.
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

  /// Deletes delivered payloads.
  public func delivered(_ ids: [Int64]) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        for id in ids { try database.run("DELETE FROM queue WHERE id = ?", .integer(id)) }
      }
    }
  }

  /// The failure of the sink's last attempt; nil if it succeeded.
  public func trouble(of sink: String) throws(StoreError) -> Trouble? {
    try with { database throws(DatabaseError) in
      var trouble: Trouble?
      try database.rows(
        "SELECT failures, since, until, reason, message FROM trouble WHERE sink = ?", .text(sink)
      ) { trouble = Trouble($0, from: 0) }
      return trouble
    }
  }

  /// Stores the sink's failure, or clears it with nil.
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

  /// The queues that hold or have dropped points.
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

  /// The limits of the back-off: after a slow failure, and at the server's request.
  public static let longest = (cost: Duration.seconds(300), asked: Duration.seconds(3600))

  /// Whether the sink is backing off. A time too far ahead comes from a clock that was set back.
  public func holds(at now: Timestamp) -> Bool {
    until > now && until <= now.after(Self.longest.asked)
  }
}
