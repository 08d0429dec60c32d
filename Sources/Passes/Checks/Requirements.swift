internal import Engine
internal import Glibc
internal import Metrics

/// The system limits that the process needs, checked before the first thread starts: a later failure
/// would end it in the middle of the work.
public enum Requirements: Sendable {
  /// Descriptors: the store and its log, two reactors, the terminal, and a host at a time.
  static let descriptors: UInt64 = 64
  /// Bytes of address space: libraries, the stacks of a few dozen threads, and the 64 MiB that malloc
  /// reserves for each of those that allocate at the same moment.
  static let addressSpace: UInt64 = 768 << 20

  /// The limit that is too low, with what to do; nil if all suffice.
  public static var denial: String? {
    if let files = limit(RLIMIT_NOFILE), files < descriptors {
      return "only \(files) open files are allowed, and at least "
        + "\(descriptors) are needed; raise `ulimit -n`, or LimitNOFILE= in the unit"
    }
    if let bytes = limit(RLIMIT_AS), bytes < addressSpace {
      return "only \(Format.bytes(Double(bytes))) of address space are allowed, and at least "
        + "\(Format.bytes(Double(addressSpace))) are needed; raise `ulimit -v`, or LimitAS= in the "
        + "unit (MemoryMax= bounds what is really used)"
    }
    return nil
  }

  /// The soft limit; nil if unlimited.
  private static func limit(_ resource: __rlimit_resource) -> UInt64? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0,
      limit.rlim_cur != UInt.max
    else { return nil }
    return UInt64(limit.rlim_cur)
  }
}
