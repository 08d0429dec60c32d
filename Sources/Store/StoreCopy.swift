internal import CLinux
internal import Engine
internal import Glibc

/// The copy of a store as it was before an update of scrape changed its format: `scrape.db-format-9`.
///
/// It stays beside the store until a whole pass in which a host answered is stored in the new format. An
/// earlier scrape that finds the newer store names it, so that it can be put back.
struct StoreCopy {
  let path: String

  private func name(_ version: Int64) -> String { "\(path)-format-\(version)" }

  /// The copy of that format, if it is there.
  func existing(_ version: Int64) -> String? {
    access(name(version), F_OK) == 0 ? name(version) : nil
  }

  /// The copies of all earlier formats.
  var all: [String] { (1..<Schema.version).compactMap { existing($0) } }

  func remove() { for file in all { unlink(file) } }

  /// Copies a store of an earlier format, whole, with what is in its log; returns a note for people, nil
  /// where there is nothing to copy. A disk without room for it does not hold up monitoring: the format
  /// changes in one transaction all the same.
  func make(from database: Database) throws(DatabaseError) -> String? {
    guard try Schema.look(at: database) == .ours,
      let version = try database.integer("PRAGMA user_version"),
      (1..<Schema.version).contains(version)
    else { return nil }
    let copy = name(version)
    let draft = "\(copy).draft"
    let change = "\(path) was brought from format \(version) to \(Schema.version)"
    do {
      unlink(draft)
      // Empty and with its mode before SQLite fills it: nobody else may read it meanwhile.
      let number = open(draft, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard number >= 0 else { throw SystemError("open \(draft)") }
      let descriptor = FileDescriptor(owning: number)
      try database.run("VACUUM INTO ?", .text(draft))
      guard fsync(descriptor.number) == 0, rename(draft, copy) == 0 else {
        throw SystemError("rename \(draft)")
      }
      return "\(change); \(copy) is a copy of before, until a whole pass is stored"
    } catch {
      unlink(draft)
      return "\(change) without a copy of before: \(error)"
    }
  }
}
