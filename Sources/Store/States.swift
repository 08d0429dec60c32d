public import Metrics

/// The states of all checks and their history.
extension Store {
  /// A transition of one host's check.
  public struct KeptTransition: Sendable, Equatable {
    public var host: String
    public var transition: CheckTransition
  }

  func keepStates(
    of result: HostResult, _ host: Int64, in database: Database
  ) throws(DatabaseError) {
    for name in result.gone {
      try database.run(
        "DELETE FROM state WHERE host = ? AND name = ?", .integer(host), .text(name))
      try database.run(
        "DELETE FROM status WHERE host = ? AND target = ?", .integer(host), .text(name))
    }
    for (name, state) in result.states {
      try database.run(
        """
        INSERT OR REPLACE INTO state (host, name, severity, since, last_ok, seen, pending,
        pending_count, pending_since, changes, flapping, message, reason)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        .integer(host), .text(name), .integer(state.severity.state),
        .integer(state.since.nanoseconds), .optional(state.lastOK?.nanoseconds),
        .integer(state.seen.state), .optional(state.pending?.state),
        .integer(Int64(state.pendingCount)), .integer(state.pendingSince.nanoseconds),
        .integer(Int64(state.changes)), .integer(state.isFlapping ? 1 : 0), .text(state.message),
        .optional(state.reason?.rawValue))
    }
    for transition in result.transitions {
      try database.run(
        """
        INSERT INTO transition (host, name, time, before, after, since, flapping, message, reason)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        .integer(host), .text(transition.name), .integer(transition.time.nanoseconds),
        .integer(transition.from.state), .integer(transition.to.state),
        .optional(transition.since?.nanoseconds), .integer(transition.isFlapping ? 1 : 0),
        .text(transition.message), .optional(transition.reason?.rawValue))
    }
    if !result.transitions.isEmpty {
      try database.run(
        "DELETE FROM transition WHERE id <= ?",
        .integer(database.insertedID - Int64(limits.changes)))
      try database.run(
        """
        DELETE FROM transition WHERE host = ?1 AND id <=
        (SELECT id FROM transition WHERE host = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
        """, .integer(host), .integer(Int64(limits.changesOfHost)))
    }
  }

  /// The states of all checks, by host and name.
  public func states() throws(StoreError) -> [String: [String: CheckState]] {
    try with { database throws(DatabaseError) in
      var all: [String: [String: CheckState]] = [:]
      try database.rows(
        """
        SELECT host.name, state.name, severity, since, last_ok, state.seen, pending, pending_count,
        pending_since, changes, flapping, message, reason FROM state JOIN host ON host.id = state.host
        """
      ) { row in
        var state = CheckState(
          Severity(state: row.integer(2)) ?? .unknown,
          at: Timestamp(nanoseconds: row.integer(3)),
          reason: row.optionalText(12).flatMap { Reason(rawValue: $0) }, message: row.text(11))
        state.lastOK = row.optionalInteger(4).map { Timestamp(nanoseconds: $0) }
        state.seen = Severity(state: row.integer(5)) ?? .unknown
        state.pending = row.optionalInteger(6).flatMap { Severity(state: $0) }
        state.pendingCount = Int(clamping: row.integer(7))
        state.pendingSince = Timestamp(nanoseconds: row.integer(8))
        state.changes = UInt32(truncatingIfNeeded: row.integer(9))
        state.isFlapping = row.integer(10) != 0
        all[row.text(0), default: [:]][row.text(1)] = state
      }
      return all
    }
  }

  /// The state of each check before its last stored transition, by host and name.
  public func severitiesBefore() throws(StoreError) -> [String: [String: Severity]] {
    try with { database throws(DatabaseError) in
      var all: [String: [String: Severity]] = [:]
      // Next to max(), SQLite takes the other columns from the same row.
      try database.rows(
        """
        SELECT host.name, transition.name, before, max(transition.id) FROM transition
        JOIN host ON host.id = transition.host GROUP BY transition.host, transition.name
        """
      ) { row in
        all[row.text(0), default: [:]][row.text(1)] = Severity(state: row.integer(2)) ?? .unknown
      }
      return all
    }
  }

  /// The latest transitions, newest first; of one host if it is named.
  public func transitions(
    of host: String? = nil, limit: Int = 100
  ) throws(StoreError) -> [KeptTransition] {
    try with { database throws(DatabaseError) in
      var all: [KeptTransition] = []
      try database.rows(
        """
        SELECT host.name, transition.name, time, before, after, since, flapping, message,
        reason FROM transition JOIN host ON host.id = transition.host
        WHERE ?1 IS NULL OR host.name = ?1 ORDER BY transition.id DESC LIMIT ?2
        """, .optional(host), .integer(Int64(limit))
      ) { row in
        all.append(
          KeptTransition(
            host: row.text(0),
            transition: CheckTransition(
              row.text(1), from: Severity(state: row.integer(3)) ?? .unknown,
              to: Severity(state: row.integer(4)) ?? .unknown,
              time: Timestamp(nanoseconds: row.integer(2)),
              since: row.optionalInteger(5).map { Timestamp(nanoseconds: $0) },
              isFlapping: row.integer(6) != 0,
              reason: row.optionalText(8).flatMap { Reason(rawValue: $0) }, message: row.text(7))))
      }
      return all
    }
  }
}
