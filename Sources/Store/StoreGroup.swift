internal import CLinux
internal import Engine
internal import Glibc

/// A group of users who share the store: `scrape status`, `ack` and `silence` as others than the timer's
/// user.
extension Store {
  /// Lets the group use the file and what SQLite keeps beside it, and what it will make there later.
  ///
  /// To read a file with a log, SQLite writes to the index of the log beside it.
  ///
  /// The folder is given to the group only where nobody but its owner could enter it, which is how it was
  /// made, or where it is called scrape, as systemd makes it: /tmp and homes are left as they are.
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
      // What is made in it is the group's, too: the log comes and goes with each pass.
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
    // Another owner's is not ours to change.
    guard status.st_uid == geteuid() || geteuid() == 0 else { return }
    guard lchown(file, uid_t.max, group) == 0, chmod(file, mode) == 0 else {
      throw StoreError(
        .inaccessible,
        "\(file) cannot be given to the group of `store: {group: …}`: \(SystemError("chown")); is "
          + "this user a member of it?")
    }
  }
}
