internal import Glibc

/// An instant of the monotonic clock by which something must have happened.
///
/// The clock does not jump when the system's time is set. A timeout (a length) appears only in
/// configuration; code hands deadlines down, so that a stage cannot outlive the one that started it.
public struct Deadline: Sendable, Hashable, Comparable {
  /// Nanoseconds of `CLOCK_MONOTONIC`, which is one for all processes of a boot.
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// A deadline that never comes.
  public static let never = Deadline(nanoseconds: .max)

  /// The present instant: as a deadline it has passed.
  public static var now: Deadline {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Deadline(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// The instant that comes after the timeout has run from now.
  public static func after(_ timeout: Duration) -> Deadline { now.advanced(by: timeout) }

  /// The instant later by the duration; beyond the clock's end it is `never`.
  public func advanced(by duration: Duration) -> Deadline {
    let (seconds, attoseconds) = duration.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (length, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    let (sum, end) = nanoseconds.addingReportingOverflow(length)
    if overflow || carry || end { return duration < .zero ? Deadline(nanoseconds: .min) : .never }
    return Deadline(nanoseconds: sum)
  }

  public var isPast: Bool { self != .never && Deadline.now >= self }

  /// What is left of it; zero when it has passed.
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
