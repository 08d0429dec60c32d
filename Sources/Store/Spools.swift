public import Metrics

/// What the store knows of spools: of its own, which it writes, and of those that it read.
extension Store {
  /// The name of the queue of files that are to be written to the own spool.
  public static let spoolQueue = "(spool)"

  /// The identity of the own spool, and the number of its next file.
  public struct SpoolMark: Sendable, Equatable {
    public var identity: String
    public var next: Int64
  }

  /// Files for the own spool: they are stored with the pass that they are of.
  public struct SpoolOutput: Sendable {
    public var files: [Payload]
    /// The number of the first file after them.
    public var next: Int64

    public init(files: [Payload], next: Int64) {
      self.files = files
      self.next = next
    }
  }

  /// What was read from the spool of one identity.
  public struct SpoolLedger: Sendable, Equatable {
    public var identity: String
    /// The host from whose spool it was first read; files from another one are refused.
    public var carrier: String
    /// The highest number read.
    public var last: Int64 = 0
    /// The time of the newest pass.
    public var time: Timestamp?
    /// Numbers below the highest one that were never read.
    public var missing: Int64 = 0
    /// Files that were refused.
    public var refused: Int64 = 0

    public init(identity: String, carrier: String) {
      self.identity = identity
      self.carrier = carrier
    }
  }

  /// A file that was read, or refused for good.
  public struct SpoolFile: Sendable, Hashable {
    public var identity: String
    public var number: Int64
    public var digest: UInt64
    public var isRefused: Bool

    public init(identity: String, number: Int64, digest: UInt64, isRefused: Bool = false) {
      self.identity = identity
      self.number = number
      self.digest = digest
      self.isRefused = isRefused
    }
  }

  /// What a pass read from spools, stored in the transaction of its points: a file counts once.
  public struct SpoolInput: Sendable {
    public var ledgers: [SpoolLedger] = []
    public var files: [SpoolFile] = []
    /// The time at which each host was last known to its monitor.
    public var seen: [String: Timestamp] = [:]

    public init() {}

    public var isEmpty: Bool { ledgers.isEmpty && files.isEmpty && seen.isEmpty }
  }

  /// The limit of remembered files of an identity.
  private static let spoolFiles: Int64 = 100_000

  /// The identity of the own spool; the first call makes it.
  public func spoolMark() throws(StoreError) -> SpoolMark {
    try with { database throws(DatabaseError) in
      try database.transaction { () throws(DatabaseError) in
        let words = [UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)]
        let identity = words.map { word in
          let digits = String(word, radix: 16)
          return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
        try database.run(
          "INSERT OR IGNORE INTO spool_mark (id, identity, next) VALUES (1, ?, 1)",
          .text(identity))
        var mark = SpoolMark(identity: identity, next: 1)
        try database.rows("SELECT identity, next FROM spool_mark WHERE id = 1") {
          mark = SpoolMark(identity: $0.text(0), next: $0.integer(1))
        }
        return mark
      }
    }
  }

  func keep(
    _ output: SpoolOutput, at time: Timestamp, in database: Database
  ) throws(DatabaseError) {
    try enqueue(output.files, for: Self.spoolQueue, at: time, in: database)
    try database.run("UPDATE spool_mark SET next = ? WHERE id = 1", .integer(output.next))
  }

  func keep(_ input: SpoolInput, in database: Database) throws(DatabaseError) {
    for file in input.files {
      try database.run(
        """
        INSERT OR REPLACE INTO spool_file (identity, number, digest, refused) VALUES (?, ?, ?, ?)
        """, .text(file.identity), .integer(file.number),
        .integer(Int64(bitPattern: file.digest)), .integer(file.isRefused ? 1 : 0))
    }
    for ledger in input.ledgers {
      try database.run(
        """
        INSERT OR REPLACE INTO spool (identity, carrier, last, time, missing, refused)
        VALUES (?, ?, ?, ?, ?, ?)
        """, .text(ledger.identity), .text(ledger.carrier), .integer(ledger.last),
        .optional(ledger.time?.nanoseconds), .integer(ledger.missing), .integer(ledger.refused))
      try database.run(
        """
        DELETE FROM spool_file WHERE identity = ?1 AND number <= (SELECT number FROM spool_file
        WHERE identity = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)
        """, .text(ledger.identity), .integer(Self.spoolFiles))
    }
    for (host, time) in input.seen {
      try database.run(
        """
        INSERT INTO spool_host (name, seen) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET seen = max(seen, ?2)
        """, .text(host), .integer(time.nanoseconds))
    }
  }

  /// All ledgers.
  public func spoolLedgers() throws(StoreError) -> [String: SpoolLedger] {
    try with { database throws(DatabaseError) in
      var all: [String: SpoolLedger] = [:]
      try database.rows("SELECT identity, carrier, last, time, missing, refused FROM spool") {
        var ledger = SpoolLedger(identity: $0.text(0), carrier: $0.text(1))
        ledger.last = $0.integer(2)
        ledger.time = $0.optionalInteger(3).map { Timestamp(nanoseconds: $0) }
        ledger.missing = $0.integer(4)
        ledger.refused = $0.integer(5)
        all[ledger.identity] = ledger
      }
      return all
    }
  }

  /// The known files of an identity with one of these numbers.
  public func spoolFiles(
    _ identity: String, _ numbers: some Sequence<Int64> & Sendable
  ) throws(StoreError) -> [SpoolFile] {
    try with { database throws(DatabaseError) in
      var found: [SpoolFile] = []
      for number in numbers {
        try database.rows(
          "SELECT digest, refused FROM spool_file WHERE identity = ? AND number = ?",
          .text(identity), .integer(number)
        ) {
          found.append(
            SpoolFile(
              identity: identity, number: number,
              digest: UInt64(bitPattern: $0.integer(0)), isRefused: $0.integer(1) != 0))
        }
      }
      return found
    }
  }

  /// The time at which each host that comes through a spool was last known to its monitor.
  public func spoolSeen() throws(StoreError) -> [String: Timestamp] {
    try with { database throws(DatabaseError) in
      var all: [String: Timestamp] = [:]
      try database.rows("SELECT name, seen FROM spool_host") {
        all[$0.text(0)] = Timestamp(nanoseconds: $0.integer(1))
      }
      return all
    }
  }
}
