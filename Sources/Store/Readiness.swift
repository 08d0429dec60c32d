public import Metrics

/// What `scrape preflight` found, and how fast the store grows.
extension Store {
  /// The limit of kept sheets.
  private static let sheets: Int64 = 200
  /// The limit of an unpacked sheet in bytes.
  private static let sheetLimit = 64 << 20

  /// Keeps a sheet; what it says is its writer's.
  public func keepReadiness(_ body: [UInt8], at time: Timestamp) throws(StoreError) {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        try database.run(
          "INSERT INTO readiness (time, body) VALUES (?, ?)", .integer(time.nanoseconds),
          .blob(self.blockCompressor.pack(body)))
        try database.run(
          """
          DELETE FROM readiness WHERE id <=
          (SELECT id FROM readiness ORDER BY id DESC LIMIT 1 OFFSET ?)
          """, .integer(Self.sheets))
      }
    }
  }

  /// The first sheet since that time, or the last one before it; nil without any.
  public func readiness(
    since time: Timestamp
  ) throws(StoreError) -> (time: Timestamp, body: [UInt8])? {
    try with { database throws(DatabaseError) in
      var found: (Timestamp, [UInt8])?
      for order in [
        "time >= ? ORDER BY time, id LIMIT 1", "time < ? ORDER BY time DESC, id DESC LIMIT 1",
      ] where found == nil {
        try database.rows(
          "SELECT time, body FROM readiness WHERE \(order)", .integer(time.nanoseconds)
        ) {
          guard let body = self.decompressor.unpack($0.blob(1), limit: Self.sheetLimit) else {
            return
          }
          found = (Timestamp(nanoseconds: $0.integer(0)), body)
        }
      }
      return found
    }
  }

  /// What one pass adds to the history.
  public struct Growth: Sendable, Equatable {
    /// Bytes of a pass over all hosts.
    public var bytesPerPass: Double
    /// Whether that is what stays after folding; the latest passes take several times as much.
    public var isFolded: Bool
  }

  /// Blocks that the rate is taken from at most: those of the last hours.
  private static let sample: Int64 = 4096

  /// What passes of late added, from what the tables hold; nil without three passes.
  public func growth() throws(StoreError) -> Growth? {
    try with { database throws(DatabaseError) in
      var rows: (hosts: Double, passes: Double, bytes: Double) = (0, 0, 0)
      // The id is pass << 20 | host.
      try database.rows(
        """
        SELECT count(DISTINCT id & 1048575), count(DISTINCT id >> 20), sum(length(body)) FROM recent
        """
      ) { rows = (Double($0.integer(0)), Double($0.integer(1)), Double($0.integer(2))) }
      guard rows.passes >= 3 else { return nil }
      // The first block of a host has fewer passes.
      var blocks: (count: Double, bytes: Double) = (0, 0)
      try database.rows(
        """
        SELECT count(*), sum(length(body)) FROM (SELECT body FROM block AS b
        WHERE EXISTS (SELECT 1 FROM block AS e WHERE e.host = b.host AND e.id < b.id)
        ORDER BY id DESC LIMIT ?)
        """, .integer(Self.sample)
      ) { blocks = (Double($0.integer(0)), Double($0.integer(1))) }
      // With tables and indexes a database takes about a tenth more than its blobs.
      let overhead = 1.1
      // Blocks of some hosts only say nothing of the others.
      guard blocks.count >= rows.hosts else {
        return Growth(bytesPerPass: rows.bytes / rows.passes * overhead, isFolded: false)
      }
      let ofHost = blocks.bytes / blocks.count / Double(Block.passes)
      return Growth(bytesPerPass: ofHost * rows.hosts * overhead, isFolded: true)
    }
  }
}
