internal import Metrics

/// The tables of the store, and the upgrade of an older file.
enum Schema {
  /// `scrp` in ASCII; separates this program's files from others. Shown by file(1).
  static let applicationID: Int64 = 0x7363_7270

  /// Each entry upgrades a file from the version of its index to the next.
  static let migrations = [
    """
    -- What is known of a host. The blobs are written by HostState.swift.
    CREATE TABLE host (
      id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, seen INTEGER NOT NULL,
      sealed INTEGER NOT NULL DEFAULT 0, boot TEXT, tags BLOB NOT NULL, facts BLOB NOT NULL,
      due BLOB NOT NULL, memory BLOB NOT NULL);

    CREATE TABLE status (
      host INTEGER NOT NULL, target TEXT NOT NULL, time INTEGER NOT NULL, up INTEGER NOT NULL,
      reason TEXT, message TEXT, duration_ms REAL NOT NULL, bytes INTEGER NOT NULL,
      since INTEGER NOT NULL, last_up INTEGER, PRIMARY KEY (host, target)) WITHOUT ROWID;

    CREATE TABLE problem (
      host INTEGER NOT NULL, collector TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
      PRIMARY KEY (host, collector)) WITHOUT ROWID;

    CREATE TABLE pass (
      id INTEGER PRIMARY KEY AUTOINCREMENT, start INTEGER NOT NULL, stop INTEGER NOT NULL,
      hosts INTEGER NOT NULL, up INTEGER NOT NULL, failed INTEGER NOT NULL,
      points INTEGER NOT NULL, warnings BLOB NOT NULL);

    -- Names and types of points: see Shape.swift.
    CREATE TABLE shape (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE);

    -- The latest passes. The id is pass << 20 | host, so that one pass is written, and later
    -- deleted, in one place.
    CREATE TABLE recent (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, body BLOB NOT NULL);

    -- Earlier passes of one host, folded: in the order of writing, so that the oldest are deleted
    -- from one end.
    CREATE TABLE block (
      id INTEGER PRIMARY KEY AUTOINCREMENT, host INTEGER NOT NULL, time INTEGER NOT NULL,
      start INTEGER NOT NULL, stop INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX block_of_host ON block (host, stop, start);

    -- What a sink has not yet taken.
    CREATE TABLE queue (
      id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, time INTEGER NOT NULL,
      lines INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX queue_of_sink ON queue (sink, id, time, lines, bytes);
    CREATE TABLE dropped (sink TEXT PRIMARY KEY, lines INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    -- How each check is, and what changed: see States.swift.
    CREATE TABLE state (
      host INTEGER NOT NULL, name TEXT NOT NULL, severity INTEGER NOT NULL, since INTEGER NOT NULL,
      last_ok INTEGER, seen INTEGER NOT NULL, pending INTEGER, pending_count INTEGER NOT NULL,
      pending_since INTEGER NOT NULL, changes INTEGER NOT NULL, flapping INTEGER NOT NULL,
      message TEXT NOT NULL, PRIMARY KEY (host, name)) WITHOUT ROWID;
    CREATE TABLE transition (
      id INTEGER PRIMARY KEY AUTOINCREMENT, host INTEGER NOT NULL, name TEXT NOT NULL,
      time INTEGER NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL, since INTEGER,
      flapping INTEGER NOT NULL, message TEXT NOT NULL);
    CREATE INDEX transition_of_host ON transition (host, id);
    """,
    """
    -- Sinks that failed at their last delivery, and until when they are left alone.
    CREATE TABLE trouble (
      sink TEXT PRIMARY KEY, failures INTEGER NOT NULL, since INTEGER NOT NULL,
      until INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    -- Incidents, silences, acknowledgements and memory of notifiers: see Incidents.swift.
    CREATE TABLE incident (
      id INTEGER PRIMARY KEY AUTOINCREMENT, contact TEXT NOT NULL, open INTEGER NOT NULL,
      body BLOB NOT NULL);
    CREATE INDEX incident_open ON incident (open, id);
    CREATE TABLE silence (
      id INTEGER PRIMARY KEY AUTOINCREMENT, hosts TEXT NOT NULL, name TEXT, start INTEGER NOT NULL,
      stop INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL);
    CREATE TABLE acknowledgement (
      host TEXT NOT NULL, name TEXT NOT NULL, severity INTEGER NOT NULL, time INTEGER NOT NULL,
      who TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY (host, name)) WITHOUT ROWID;
    CREATE TABLE notifier (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    """,
    """
    -- When what comes again and again was last done: see Reminders.swift.
    CREATE TABLE reminder (name TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    -- Which hosts a pass was over, and who started it: the numbers of PassScope.
    ALTER TABLE pass ADD COLUMN scope INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX pass_of_scope ON pass (scope, id);
    -- The inventory that the store belongs to: see Owner.swift.
    CREATE TABLE owner (
      id INTEGER PRIMARY KEY CHECK (id = 1), inventory TEXT NOT NULL, hosts INTEGER NOT NULL);
    """,
    """
    -- The reason beside the message, which began with it: `timeout: no answer`.
    ALTER TABLE state ADD COLUMN reason TEXT;
    ALTER TABLE transition ADD COLUMN reason TEXT;
    CREATE TEMPORARY TABLE word (word TEXT PRIMARY KEY);
    INSERT INTO word VALUES
    ('auth_failed'), ('beyond_limit'), ('busy'), ('cancelled'), ('certificate_expired'),
    ('certificate_expiring'), ('certificate_name'), ('certificate_not_yet_valid'),
    ('certificate_untrusted'), ('clock_jumped'), ('clock_uncertain'), ('clock_unsynchronised'),
    ('closed'), ('connection_lost'), ('connection_refused'), ('cut_off'), ('host_key_changed'),
    ('host_key_revoked'), ('host_key_unknown'), ('killed'), ('local_error'), ('name_unknown'),
    ('new_listener'), ('no_answer'), ('no_common_algorithm'), ('no_password'), ('no_shell'),
    ('not_permitted'), ('not_reached'), ('not_supported'), ('not_synchronized'), ('open'),
    ('open_display'), ('output_too_large'), ('overdue'), ('packet_loss'), ('permission'),
    ('protocol_error'), ('refused_by_protection'), ('timeout'), ('tls_failed'), ('unreachable'),
    ('vanished'), ('wrong_answer');
    UPDATE state SET reason = word, message = substr(message, length(word) + 3) FROM word
    WHERE name NOT LIKE 'rule %' AND word = substr(message, 1, instr(message || ':', ':') - 1)
    AND (message = word OR substr(message, length(word) + 1, 2) = ': ');
    UPDATE transition SET reason = word, message = substr(message, length(word) + 3) FROM word
    WHERE name NOT LIKE 'rule %' AND word = substr(message, 1, instr(message || ':', ':') - 1)
    AND (message = word OR substr(message, length(word) + 1, 2) = ': ');
    DROP TABLE word;
    """,
    """
    -- Accounts whose log-ins were refused, and what the governor learned: see Rests.swift and
    -- Governed.swift.
    CREATE TABLE rest (
      host TEXT NOT NULL, user TEXT NOT NULL, refusals INTEGER NOT NULL, until INTEGER NOT NULL,
      mark INTEGER, seen INTEGER NOT NULL, PRIMARY KEY (host, user)) WITHOUT ROWID;
    CREATE TABLE governed (
      kind TEXT NOT NULL, name TEXT NOT NULL, value REAL NOT NULL, used INTEGER NOT NULL,
      refusals INTEGER NOT NULL, refused INTEGER, message TEXT, seen INTEGER NOT NULL,
      PRIMARY KEY (kind, name)) WITHOUT ROWID;
    """,
    """
    -- The own spool, and the spools that were read: see Spools.swift.
    CREATE TABLE spool_mark (
      id INTEGER PRIMARY KEY CHECK (id = 1), identity TEXT NOT NULL, next INTEGER NOT NULL);
    CREATE TABLE spool (
      identity TEXT PRIMARY KEY, carrier TEXT NOT NULL, last INTEGER NOT NULL, time INTEGER,
      missing INTEGER NOT NULL, refused INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE spool_file (
      identity TEXT NOT NULL, number INTEGER NOT NULL, digest INTEGER NOT NULL,
      refused INTEGER NOT NULL, PRIMARY KEY (identity, number, digest)) WITHOUT ROWID;
    CREATE TABLE spool_host (name TEXT PRIMARY KEY, seen INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    -- Results of policies, and what was read for them, each item once: see Policies.swift.
    CREATE TABLE policy (
      host TEXT NOT NULL, name TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL,
      PRIMARY KEY (host, name)) WITHOUT ROWID;
    CREATE TABLE collection (
      id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, policies BLOB NOT NULL,
      time INTEGER NOT NULL, last INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX collection_of_host ON collection (host, policies, id);
    CREATE TABLE collected (
      id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX collected_by_hash ON collected (hash, bytes);
    """,
    """
    -- What happened, and where the chain of its hashes begins and ends: see Log.swift.
    CREATE TABLE log (
      id INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, host TEXT,
      body BLOB NOT NULL, hash BLOB NOT NULL);
    CREATE INDEX log_of_host ON log (host, id) WHERE host IS NOT NULL;
    CREATE TABLE log_end (
      id INTEGER PRIMARY KEY CHECK (id = 1), first INTEGER NOT NULL, anchor BLOB NOT NULL,
      last INTEGER NOT NULL, hash BLOB NOT NULL);
    INSERT INTO log_end VALUES (1, 1, zeroblob(32), 0, zeroblob(32));
    """,
    """
    -- Log-ins, reboots, entries of BMCs' logs, changed checks of policies: see Happenings.swift.
    CREATE TABLE happening (
      id INTEGER PRIMARY KEY AUTOINCREMENT, host INTEGER NOT NULL, time INTEGER NOT NULL,
      kind TEXT NOT NULL, severity INTEGER, text TEXT NOT NULL);
    CREATE INDEX happening_of_host ON happening (host, id);
    -- The figures of each host's last day, as pages show them: see Days.swift.
    CREATE TABLE day (host INTEGER PRIMARY KEY, body BLOB NOT NULL);
    -- The counts of each policy whenever they changed, and its checks that are not passed now: see Policies.swift.
    CREATE TABLE policy_score (
      host TEXT NOT NULL, name TEXT NOT NULL, time INTEGER NOT NULL, passed INTEGER NOT NULL,
      failed INTEGER NOT NULL, unknown INTEGER NOT NULL, not_applicable INTEGER NOT NULL,
      PRIMARY KEY (host, name, time)) WITHOUT ROWID;
    CREATE TABLE policy_finding (
      host TEXT NOT NULL, name TEXT NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL,
      title TEXT NOT NULL, verdict TEXT NOT NULL, why TEXT NOT NULL,
      PRIMARY KEY (host, name, place)) WITHOUT ROWID;
    """,
    """
    -- What `scrape preflight` found: see Readiness.swift.
    CREATE TABLE readiness (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, body BLOB NOT NULL);
    """,
  ]

  static var version: Int64 { Int64(migrations.count) }

  /// The kind of a file.
  enum Finding: Equatable {
    case ours
    /// Another program's database.
    case foreign
    /// Written by a later version of this program.
    case newer(Int64)
  }

  /// Inspects the file, and upgrades it to this version if it belongs to this program or is empty.
  static func prepare(_ database: Database) throws(DatabaseError) -> Finding {
    var finding = try look(at: database)
    guard finding == .ours, try database.integer("PRAGMA user_version") != version else {
      return finding
    }
    // Has an effect only before the first table is made.
    try database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    try database.execute("PRAGMA journal_mode = WAL")
    try database.transaction { () throws(DatabaseError) in
      // Another process may have been faster.
      finding = try look(at: database)
      guard finding == .ours else { return }
      let old = try database.integer("PRAGMA user_version") ?? 0
      for migration in migrations.dropFirst(Int(old)) { try database.execute(migration) }
      try database.execute("PRAGMA application_id = \(applicationID)")
      try database.execute("PRAGMA user_version = \(version)")
    }
    return finding
  }

  /// The tables and columns of this version that a file lacks, as the end of a sentence; nil if it
  /// has all. A file with the right version may have lost some, by hand or through a failing disk.
  static func loss(in database: Database) throws(DatabaseError) -> String? {
    // The columns follow from the text: they are compared only where it is another one.
    if try digest(of: database) == digest { return nil }
    let wanted = try Database(path: ":memory:")
    for migration in migrations { try wanted.execute(migration) }
    let found = try columns(of: database)
    for (table, columns) in try columns(of: wanted).sorted(by: { $0.key < $1.key }) {
      guard let there = found[table] else { return "has lost its table \(table)" }
      if let column = columns.subtracting(there).min() {
        return "has lost the column \(column) of its table \(table)"
      }
    }
    return nil
  }

  /// The hash of the texts of all tables that `migrations` make.
  static let digest: UInt64 = 0x9dc6_c46b_9815_7ae9

  static func digest(of database: Database) throws(DatabaseError) -> UInt64 {
    var hash = FNV1a()
    try database.rows(
      "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ) { hash.add($0.text(0)) }
    return hash.value
  }

  private static func columns(
    of database: Database
  ) throws(DatabaseError) -> [String: Set<String>] {
    var columns: [String: Set<String>] = [:]
    try database.rows(
      """
      SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
      WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
      """
    ) { columns[$0.text(0), default: []].insert($0.text(1)) }
    return columns
  }

  static func look(at database: Database) throws(DatabaseError) -> Finding {
    let application = try database.integer("PRAGMA application_id") ?? 0
    let tables = try database.integer("SELECT count(*) FROM sqlite_schema") ?? 0
    let found = try database.integer("PRAGMA user_version") ?? 0
    if application != applicationID {
      return application == 0 && tables == 0 && found == 0 ? .ours : .foreign
    }
    if found > version { return .newer(found) }
    return found >= 1 ? .ours : .foreign
  }
}
