internal import CSQLite

/// A connection to a database file. One thread uses it at a time; it closes when it is released.
final class Database {
  static var libraryVersion: String { String(cString: sqlite3_libversion()) }

  private let handle: OpaquePointer
  private var statements: [String: Statement] = [:]

  /// Opens the file for reading and writing; it must exist.
  ///
  /// The corresponding C function is `sqlite3_open_v2`.
  init(path: String) throws(DatabaseError) {
    var handle: OpaquePointer?
    // NOMUTEX: the owner is an actor. The absolute path bypasses SQLite's URI parsing.
    let code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil)
    guard code == SQLITE_OK, let handle else {
      let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(handle)
      throw DatabaseError(code: ResultCode(rawValue: code), message: message, sql: nil)
    }
    self.handle = handle
    sqlite3_extended_result_codes(handle, 1)
  }

  /// Opens the file for reading only. With `isQuiet`, it takes no lock and looks for no log.
  init(reading path: String, isQuiet: Bool) throws(DatabaseError) {
    var handle: OpaquePointer?
    // A path in a URI: all bytes but these are percent-encoded (sqlite.org/uri.html).
    let plain = Set("-._~/".utf8)
    let digits = Array("0123456789ABCDEF".utf8)
    var uri = Array("file:".utf8)
    for byte in path.utf8 {
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
        || (0x61...0x7a).contains(byte) || plain.contains(byte)
      uri += isPlain ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
    uri += (isQuiet ? "?immutable=1" : "?mode=ro").utf8
    let code = sqlite3_open_v2(
      String(decoding: uri, as: UTF8.self), &handle,
      SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nil)
    guard code == SQLITE_OK, let handle else {
      let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(handle)
      throw DatabaseError(code: ResultCode(rawValue: code), message: message, sql: nil)
    }
    self.handle = handle
    sqlite3_extended_result_codes(handle, 1)
  }

  deinit {
    statements.removeAll()
    sqlite3_close_v2(handle)
  }

  /// Runs statements without arguments; their rows are ignored.
  ///
  /// The corresponding C function is `sqlite3_exec`.
  func execute(_ sql: String) throws(DatabaseError) {
    guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw error(sql) }
  }

  /// A statement, compiled once and cached.
  func statement(_ sql: String) throws(DatabaseError) -> Statement {
    if let statement = statements[sql] { return statement }
    let statement = try Statement(sql, in: self, handle)
    statements[sql] = statement
    return statement
  }

  /// Runs a statement to its end.
  func run(_ sql: String, _ values: SQLValue...) throws(DatabaseError) { try run(sql, values) }

  func run(_ sql: String, _ values: [SQLValue]) throws(DatabaseError) {
    let statement = try statement(sql)
    try statement.bind(values)
    while try statement.step() {}
  }

  /// Calls the body with every row.
  func rows(
    _ sql: String, _ values: SQLValue..., body: (Statement) throws(DatabaseError) -> Void
  ) throws(DatabaseError) {
    let statement = try statement(sql)
    try statement.bind(values)
    defer { statement.reset() }
    while try statement.step() { try body(statement) }
  }

  /// The first column of the first row, as an integer.
  func integer(_ sql: String, _ values: SQLValue...) throws(DatabaseError) -> Int64? {
    let statement = try statement(sql)
    try statement.bind(values)
    defer { statement.reset() }
    return try statement.step() ? statement.integer(0) : nil
  }

  /// The number of rows that the last statement changed.
  var changes: Int { Int(sqlite3_changes64(handle)) }

  /// The rowid of the last insertion.
  var insertedID: Int64 { sqlite3_last_insert_rowid(handle) }

  /// Runs the body as one transaction that takes the write lock at once; an error rolls it back.
  func transaction<Value>(_ body: () throws(DatabaseError) -> Value) throws(DatabaseError) -> Value
  {
    try enclosed("BEGIN IMMEDIATE", body)
  }

  /// Runs reads of one state of the file: each read alone would lock it and look at its log.
  func snapshot<Value>(_ body: () throws(DatabaseError) -> Value) throws(DatabaseError) -> Value {
    try enclosed("BEGIN", body)
  }

  private func enclosed<Value>(
    _ begin: String, _ body: () throws(DatabaseError) -> Value
  ) throws(DatabaseError) -> Value {
    try execute(begin)
    do throws(DatabaseError) {
      let value = try body()
      try execute("COMMIT")
      return value
    } catch {
      // A full disk may have ended the transaction already.
      if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
      throw error
    }
  }

  /// Limits the wait for another process's lock.
  ///
  /// The corresponding C function is `sqlite3_busy_timeout`.
  func waitForLocks(milliseconds: Int32) { sqlite3_busy_timeout(handle, milliseconds) }

  func error(_ sql: String?) -> DatabaseError {
    DatabaseError(
      code: ResultCode(rawValue: sqlite3_extended_errcode(handle)),
      message: String(cString: sqlite3_errmsg(handle)), sql: sql)
  }
}
