public import Metrics

/// Log-ins and other events of hosts, beside the history: a page of all hosts must not walk over it.
extension Store {
  /// An event of one host.
  public struct KeptHappening: Sendable, Equatable {
    public var host: String
    public var happening: Happening
  }

  func keep(
    _ happenings: [Happening], of host: Int64, in database: Database
  ) throws(DatabaseError) {
    guard !happenings.isEmpty else { return }
    for happening in happenings {
      try database.run(
        "INSERT INTO happening (host, time, kind, severity, text) VALUES (?, ?, ?, ?, ?)",
        .integer(host), .integer(happening.time.nanoseconds), .text(happening.kind.rawValue),
        .optional(happening.severity?.state), .text(happening.text))
    }
    // As many as of changes of checks.
    try database.run(
      "DELETE FROM happening WHERE id <= ?", .integer(database.insertedID - Int64(limits.changes)))
    try database.run(
      """
      DELETE FROM happening WHERE host = ?1 AND id <=
      (SELECT id FROM happening WHERE host = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
      """, .integer(host), .integer(Int64(limits.changesOfHost)))
  }

  /// The latest events, newest first; of one host if it is named. `kinds` are those that count.
  public func happenings(
    of host: String? = nil, kinds: Set<Happening.Kind> = Set(Happening.Kind.allCases),
    limit: Int = 100
  ) throws(StoreError) -> [KeptHappening] {
    try with { database throws(DatabaseError) in
      var all: [KeptHappening] = []
      let words = kinds.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
      try database.rows(
        """
        SELECT host.name, kind, time, severity, text FROM happening
        JOIN host ON host.id = happening.host
        WHERE (?1 IS NULL OR host.name = ?1) AND kind IN (\(words))
        ORDER BY happening.id DESC LIMIT ?2
        """, .optional(host), .integer(Int64(limit))
      ) { row in
        guard let kind = Happening.Kind(rawValue: row.text(1)) else { return }
        all.append(
          KeptHappening(
            host: row.text(0),
            happening: Happening(
              kind, at: Timestamp(nanoseconds: row.integer(2)),
              row.optionalInteger(3).flatMap { Severity(state: $0) }, row.text(4))))
      }
      // They come late: a log is read once a minute.
      return all.sorted { $0.happening.time > $1.happening.time }
    }
  }
}
