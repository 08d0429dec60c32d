public import Metrics

/// Results of policies, and what was read of hosts for them.
extension Store {
  /// The last result of a policy on a host; what the body says is its writer's.
  public struct PolicyRecord: Sendable, Equatable {
    public var host: String
    public var policy: String
    public var time: Timestamp
    public var body: [UInt8]
    public var counts: PolicyCounts
    /// The checks that are not passed and apply.
    public var findings: [PolicyFinding]

    public init(
      host: String, policy: String, time: Timestamp, body: [UInt8],
      counts: PolicyCounts = PolicyCounts(), findings: [PolicyFinding] = []
    ) {
      self.host = host
      self.policy = policy
      self.time = time
      self.body = body
      self.counts = counts
      self.findings = findings
    }
  }

  /// The number of checks by result.
  public struct PolicyCounts: Sendable, Equatable {
    public var passed = 0
    public var failed = 0
    public var unknown = 0
    public var notApplicable = 0

    public init() {}

    /// The checks that apply.
    public var total: Int { passed + failed + unknown }
  }

  /// A check that is not passed.
  public struct PolicyFinding: Sendable, Equatable {
    public var id: String
    public var title: String
    /// `failed` or `unknown`.
    public var verdict: String
    /// What was found. May hold the host's words.
    public var why: String

    public init(id: String, title: String, verdict: String, why: String) {
      self.id = id
      self.title = title
      self.verdict = verdict
      self.why = why
    }
  }

  /// The counts of a policy on a host, from that time on.
  public struct PolicyScore: Sendable, Equatable {
    public var host: String
    public var policy: String
    public var time: Timestamp
    public var counts: PolicyCounts
  }

  /// What was read of a host for policies: items that are kept once, whichever hosts have them.
  public struct Collection: Sendable, Equatable {
    public var host: String
    /// When it was first read, and when it was last the same.
    public var time: Timestamp
    public var last: Timestamp
    /// The policies that it was read for.
    public var policies: [String]
    public var items: [[UInt8]]

    /// Stands for policies where facts are kept; no policy has this name.
    public static let facts = "@facts"

    public init(
      host: String, time: Timestamp, policies: [String], items: [[UInt8]]
    ) {
      self.host = host
      self.time = time
      last = time
      self.policies = policies
      self.items = items
    }
  }

  /// The limit of kept collections of one host and the same policies.
  static let collectionsOfHost = 30
  /// The limit of an unpacked item in bytes.
  private static let itemLimit = 64 << 20

  func keep(
    _ records: [PolicyRecord], _ collections: [Collection], at time: Timestamp,
    in database: Database
  ) throws(DatabaseError) {
    for record in records {
      try database.run(
        "INSERT OR REPLACE INTO policy (host, name, time, body) VALUES (?, ?, ?, ?)",
        .text(record.host), .text(record.policy), .integer(record.time.nanoseconds),
        .blob(rowCompressor.pack(record.body)))
      try keepScore(of: record, in: database)
    }
    guard !collections.isEmpty else { return }
    var known: [[UInt8]: Int64] = [:]
    for collection in collections where limits.collections > 0 {
      try keep(collection, &known, in: database)
    }
    try pruneCollections(at: time, in: database)
  }

  private func keep(
    _ collection: Collection, _ known: inout [[UInt8]: Int64], in database: Database
  ) throws(DatabaseError) {
    var writer = ByteWriter()
    for item in collection.items {
      var id = known[item] ?? 0
      if id == 0 {
        id = try self.id(of: item, in: database)
        known[item] = id
      }
      writer.varint(UInt64(bitPattern: id))
    }
    let names = Self.names(collection.policies)
    var same: Int64?
    try database.rows(
      """
      SELECT id, body FROM collection WHERE host = ? AND policies = ? ORDER BY id DESC LIMIT 1
      """, .text(collection.host), .blob(names)
    ) { if $0.blob(1) == writer.bytes { same = $0.integer(0) } }
    if let same {
      try database.run(
        "UPDATE collection SET last = ? WHERE id = ?", .integer(collection.last.nanoseconds),
        .integer(same))
      return
    }
    try database.run(
      "INSERT INTO collection (host, policies, time, last, body) VALUES (?, ?, ?, ?, ?)",
      .text(collection.host), .blob(names), .integer(collection.time.nanoseconds),
      .integer(collection.last.nanoseconds), .blob(writer.bytes))
    try database.run(
      """
      DELETE FROM collection WHERE host = ?1 AND policies = ?2 AND id <= (SELECT id FROM collection
      WHERE host = ?1 AND policies = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)
      """, .text(collection.host), .blob(names), .integer(Int64(Self.collectionsOfHost)))
  }

  /// The number of an item. Items are compared whole: a host may make two of the same hash.
  private func id(of item: [UInt8], in database: Database) throws(DatabaseError) -> Int64 {
    let hash = Int64(bitPattern: item.fnv1a)
    let packed = rowCompressor.pack(item)
    var found: Int64?
    try database.rows(
      "SELECT id, body FROM collected WHERE hash = ? AND bytes = ?", .integer(hash),
      .integer(Int64(packed.count))
    ) { if found == nil, $0.blob(1) == packed { found = $0.integer(0) } }
    if let found { return found }
    try database.run(
      "INSERT INTO collected (hash, bytes, body) VALUES (?, ?, ?)", .integer(hash),
      .integer(Int64(packed.count)), .blob(packed))
    return database.insertedID
  }

  /// Deletes what is too old or beyond the limit, oldest first, and items that nothing names.
  private func pruneCollections(
    at time: Timestamp, in database: Database
  ) throws(DatabaseError) {
    let oldest = time.before(limits.keep).nanoseconds
    try database.run("DELETE FROM collection WHERE last < ?", .integer(oldest))
    try database.run("DELETE FROM policy WHERE time < ?", .integer(oldest))
    // The last counts are those of now.
    try database.run(
      """
      DELETE FROM policy_score WHERE time < ?1 AND (time < (SELECT max(time) FROM policy_score AS later
      WHERE later.host = policy_score.host AND later.name = policy_score.name)
      OR NOT EXISTS (SELECT 1 FROM policy WHERE host = policy_score.host AND name = policy_score.name))
      """, .integer(oldest))
    try database.run(
      """
      DELETE FROM policy_finding WHERE NOT EXISTS
      (SELECT 1 FROM policy WHERE host = policy_finding.host AND name = policy_finding.name)
      """)
    for _ in 0..<16 {
      try sweep(database)
      let bytes = try database.integer("SELECT sum(bytes) FROM collected") ?? 0
      guard bytes > limits.collections else { return }
      let count = try database.integer("SELECT count(*) FROM collection") ?? 0
      try database.run(
        "DELETE FROM collection WHERE id IN (SELECT id FROM collection ORDER BY last LIMIT ?)",
        .integer(max(1, count / 4)))
    }
  }

  private func sweep(_ database: Database) throws(DatabaseError) {
    var used: Set<Int64> = []
    try database.rows("SELECT body FROM collection") { used.formUnion(Self.ids($0.blob(0))) }
    var unused: [Int64] = []
    try database.rows("SELECT id FROM collected") {
      if !used.contains($0.integer(0)) { unused.append($0.integer(0)) }
    }
    for id in unused { try database.run("DELETE FROM collected WHERE id = ?", .integer(id)) }
  }

  private static func ids(_ body: [UInt8]) -> [Int64] {
    var reader = ByteReader(body)
    var ids: [Int64] = []
    while !reader.isAtEnd, let id = try? reader.varint() { ids.append(Int64(bitPattern: id)) }
    return ids
  }

  /// The limit of kept findings of one policy on a host.
  private static let mostFindings = 500

  private func keepScore(of record: PolicyRecord, in database: Database) throws(DatabaseError) {
    var last: PolicyCounts?
    try database.rows(
      """
      SELECT passed, failed, unknown, not_applicable FROM policy_score
      WHERE host = ? AND name = ? ORDER BY time DESC LIMIT 1
      """, .text(record.host), .text(record.policy)
    ) { last = PolicyCounts($0, from: 0) }
    if last != record.counts {
      try database.run(
        """
        INSERT OR REPLACE INTO policy_score
        (host, name, time, passed, failed, unknown, not_applicable) VALUES (?, ?, ?, ?, ?, ?, ?)
        """, .text(record.host), .text(record.policy), .integer(record.time.nanoseconds),
        .integer(Int64(record.counts.passed)), .integer(Int64(record.counts.failed)),
        .integer(Int64(record.counts.unknown)), .integer(Int64(record.counts.notApplicable)))
    }
    try database.run(
      "DELETE FROM policy_finding WHERE host = ? AND name = ?", .text(record.host),
      .text(record.policy))
    for (place, finding) in record.findings.prefix(Self.mostFindings).enumerated() {
      try database.run(
        """
        INSERT INTO policy_finding (host, name, place, id, title, verdict, why)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """, .text(record.host), .text(record.policy), .integer(Int64(place)), .text(finding.id),
        .text(finding.title), .text(finding.verdict), .text(finding.why))
    }
  }

  /// The counts of all policies whenever they changed, oldest first; of one host if it is named. With `latest`
  /// only those of now.
  public func policyScores(
    of host: String? = nil, latest: Bool = false
  ) throws(StoreError) -> [PolicyScore] {
    try with { database throws(DatabaseError) in
      var all: [PolicyScore] = []
      try database.rows(
        """
        SELECT host, name, time, passed, failed, unknown, not_applicable FROM policy_score AS score
        WHERE (?1 IS NULL OR host = ?1) AND (?2 = 0 OR time = (SELECT max(time) FROM policy_score
        WHERE host = score.host AND name = score.name)) ORDER BY host, name, time
        """, .optional(host), .integer(latest ? 1 : 0)
      ) {
        all.append(
          PolicyScore(
            host: $0.text(0), policy: $0.text(1), time: Timestamp(nanoseconds: $0.integer(2)),
            counts: PolicyCounts($0, from: 3)))
      }
      return all
    }
  }

  /// The checks that are not passed, by host and policy; of one host if it is named.
  public func policyFindings(
    of host: String? = nil
  ) throws(StoreError) -> [String: [String: [PolicyFinding]]] {
    try with { database throws(DatabaseError) in
      var all: [String: [String: [PolicyFinding]]] = [:]
      try database.rows(
        """
        SELECT host, name, id, title, verdict, why FROM policy_finding
        WHERE ?1 IS NULL OR host = ?1 ORDER BY host, name, place
        """, .optional(host)
      ) {
        all[$0.text(0), default: [:]][$0.text(1), default: []].append(
          PolicyFinding(
            id: $0.text(2), title: $0.text(3), verdict: $0.text(4), why: $0.text(5)))
      }
      return all
    }
  }

  /// When each policy was last evaluated, by host and policy.
  public func policyTimes() throws(StoreError) -> [String: [String: Timestamp]] {
    try with { database throws(DatabaseError) in
      var all: [String: [String: Timestamp]] = [:]
      try database.rows("SELECT host, name, time FROM policy") {
        all[$0.text(0), default: [:]][$0.text(1)] = Timestamp(nanoseconds: $0.integer(2))
      }
      return all
    }
  }

  /// The last results of all policies, by host.
  public func policyRecords() throws(StoreError) -> [String: [PolicyRecord]] {
    try with { database throws(DatabaseError) in
      var all: [String: [PolicyRecord]] = [:]
      try database.rows("SELECT host, name, time, body FROM policy ORDER BY host, name") {
        guard let body = self.decompressor.unpack($0.blob(3), limit: Self.itemLimit) else { return }
        all[$0.text(0), default: []].append(
          PolicyRecord(
            host: $0.text(0), policy: $0.text(1), time: Timestamp(nanoseconds: $0.integer(2)),
            body: body))
      }
      return all
    }
  }

  private static func names(_ policies: [String]) -> [UInt8] {
    var names = ByteWriter()
    for name in policies { names.string(name) }
    return names.bytes
  }

  /// The numbers of the kept collections for exactly these, oldest first.
  public func collections(
    for policies: [String]
  ) throws(StoreError) -> [(id: Int64, host: String)] {
    try with { database throws(DatabaseError) in
      var all: [(Int64, String)] = []
      try database.rows(
        "SELECT id, host FROM collection WHERE policies = ? ORDER BY id",
        .blob(Self.names(policies))
      ) { all.append(($0.integer(0), $0.text(1))) }
      return all
    }
  }

  /// The last kept collection of a host for exactly these; nil where there is none.
  public func lastCollection(
    of host: String, for policies: [String]
  ) throws(StoreError) -> Collection? {
    let id = try with { database throws(DatabaseError) in
      var id: Int64?
      try database.rows(
        "SELECT id FROM collection WHERE host = ? AND policies = ? ORDER BY id DESC LIMIT 1",
        .text(host), .blob(Self.names(policies))
      ) { id = $0.integer(0) }
      return id
    }
    return try id.flatMap { id throws(StoreError) in try collection(id) }
  }

  /// The numbers of the kept collections that were the same after that time, oldest first; no facts.
  public func collections(
    since time: Timestamp? = nil
  ) throws(StoreError) -> [(id: Int64, host: String)] {
    try with { database throws(DatabaseError) in
      var all: [(Int64, String)] = []
      try database.rows(
        "SELECT id, host FROM collection WHERE last >= ? AND policies <> ? ORDER BY id",
        .integer(time?.nanoseconds ?? .min), .blob(Self.names([Collection.facts]))
      ) { all.append(($0.integer(0), $0.text(1))) }
      return all
    }
  }

  /// One kept collection; nil if it is gone or damaged.
  public func collection(_ id: Int64) throws(StoreError) -> Collection? {
    try with { database throws(DatabaseError) in
      var found: Collection?
      var ids: [Int64] = []
      try database.rows(
        "SELECT host, policies, time, last, body FROM collection WHERE id = ?", .integer(id)
      ) {
        var names: [String] = []
        var reader = ByteReader($0.blob(1))
        while !reader.isAtEnd, let name = try? reader.string() { names.append(name) }
        var collection = Collection(
          host: $0.text(0), time: Timestamp(nanoseconds: $0.integer(2)), policies: names, items: [])
        collection.last = Timestamp(nanoseconds: $0.integer(3))
        found = collection
        ids = Self.ids($0.blob(4))
      }
      for id in ids {
        try database.rows("SELECT body FROM collected WHERE id = ?", .integer(id)) {
          if let item = self.decompressor.unpack($0.blob(0), limit: Self.itemLimit) {
            found?.items.append(item)
          }
        }
      }
      return found
    }
  }
}

extension Store.PolicyCounts {
  fileprivate init(_ row: Statement, from first: Int32) {
    passed = Int(clamping: row.integer(first))
    failed = Int(clamping: row.integer(first + 1))
    unknown = Int(clamping: row.integer(first + 2))
    notApplicable = Int(clamping: row.integer(first + 3))
  }
}
