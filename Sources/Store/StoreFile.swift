internal import CLinux
internal import Engine
internal import Glibc
internal import Metrics

/// The file of the store: created with its folder, opened, and set aside if it is damaged.
struct StoreFile {
  let path: String

  /// Opens the file, or creates it if it is missing; returns a note about a file that was set
  /// aside.
  func open() throws(StoreError) -> (Database, note: String?) {
    try refuseForeign()
    try makeFolder()
    // Two processes that open a file while one of them creates it would each find it incomplete.
    let turn = turnToOpen()
    defer { extendLifetime(turn) }
    try make()
    do {
      let database = try Database(path: path)
      database.waitForLocks(milliseconds: 10_000)
      let note = try StoreCopy(path: path).make(from: database)
      switch try Schema.prepare(database) {
      case .ours:
        if let loss = try Schema.loss(in: database) { return try replace(loss) }
        try configure(database)
        return (database, note)
      case .newer(let version):
        throw newer(version)
      case .foreign: throw foreign
      }
    } catch let error as DatabaseError {
      guard error.code.isDamage else {
        if error.code.mayLackRoom, let database = try? withoutIndex() { return (database, nil) }
        throw StoreError(error, path: path)
      }
      return try replace("is damaged (\(error.message))")
    } catch let error as StoreError {
      throw error
    } catch {
      throw StoreError(.failed, "\(path): \(error)")
    }
  }

  /// Opens the file if the disk has no room for the index of the log, a file beside it: the index
  /// is kept in memory, and the process has exclusive access. Reads work; a write that needs room
  /// fails as before.
  private func withoutIndex() throws -> Database? {
    let database = try Database(path: path)
    database.waitForLocks(milliseconds: 10_000)
    // Must precede the first use of the log (sqlite.org/wal.html, 8).
    try database.execute("PRAGMA locking_mode = EXCLUSIVE")
    guard try Schema.prepare(database) == .ours, try Schema.loss(in: database) == nil else {
      return nil
    }
    try configure(database)
    return database
  }

  /// Opens the file for reading and changes nothing: neither the file, nor the files beside it.
  func openToRead() throws(StoreError) -> Database {
    try refuseForeign()
    var status = stat()
    // Without a log there is no writer and the file is complete. Otherwise SQLite must read the
    // log, too.
    let isQuiet = stat(path + "-wal", &status) != 0 || status.st_size == 0
    do {
      let database = try Database(reading: path, isQuiet: isQuiet)
      database.waitForLocks(milliseconds: 10_000)
      switch try Schema.look(at: database) {
      case .ours: break
      case .newer(let version): throw newer(version)
      case .foreign: throw foreign
      }
      guard try database.integer("PRAGMA user_version") == Schema.version else {
        throw StoreError(
          .older, "\(path) is of an earlier version: the next `scrape run` brings it up to date")
      }
      if let loss = try Schema.loss(in: database) {
        throw StoreError(.failed, "\(path) \(loss): the next `scrape run` sets it aside")
      }
      return database
    } catch let error as DatabaseError {
      guard error.code.isDamage else {
        if error.code.mayLackRoom, let database = try? withoutIndex() { return database }
        throw StoreError(error, path: path)
      }
      throw StoreError(
        .failed, "\(path) is damaged (\(error.message)): the next `scrape run` sets it aside")
    } catch let error as StoreError {
      throw error
    } catch {
      throw StoreError(.failed, "\(path): \(error)")
    }
  }

  private var foreign: StoreError {
    StoreError(
      .foreign,
      "\(path) is not a store of scrape and was left as it is: name another file with --store FILE, or "
        + "`store: {path: …}` in scrape.yml")
  }

  private func newer(_ version: Int64) -> StoreError {
    let copy =
      StoreCopy(path: path).existing(Schema.version)
      .map { ", or put back \($0), the store as it was before" } ?? ""
    return StoreError(
      .newer,
      "\(path) was written by a later scrape (format \(version), this one knows "
        + "\(Schema.version)): update scrape, or name another file with --store\(copy)")
  }

  /// Refuses a file that cannot belong to this program, before any file beside it is made.
  ///
  /// A file of this program begins with SQLite's header and this program's number
  /// (sqlite.org/fileformat2, 1.3). A file with a damaged header is recognised by the lock file
  /// from its first opening.
  private func refuseForeign() throws(StoreError) {
    let number = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard number >= 0 else { return }
    let descriptor = FileDescriptor(owning: number)
    var status = stat()
    guard fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_size > 0
    else { return }
    var head = [UInt8](repeating: 0, count: 100)
    let count = pread(descriptor.number, &head, head.count, 0)
    let isDatabase = count == head.count && head.starts(with: "SQLite format 3\u{0}".utf8)
    let application = head[68..<72].reduce(Int64(0)) { $0 << 8 | Int64($1) }
    if isDatabase, application == Schema.applicationID { return }
    if isDatabase, application != 0 { throw foreign }
    // The number of a new file may be only in its log, where SQLite finds it.
    if isDatabase, stat(path + "-wal", &status) == 0, status.st_size > 0 { return }
    guard access(path + ".opening", F_OK) == 0 else { throw foreign }
  }

  /// FULL: a pass that was reported as stored survives a power cut. It costs one fsync per pass.
  private func configure(_ database: Database) throws(DatabaseError) {
    try database.execute(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000;
      PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 33554432;
      PRAGMA trusted_schema = OFF;
      """)
  }

  private func replace(_ why: String) throws(StoreError) -> (Database, note: String?) {
    let aside = try setAside()
    try make()
    do {
      let database = try Database(path: path)
      database.waitForLocks(milliseconds: 10_000)
      guard try Schema.prepare(database) == .ours else {
        throw StoreError(.failed, "\(path) was replaced by another program")
      }
      try configure(database)
      return (database, "\(path) \(why): it was set aside as \(aside) and a new one begun")
    } catch let error as DatabaseError {
      throw StoreError(error, path: path)
    } catch let error as StoreError {
      throw error
    } catch {
      throw StoreError(.failed, "\(path): \(error)")
    }
  }

  /// Renames the file, and the files beside it, to `…-corrupt-DATE`.
  func setAside() throws(StoreError) -> String {
    let date = Timestamp(seconds: Int64(time(nil))).compactDate
    let earlier = setAsideBefore()
    // Several files of one second get increasing numbers, also after earlier ones are deleted.
    let last = earlier.last { $0.date == date }
    let aside = "\(path)-corrupt-\(date)\(last.map { "-\($0.number + 1)" } ?? "")"
    guard rename(path, aside) == 0 else {
      throw StoreError(.inaccessible, "\(path) cannot be set aside: \(SystemError("rename"))")
    }
    // The log holds data that is not yet in the file; SQLite rebuilds the index of the log.
    rename(path + "-wal", aside + "-wal")
    unlink(path + "-shm")
    for old in earlier.dropLast(Self.asideLimit - 1) {
      unlink(old.path)
      unlink(old.path + "-wal")
    }
    return aside
  }

  /// The number of set-aside files that are kept for inspection: a disk that fails again and again
  /// must not fill up with them.
  private static let asideLimit = 3

  /// The set-aside files, oldest first.
  private func setAsideBefore() -> [(path: String, date: String, number: Int)] {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = slash.map { String(path[...$0]) } ?? "./"
    let prefix = "\(slash.map { String(path[path.index(after: $0)...]) } ?? path)-corrupt-"
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var found: [(path: String, date: String, number: Int)] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasPrefix(prefix), !name.hasSuffix("-wal") else { continue }
      let parts = name.dropFirst(prefix.count).split(separator: "-")
      guard let date = parts.first, let number = parts.count > 1 ? Int(parts[1]) : 1 else {
        continue
      }
      found.append((folder + name, String(date), number))
    }
    return found.sorted { ($0.date, $0.number) < ($1.date, $1.number) }
  }

  /// Waits until no other process is opening the file; nil if no lock can be taken, as in a folder
  /// that is not writable.
  private func turnToOpen() -> Turn? {
    let number = Glibc.open(path + ".opening", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard number >= 0 else { return nil }
    let turn = Turn(FileDescriptor(owning: number))
    while flock(number, LOCK_EX) != 0 && errno == EINTR {}
    return turn
  }

  /// A lock that is released with the descriptor.
  private final class Turn {
    private let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
  }

  /// Creates the folder (0700) if it is missing.
  private func makeFolder() throws(StoreError) {
    for (index, byte) in path.utf8.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
      let folder = String(decoding: path.utf8.prefix(index), as: UTF8.self)
      if mkdir(folder, 0o700) != 0 && errno != EEXIST && access(folder, F_OK) != 0 {
        throw StoreError(
          .inaccessible,
          "the folder \(folder) for the store cannot be made: \(SystemError("mkdir"))")
      }
    }
  }

  /// Creates the file (0600) if it is missing. SQLite gives its log the file's mode.
  private func make() throws(StoreError) {
    // An existing file is not opened here: closing it would drop SQLite's locks on it.
    var status = stat()
    if stat(path, &status) != 0 {
      let fd = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard fd >= 0 else {
        throw StoreError(.inaccessible, "\(path) cannot be made: \(SystemError("open"))")
      }
      fstat(fd, &status)
      close(fd)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StoreError(.inaccessible, "\(path) is not a file")
    }
  }
}

extension ResultCode {
  /// Whether a full disk may be the cause: SQLite names it only for writes of rows.
  fileprivate var mayLackRoom: Bool { [.io, .full, .cannotOpen].contains(primary) }

  /// Whether the file is not, or no longer, a database.
  var isDamage: Bool {
    primary == .corrupt || primary == .notADatabase
  }
}

extension Timestamp {
  /// The time in UTC as `20261231T235959Z`.
  var compactDate: String {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
      guard let base = buffer.baseAddress,
        strftime(base, buffer.count, "%Y%m%dT%H%M%SZ", &parts) > 0
      else { return "\(seconds)" }
      return String(cString: base)
    }
  }
}
