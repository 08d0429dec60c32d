public import Metrics

/// Incidents, acknowledgements, silences and the memory of notifiers.
extension Store {
  /// An incident; the alerting code writes and reads its body.
  public struct KeptIncident: Sendable, Equatable {
    public var id: Int64
    public var contact: String
    /// Whether passes still process it.
    public var isOpen: Bool
    public var body: JSON

    public init(id: Int64, contact: String, isOpen: Bool, body: JSON) {
      self.id = id
      self.contact = contact
      self.isOpen = isOpen
      self.body = body
    }
  }

  /// A silence: no notifications for matching checks for a given time.
  public struct Silence: Sendable, Equatable {
    /// 0 before it is stored.
    public var id: Int64 = 0
    /// A pattern of hosts, as in `--limit`.
    public var hosts: String
    /// A glob of checks; nil for all.
    public var check: String?
    public var from: Timestamp
    public var until: Timestamp
    public var who: String
    public var why: String

    public init(
      hosts: String, check: String?, from: Timestamp, until: Timestamp, who: String, why: String
    ) {
      self.hosts = hosts
      self.check = check
      self.from = from
      self.until = until
      self.who = who
      self.why = why
    }
  }

  /// An acknowledgement of a check that is not ok.
  public struct Acknowledgement: Sendable, Equatable {
    public var host: String
    public var check: String
    /// The acknowledged severity: a worse state ends the acknowledgement.
    public var severity: Severity
    public var time: Timestamp
    public var who: String
    public var why: String

    public init(
      host: String, check: String, severity: Severity, time: Timestamp, who: String, why: String
    ) {
      self.host = host
      self.check = check
      self.severity = severity
      self.time = time
      self.who = who
      self.why = why
    }
  }

  /// The limit of stored incidents.
  private static let incidents: Int64 = 10_000

  // MARK: Incidents

  /// The open incidents, or the latest of all, by start time.
  public func incidents(all limit: Int? = nil) throws(StoreError) -> [KeptIncident] {
    try with { database throws(DatabaseError) in
      var found: [KeptIncident] = []
      let condition = limit == nil ? "WHERE open = 1" : ""
      try database.rows(
        "SELECT id, contact, open, body FROM incident \(condition) ORDER BY id DESC LIMIT ?",
        .integer(Int64(limit ?? .max))
      ) { row in
        guard let body = JSON(reading: row.blob(3)) else { return }
        found.append(
          KeptIncident(
            id: row.integer(0), contact: row.text(1), isOpen: row.integer(2) != 0, body: body))
      }
      return found.reversed()
    }
  }

  /// The number of the next incident; numbers are never reused.
  public func nextIncident() throws(StoreError) -> Int64 {
    try with { database throws(DatabaseError) in
      (try database.integer("SELECT max(seq) FROM sqlite_sequence WHERE name = 'incident'") ?? 0)
        + 1
    }
  }

  /// Stores an incident outside the transaction of a pass: a delivery is recorded at once.
  public func keep(_ incident: KeptIncident) throws(StoreError) {
    try with { database throws(DatabaseError) in try self.keep(incident, in: database) }
  }

  /// Stores the incidents of a delivery, and lines of the log with it.
  public func keep(_ incidents: [KeptIncident], log lines: [LogLine]) throws(StoreError) {
    guard !incidents.isEmpty || !lines.isEmpty else { return }
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        for incident in incidents { try self.keep(incident, in: database) }
        try self.log(lines, in: database)
      }
    }
  }

  func keep(_ incident: KeptIncident, in database: Database) throws(DatabaseError) {
    try database.run(
      "INSERT OR REPLACE INTO incident (id, contact, open, body) VALUES (?, ?, ?, ?)",
      .integer(incident.id), .text(incident.contact), .integer(incident.isOpen ? 1 : 0),
      .blob(incident.body.bytes))
  }

  func pruneIncidents(in database: Database) throws(DatabaseError) {
    try database.run(
      "DELETE FROM incident WHERE open = 0 AND id <= (SELECT max(id) FROM incident) - ?",
      .integer(Self.incidents))
    try database.run(
      """
      DELETE FROM incident WHERE open = 0 AND id <= (SELECT max(id) FROM (
      SELECT id, sum(length(body)) OVER (ORDER BY id DESC) AS total FROM incident WHERE open = 0)
      WHERE total > ?)
      """, .integer(limits.incidents))
  }

  // MARK: Silences

  public func silences() throws(StoreError) -> [Silence] {
    try with { database throws(DatabaseError) in
      var all: [Silence] = []
      try database.rows(
        "SELECT id, hosts, name, start, stop, who, why FROM silence ORDER BY id"
      ) { row in
        var silence = Silence(
          hosts: row.text(1), check: row.optionalText(2),
          from: Timestamp(nanoseconds: row.integer(3)),
          until: Timestamp(nanoseconds: row.integer(4)), who: row.text(5), why: row.text(6))
        silence.id = row.integer(0)
        all.append(silence)
      }
      return all
    }
  }

  /// Stores a silence and returns its number; deletes silences that ended a day ago.
  ///
  /// `names` are its hosts at this time, for the log.
  public func add(_ silence: Silence, of names: [String] = []) throws(StoreError) -> Int64 {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        try database.run(
          "DELETE FROM silence WHERE stop < ?",
          .integer(silence.from.before(.seconds(86_400)).nanoseconds))
        try database.run(
          "INSERT INTO silence (hosts, name, start, stop, who, why) VALUES (?, ?, ?, ?, ?, ?)",
          .text(silence.hosts), .optional(silence.check), .integer(silence.from.nanoseconds),
          .integer(silence.until.nanoseconds), .text(silence.who), .text(silence.why))
        let number = database.insertedID
        try self.log(
          [
            .action(
              "silence", by: silence.who, hosts: names, silence.logged(number), at: silence.from)
          ], in: database)
        return number
      }
    }
  }

  /// Updates a silence; `who` did it, now.
  public func change(
    _ silence: Silence, of names: [String] = [], by who: String, at time: Timestamp
  ) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        try database.run(
          "UPDATE silence SET hosts = ?2, name = ?3, stop = ?4, who = ?5, why = ?6 WHERE id = ?1",
          .integer(silence.id), .text(silence.hosts), .optional(silence.check),
          .integer(silence.until.nanoseconds), .text(silence.who), .text(silence.why))
        try self.log(
          [
            .action(
              "silence changed", by: who, hosts: names, silence.logged(silence.id), at: time)
          ], in: database)
      }
    }
  }

  /// Ends a silence now; returns whether an active one had that number.
  public func endSilence(_ id: Int64, by who: String, at time: Timestamp) throws(StoreError) -> Bool
  {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        var hosts: String?
        try database.rows(
          "SELECT hosts FROM silence WHERE id = ? AND stop > ?", .integer(id),
          .integer(time.nanoseconds)
        ) { hosts = $0.text(0) }
        guard let hosts else { return false }
        try database.run(
          "UPDATE silence SET stop = min(stop, ?2) WHERE id = ?1", .integer(id),
          .integer(time.nanoseconds))
        try self.log(
          [.action("silence ended", by: who, "silence \(id) of \(hosts)", at: time)],
          in: database)
        return true
      }
    }
  }

  // MARK: Acknowledgements

  public func acknowledgements() throws(StoreError) -> [Acknowledgement] {
    try with { database throws(DatabaseError) in
      var all: [Acknowledgement] = []
      try database.rows(
        "SELECT host, name, severity, time, who, why FROM acknowledgement ORDER BY host, name"
      ) { row in
        all.append(
          Acknowledgement(
            host: row.text(0), check: row.text(1),
            severity: Severity(state: row.integer(2)) ?? .unknown,
            time: Timestamp(nanoseconds: row.integer(3)), who: row.text(4), why: row.text(5)))
      }
      return all
    }
  }

  public func add(_ acknowledgements: [Acknowledgement]) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        for one in acknowledgements {
          try database.run(
            """
            INSERT OR REPLACE INTO acknowledgement (host, name, severity, time, who, why)
            VALUES (?, ?, ?, ?, ?, ?)
            """, .text(one.host), .text(one.check), .integer(one.severity.state),
            .integer(one.time.nanoseconds), .text(one.who), .text(one.why))
        }
        guard let first = acknowledgements.first else { return }
        try self.log(
          [
            .action(
              "ack", by: first.who, hosts: Self.hosts(of: acknowledgements),
              Self.logged(acknowledgements) + (first.why.isEmpty ? "" : ": \(first.why)"),
              at: first.time)
          ], in: database)
      }
    }
  }

  private static func hosts(of acknowledgements: [Acknowledgement]) -> [String] {
    Set(acknowledgements.map(\.host)).sorted()
  }

  private static func logged(_ acknowledgements: [Acknowledgement]) -> String {
    Set(acknowledgements.map(\.check)).sorted().joined(separator: ", ")
  }

  /// Deletes acknowledgements of checks that are ok again or became worse, or those that an operator ends
  /// now.
  public func remove(
    _ acknowledgements: [Acknowledgement], by who: String? = nil, at time: Timestamp? = nil
  ) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        for one in acknowledgements {
          try database.run(
            "DELETE FROM acknowledgement WHERE host = ? AND name = ?", .text(one.host),
            .text(one.check))
        }
        guard let who, let time, !acknowledgements.isEmpty else { return }
        try self.log(
          [
            .action(
              "ack ended", by: who, hosts: Self.hosts(of: acknowledgements),
              Self.logged(acknowledgements), at: time)
          ], in: database)
      }
    }
  }

  // MARK: Notifiers

  /// A notifier's memory of its place, by contact and name.
  public func notifierMemory(_ name: String) throws(StoreError) -> [String: String] {
    try with { database throws(DatabaseError) in
      var values: [String: String] = [:]
      try database.rows("SELECT body FROM notifier WHERE name = ?", .text(name)) { row in
        guard case .object(let pairs) = JSON(reading: row.blob(0)) else { return }
        for (key, value) in pairs { values[key] = value.string }
      }
      return values
    }
  }

  public func remember(_ values: [String: String], of notifier: String) throws(StoreError) {
    try with { database throws(DatabaseError) in
      let body = JSON.object(values.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
      try database.run(
        "INSERT OR REPLACE INTO notifier (name, body) VALUES (?, ?)", .text(notifier),
        .blob(body.bytes))
    }
  }
}

extension Store.Silence {
  /// The silence as a line of the log.
  fileprivate func logged(_ number: Int64) -> String {
    "silence \(number) of \(hosts)\(check.map { ", \($0)," } ?? "") until \(until.rfc3339)"
      + (why.isEmpty ? "" : ": \(why)")
  }
}
