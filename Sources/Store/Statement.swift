internal import CSQLite

/// A value to bind to a parameter of a statement.
enum SQLValue {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  case blob([UInt8])

  static func optional(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }
  static func optional(_ integer: Int64?) -> SQLValue { integer.map { .integer($0) } ?? .null }
}

/// A compiled statement of a database. It must not outlive the database's handle.
final class Statement {
  private let handle: OpaquePointer
  private let sql: String
  private unowned let database: Database

  /// The corresponding C function is `sqlite3_prepare_v3`.
  init(_ sql: String, in database: Database, _ connection: OpaquePointer) throws(DatabaseError) {
    var handle: OpaquePointer?
    let code = sqlite3_prepare_v3(
      connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
    guard code == SQLITE_OK, let handle else { throw database.error(sql) }
    self.handle = handle
    self.sql = sql
    self.database = database
  }

  deinit { sqlite3_finalize(handle) }

  /// Binds all parameters, in order.
  func bind(_ values: [SQLValue]) throws(DatabaseError) {
    // The error of an earlier run's last step has been reported already.
    sqlite3_reset(handle)
    for (position, value) in zip(1..., values) {
      let index = Int32(position)
      let code =
        switch value {
        case .null: sqlite3_bind_null(handle, index)
        case .integer(let integer): sqlite3_bind_int64(handle, index, integer)
        case .real(let real): sqlite3_bind_double(handle, index, real)
        case .text(let text):
          sqlite3_bind_text64(
            handle, index, text, UInt64(text.utf8.count), Self.transient, UInt8(SQLITE_UTF8))
        case .blob(let bytes):
          bytes.withUnsafeBytes {
            $0.baseAddress == nil || $0.isEmpty
              ? sqlite3_bind_zeroblob(handle, index, 0)
              : sqlite3_bind_blob64(
                handle, index, $0.baseAddress, UInt64($0.count), Self.transient)
          }
        }
      guard code == SQLITE_OK else { throw database.error(sql) }
    }
  }

  /// Moves to the next row; false at the end.
  func step() throws(DatabaseError) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE:
      sqlite3_reset(handle)
      return false
    default:
      let error = database.error(sql)
      sqlite3_reset(handle)
      throw error
    }
  }

  func reset() { sqlite3_reset(handle) }

  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  func real(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

  func text(_ column: Int32) -> String {
    guard let start = sqlite3_column_text(handle, column) else { return "" }
    let count = Int(sqlite3_column_bytes(handle, column))
    return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

  func blob(_ column: Int32) -> [UInt8] {
    guard let start = sqlite3_column_blob(handle, column) else { return [] }
    return Array(
      UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
  }

  /// The macro SQLITE_TRANSIENT, `(void(*)(void*))-1`: SQLite makes its own copy.
  private static var transient: sqlite3_destructor_type {
    unsafeBitCast(-1, to: sqlite3_destructor_type.self)
  }
}
