public import Metrics

/// The last time of each recurring action, by name: a contact's report.
extension Store {
  /// The last time; nil if never.
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
