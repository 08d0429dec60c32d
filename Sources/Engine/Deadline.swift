internal import Glibc

/// An instant of the monotonic clock, the limit of an operation.
///
/// The clock does not jump when the system's time is set. Timeouts (lengths) appear only in the
/// configuration; code passes deadlines down, so that a stage cannot outlive the one that started
/// it.
public struct Deadline: Sendable, Hashable, Comparable {
  /// Nanoseconds of `CLOCK_MONOTONIC`, which all processes of a boot share.
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// A deadline that never passes.
  public static let never = Deadline(nanoseconds: .max)

  /// The present instant: a deadline that has passed.
  public static var now: Deadline {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Deadline(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// The instant at which a timeout from now on expires.
  public static func after(_ timeout: Duration) -> Deadline { now.advanced(by: timeout) }

  /// The instant later by the duration; `never` beyond the clock's end.
  public func advanced(by duration: Duration) -> Deadline {
    let (seconds, attoseconds) = duration.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (length, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    let (sum, end) = nanoseconds.addingReportingOverflow(length)
    if overflow || carry || end { return duration < .zero ? Deadline(nanoseconds: .min) : .never }
    return Deadline(nanoseconds: sum)
  }

  public var isPast: Bool { self != .never && Deadline.now >= self }

  /// The remaining time; zero after the deadline.
  public var remaining: Duration {
    if self == .never { return .seconds(Int64.max / 1_000_000_000) }
    return max(.zero, .nanoseconds(nanoseconds &- Deadline.now.nanoseconds))
  }

  /// The time from the other instant to this one.
  public func since(_ earlier: Deadline) -> Duration {
    .nanoseconds(nanoseconds &- earlier.nanoseconds)
  }

  public static func < (a: Deadline, b: Deadline) -> Bool { a.nanoseconds < b.nanoseconds }
}
