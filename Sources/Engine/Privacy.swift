internal import CLinux
internal import Glibc

/// Keeps the secrets in this process's memory from other processes and from the disk.
public enum Privacy {
  /// No core is dumped, and no other process of the same user may attach or read the memory
  /// (`PR_SET_DUMPABLE` of prctl(2)). What is executed from here begins as usual.
  public static func protect() {
    scrape_forbid_dumps()
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
  }
}
