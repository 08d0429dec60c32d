public import Metrics

/// When something that comes again and again was last done, by name: a contact's report.
extension Store {
  /// Nil where it never was.
  public func reminder(_ name: String) throws(StoreError) -> Timestamp? {
    try with { database throws(DatabaseError) in
      var time: Timestamp?
      try database.rows("SELECT time FROM reminder WHERE name = ?", .text(name)) {
        time = Timestamp(nanoseconds: $0.integer(0))
      }
      return time
    }
  }

  public func setReminder(_ name: String, _ time: Timestamp) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.run(
        "INSERT OR REPLACE INTO reminder (name, time) VALUES (?, ?)", .text(name),
        .integer(time.nanoseconds))
    }
  }
}
