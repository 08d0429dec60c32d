internal import CLinux
internal import Engine
internal import Glibc

/// The state of this machine's clock.
public struct OwnClock: Sendable {
  /// Nanoseconds of CLOCK_REALTIME, which can be set.
  public let wall: Int64
  /// Nanoseconds of CLOCK_BOOTTIME, which cannot, and which also runs while the machine sleeps.
  public let sinceBoot: Int64

  public init(wall: Int64, sinceBoot: Int64) {
    self.wall = wall
    self.sinceBoot = sinceBoot
  }

  /// The present state.
  public init() {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    wall = realtime()
    sinceBoot = Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// The jump of the clock, forward or back (negative), since an earlier reading in the same boot;
  /// zero for slewing.
  public func jump(since earlier: OwnClock) -> Duration {
    let elapsed = sinceBoot.subtractingReportingOverflow(earlier.sinceBoot)
    let shown = wall.subtractingReportingOverflow(earlier.wall)
    guard !elapsed.overflow, !shown.overflow, elapsed.partialValue >= 0 else { return .zero }
    let jump = shown.partialValue.subtractingReportingOverflow(elapsed.partialValue)
    guard !jump.overflow else { return .zero }
    // chronyd slews by up to 8.3 % (`maxslewrate`); three seconds are the usual length of a pass.
    let allowed = 3_000_000_000 &+ elapsed.partialValue / 10
    return jump.partialValue.magnitude > allowed.magnitude ? .nanoseconds(jump.partialValue) : .zero
  }

  /// Whether the kernel reports a synchronised clock: adjtimex(2); nil if it does not report it.
  public static var isSynchronised: Bool? {
    let state = scrape_clock_is_synchronised()
    return state < 0 ? nil : state == 1
  }

  /// The kernel's limit of the clock's error: `maxerror` of adjtimex(2).
  public static var errorBound: Duration? {
    let bound = scrape_clock_error_bound()
    return bound < 0 ? nil : .microseconds(bound)
  }

  /// The kernel's name for this boot; nil if it is not available.
  public static var boot: String? {
    guard
      let bytes = try? SmallFile.read("/proc/sys/kernel/random/boot_id", limit: 256)
    else { return nil }
    return String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
  }
}
