internal import CLinux
internal import Engine
internal import Glibc

/// A group of users who share the store: they run `scrape status`, `ack` and `silence` under other
/// accounts than the timer's.
extension Store {
  /// Gives the group access to the file, to SQLite's files beside it, and to those that it creates
  /// later.
  ///
  /// A reader of a file with a log must write to the index of the log beside it.
  ///
  /// The folder is given to the group only if just its owner has access, as it was created, or if
  /// its name is scrape, as systemd creates it: /tmp and home folders stay as they are.
  public nonisolated func share(with group: String) throws(StoreError) {
    guard let entry = getgrnam(group) else {
      throw StoreError(
        .inaccessible,
        "there is no group \(group), which `store: {group: …}` names; addgroup \(group)")
    }
    let number = entry.pointee.gr_gid
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    var status = stat()
    guard stat(folder, &status) == 0 else {
      throw StoreError(.inaccessible, "\(folder): \(SystemError("stat"))")
    }
    if status.st_mode & 0o077 == 0 || folder.hasSuffix("/scrape") {
      // New files in the folder belong to the group, too: the log is created and deleted with each
      // pass.
      try give(folder, to: number, mode: status.st_mode & 0o7777 | 0o2070)
    }
    for file in [path, "\(path)-wal", "\(path)-shm"] {
      guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      try give(file, to: number, mode: 0o660)
    }
  }

  private nonisolated func give(
    _ file: String, to group: gid_t, mode: mode_t
  ) throws(StoreError) {
    var status = stat()
    guard stat(file, &status) == 0, status.st_gid != group || status.st_mode & 0o7777 != mode
    else { return }
    // A folder of another owner stays as it is.
    guard status.st_uid == geteuid() || geteuid() == 0 else { return }
    // What is right already is not set again: a sandbox may forbid chown.
    guard status.st_gid == group || lchown(file, uid_t.max, group) == 0, chmod(file, mode) == 0
    else {
      throw StoreError(
        .inaccessible,
        "\(file) cannot be given to the group of `store: {group: …}`: \(SystemError("chown")); is "
          + "this user a member of it?")
    }
  }
}
