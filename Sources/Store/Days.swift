/// The figures of each host's last day, for whoever draws them: what the bytes say is their writer's.
extension Store {
  /// The limit of the figures of one host, unpacked.
  private static let dayLimit = 4 << 20

  /// The kept figures of a host; nil without any.
  public func day(of host: String) throws(StoreError) -> [UInt8]? {
    try with { database throws(DatabaseError) in
      var found: [UInt8]?
      try database.rows(
        "SELECT day.body FROM day JOIN host ON host.id = day.host WHERE host.name = ?", .text(host)
      ) { found = self.decompressor.unpack($0.blob(0), limit: Self.dayLimit) }
      return found
    }
  }

  /// Keeps the figures of some known hosts. A store that is open for reading keeps none.
  public func keep(days: [(host: String, bytes: [UInt8])]) throws(StoreError) {
    guard !days.isEmpty, !isRead else { return }
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        for day in days {
          try database.run(
            """
            INSERT OR REPLACE INTO day (host, body) SELECT id, ?2 FROM host WHERE name = ?1
            """, .text(day.host), .blob(self.rowCompressor.pack(day.bytes)))
        }
      }
    }
  }
}
