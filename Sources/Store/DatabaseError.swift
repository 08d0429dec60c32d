internal import CSQLite

/// A failed call of SQLite.
struct DatabaseError: Error, Sendable, CustomStringConvertible {
  var code: ResultCode
  /// The message of SQLite.
  var message: String
  var sql: String?

  var description: String {
    guard let sql else { return "\(message) (\(code))" }
    return "\(message) (\(code)) in \(sql)"
  }
}

/// An extended result code of SQLite; unknown codes are kept as numbers.
struct ResultCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  let rawValue: Int32

  static let ok = ResultCode(rawValue: SQLITE_OK)
  static let row = ResultCode(rawValue: SQLITE_ROW)
  static let done = ResultCode(rawValue: SQLITE_DONE)
  static let busy = ResultCode(rawValue: SQLITE_BUSY)
  static let corrupt = ResultCode(rawValue: SQLITE_CORRUPT)
  static let notADatabase = ResultCode(rawValue: SQLITE_NOTADB)
  static let cannotOpen = ResultCode(rawValue: SQLITE_CANTOPEN)
  static let readOnly = ResultCode(rawValue: SQLITE_READONLY)
  static let permission = ResultCode(rawValue: SQLITE_PERM)
  static let io = ResultCode(rawValue: SQLITE_IOERR)
  static let full = ResultCode(rawValue: SQLITE_FULL)

  /// The primary code, without the upper bits of the extended code.
  var primary: ResultCode { ResultCode(rawValue: rawValue & 0xff) }

  /// The corresponding C function is `sqlite3_errstr`.
  var description: String {
    guard let text = sqlite3_errstr(rawValue) else { return "code \(rawValue)" }
    return "\(String(cString: text)), code \(rawValue)"
  }
}
