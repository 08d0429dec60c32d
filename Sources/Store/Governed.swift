public import Metrics

/// What the governor learned: see `Governor`.
extension Store {
  public func governed() throws(StoreError) -> [Governor.Key: Governor.Record] {
    try with { database throws(DatabaseError) in
      var all: [Governor.Key: Governor.Record] = [:]
      try database.rows(
        "SELECT kind, name, value, used, refusals, refused, message FROM governed"
      ) {
        guard let kind = Governor.Kind(rawValue: $0.text(0)) else { return }
        all[Governor.Key(kind, $0.text(1))] = Governor.Record(
          value: $0.real(2), used: Int($0.integer(3)), refusals: Int($0.integer(4)),
          refused: $0.optionalInteger(5).map { Timestamp(nanoseconds: $0) },
          message: $0.optionalText(6))
      }
      return all
    }
  }

  func keep(
    _ limits: [Governor.Key: Governor.Record], at now: Timestamp, in database: Database
  ) throws(DatabaseError) {
    for (key, record) in limits {
      try database.run(
        """
        INSERT OR REPLACE INTO governed
        (kind, name, value, used, refusals, refused, message, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        .text(key.kind.rawValue), .text(key.name), .real(record.value),
        .integer(Int64(record.used)), .integer(Int64(record.refusals)),
        .optional(record.refused?.nanoseconds), .optional(record.message),
        .integer(now.nanoseconds))
    }
    if !limits.isEmpty {
      try database.run(
        "DELETE FROM governed WHERE seen < ?", .integer(now.before(Self.forgetting).nanoseconds))
    }
  }
}
