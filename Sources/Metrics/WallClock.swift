public import Glibc

extension Timestamp {
  /// The time of this machine's clock. The corresponding C function is `clock_gettime`.
  public static var now: Timestamp {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }

  /// The calendar time in the local zone. The corresponding C function is `localtime_r`.
  public var local: tm {
    var seconds = time_t(seconds)
    var parts = unsafe tm()
    unsafe localtime_r(&seconds, &parts)
    return unsafe parts
  }

  /// The name of the local zone at that time: `CET`, or `+03` where it has none.
  public var zone: String {
    let parts = unsafe local
    guard let name = unsafe parts.tm_zone else { return "UTC" }
    return unsafe String(cString: name)
  }

  /// The time later by a duration, clamped to the range of a timestamp.
  public func after(_ duration: Duration) -> Timestamp {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.nanoseconds)
    return Timestamp(nanoseconds: overflow ? (duration < .zero ? .min : .max) : sum)
  }

  /// The time earlier by a duration, clamped in the same way.
  public func before(_ duration: Duration) -> Timestamp {
    let (difference, overflow) = nanoseconds.subtractingReportingOverflow(duration.nanoseconds)
    return Timestamp(nanoseconds: overflow ? (duration < .zero ? .max : .min) : difference)
  }

  /// The duration from another time to this one, clamped in the same way.
  public func since(_ other: Timestamp) -> Duration {
    let (difference, overflow) = nanoseconds.subtractingReportingOverflow(other.nanoseconds)
    return .nanoseconds(overflow ? (self < other ? .min : .max) : difference)
  }
}

extension Timestamp {
  /// The modification time of a file; nil if there is none. The corresponding C function is `stat`.
  public init?(fileChanged path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    self.init(seconds: Int64(status.st_mtim.tv_sec))
  }
}
