internal import Glibc

/// Owns a file descriptor and closes it when it is released.
public struct FileDescriptor: ~Copyable, Sendable {
  public let number: Int32

  /// Takes ownership of an open descriptor.
  public init(owning number: Int32) { self.number = number }

  deinit { close(number) }
}

extension FileDescriptor {
  /// Raises this process's limit of open descriptors to the system's maximum, at most 65,536.
  ///
  /// The corresponding C function is `setrlimit`.
  public static func raiseLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    let wanted = min(limit.rlim_max, 65_536)
    guard wanted > limit.rlim_cur else { return }
    limit.rlim_cur = wanted
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
