public import Metrics

/// Accounts whose log-ins were refused: see `Rest`.
extension Store {
  /// Records of removed hosts and accounts are dropped after that time.
  static let forgetting: Duration = .seconds(30 * 86_400)

  public func rests() throws(StoreError) -> [Rest.Account: Rest] {
    try with { database throws(DatabaseError) in
      var all: [Rest.Account: Rest] = [:]
      try database.rows("SELECT host, user, refusals, until, mark FROM rest") {
        all[Rest.Account(host: $0.text(0), user: $0.text(1))] = Rest(
          refusals: UInt64(bitPattern: $0.integer(2)), until: UInt64(bitPattern: $0.integer(3)),
          mark: $0.optionalInteger(4).map { UInt64(bitPattern: $0) })
      }
      return all
    }
  }

  /// Stores refusals outside of a pass: of accounts, and of BMCs in the memory of their hosts.
  public func keepRefusals(
    _ rests: [Rest.Account: Rest?], _ results: [HostResult], at now: Timestamp
  ) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        for result in results { try self.keepMemory(of: result, in: database) }
        try self.keep(rests, at: now, in: database)
      }
    }
  }

  /// Stores what changed; nil removes a record.
  func keep(
    _ rests: [Rest.Account: Rest?], at now: Timestamp, in database: Database
  ) throws(DatabaseError) {
    for (account, rest) in rests {
      guard let rest else {
        try database.run(
          "DELETE FROM rest WHERE host = ? AND user = ?", .text(account.host), .text(account.user))
        continue
      }
      try database.run(
        """
        INSERT OR REPLACE INTO rest (host, user, refusals, until, mark, seen)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        .text(account.host), .text(account.user), .integer(Int64(bitPattern: rest.refusals)),
        .integer(Int64(bitPattern: rest.until)),
        .optional(rest.mark.map { Int64(bitPattern: $0) }), .integer(now.nanoseconds))
    }
    if !rests.isEmpty {
      try database.run(
        "DELETE FROM rest WHERE seen < ?", .integer(now.before(Self.forgetting).nanoseconds))
    }
  }
}
