/// Why an operation of the store failed.
public struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// The file was written by a later version of this program.
    case newer
    /// The file was written by an earlier version and is open for reading only.
    case older
    /// The file belongs to another program and was not touched.
    case foreign
    /// The file or its folder cannot be created, opened, read or written.
    case inaccessible
    /// The disk is full.
    case full
    /// Another process held the file too long.
    case busy
    /// Another error of SQLite.
    case failed
  }

  public var reason: Reason
  /// What happened and what to do, as a sentence that names the file.
  public var message: String

  public var description: String { message }

  public init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }

  init(_ error: DatabaseError, path: String) {
    switch error.code.primary {
    case .full:
      self.init(.full, "the disk that holds \(path) is full: nothing was kept; make room")
    case .busy:
      self.init(.busy, "\(path) is in use by another process, which did not let go")
    case .cannotOpen, .readOnly, .permission, .io:
      self.init(.inaccessible, "\(path) cannot be read and written: \(error.message)")
    default:
      self.init(.failed, "\(path): \(error)")
    }
  }
}
