internal import CLinux
internal import Glibc

/// Keeps the secrets in this process's memory from other processes and from the disk.
public enum Privacy {
  /// Disables core dumps, and forbids other processes of the same user to attach or to read the
  /// memory (`PR_SET_DUMPABLE` of prctl(2)). Programs that this process starts are unaffected.
  public static func protect() {
    scrape_forbid_dumps()
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
  }
}
