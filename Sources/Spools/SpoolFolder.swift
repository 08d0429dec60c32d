public import Engine
internal import Glibc

/// A folder with the files of a spool on this machine.
///
/// Its calls block: they belong on no reactor.
public struct SpoolFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// The limit of names in one folder; the rest waits.
  public static let longest = 200_000

  /// The names of its files, sorted.
  public func names() throws(SystemError) -> [SpoolName] {
    guard let folder = opendir(path) else { throw SystemError("open") }
    defer { closedir(folder) }
    var names: [SpoolName] = []
    while names.count < Self.longest, let entry = readdir(folder) {
      let text = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let name = SpoolName(text) { names.append(name) }
    }
    return names.sorted()
  }

  private func place(_ name: SpoolName) -> String { "\(path)/\(name.text)" }

  public func read(_ name: SpoolName) throws(SystemError) -> [UInt8] {
    try SmallFile.read(place(name), limit: SpoolLimits.packed, follows: false)
  }

  /// Writes a file so that it is there as a whole or not at all, also after a power cut. The folder is
  /// made where it is missing.
  public func write(_ bytes: [UInt8], as name: SpoolName) throws(SystemError) {
    if mkdir(path, 0o750) != 0, errno != EEXIST { throw SystemError("make \(path)") }
    // The group may be that of the account that fetches.
    try SmallFile.replace(place(name), with: bytes, mode: 0o640)
    let folder = FileDescriptor(owning: open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    guard folder.number >= 0, fsync(folder.number) == 0 else { throw SystemError("sync \(path)") }
  }

  /// Removes a file; one that is gone already is no error.
  public func remove(_ name: SpoolName) throws(SystemError) {
    guard unlink(place(name)) == 0 || errno == ENOENT else { throw SystemError("remove") }
  }

  /// Removes the oldest files beyond the limit of the folder's size in bytes; their number. The newest
  /// always stays.
  public func prune(to limit: Int64) throws(SystemError) -> Int {
    var files: [(name: SpoolName, size: Int64, time: Int64)] = []
    for name in try names() {
      var status = stat()
      guard lstat(place(name), &status) == 0 else { continue }
      files.append((name, Int64(status.st_size), Int64(status.st_mtim.tv_sec)))
    }
    // Identities do not sort by time; numbers of one do.
    files.sort { ($0.time, $0.name) < ($1.time, $1.name) }
    var size = files.reduce(0) { $0 + $1.size }
    var dropped = 0
    for file in files.dropLast() where size > limit {
      try remove(file.name)
      size -= file.size
      dropped += 1
    }
    return dropped
  }
}
