internal import Metrics
internal import Inventory

/// The back-off of a BMC that refused this machine: it doubles with each refusal.
///
/// Many BMCs lock a user after a few wrong passwords, and retries free no session slot of a full
/// one.
struct BMCBackOff: Sendable, Equatable {
  /// The number of refusals in a row.
  var refusals: UInt64
  /// Seconds since 1970.
  var until: UInt64
  var reason: Reason

  private static let name = "refused"
  private static let reasons: [(reason: Reason, first: UInt64, longest: UInt64)] = [
    (.authFailed, 300, 3600), (.busy, 30, 600),
  ]

  /// The stored refusals; nil if the last answer was none.
  init?(_ memory: [String: [UInt64]]) {
    guard let kept = memory[Self.name], kept.count == 3, kept[2] < Self.reasons.count else {
      return nil
    }
    refusals = kept[0]
    until = kept[1]
    reason = Self.reasons[Int(kept[2])].reason
  }

  /// Why the BMC is backing off now; nil if it is not.
  static func error(_ memory: [String: [UInt64]], at now: Timestamp) -> TargetError? {
    let seconds = UInt64(max(0, now.nanoseconds / 1_000_000_000))
    // A clock that was set back must not cause a wait of days.
    guard let before = BMCBackOff(memory), seconds < before.until, before.until - seconds <= 3600
    else { return nil }
    let minutes = (before.until - seconds + 59) / 60
    let why =
      before.reason == .authFailed
      ? "refused the log-in \(before.refusals) times, and might lock the account"
      : "had no room for a session \(before.refusals) times"
    return TargetError(
      before.reason,
      "the BMC \(why); it is asked again in \(minutes) min, or now by `scrape run --only bmc`")
  }

  /// Records the result of an attempt to open a session.
  static func note(
    _ failure: TargetError?, in memory: inout [String: [UInt64]], at now: Timestamp
  ) {
    guard let failure, let place = reasons.firstIndex(where: { $0.reason == failure.reason }) else {
      memory[name] = nil
      return
    }
    let before = BMCBackOff(memory)
    let refusals = before?.reason == failure.reason ? min(before?.refusals ?? 0, 15) + 1 : 1
    let (_, first, longest) = reasons[place]
    let seconds = UInt64(max(0, now.nanoseconds / 1_000_000_000))
    memory[name] = [refusals, seconds + min(first << (refusals - 1), longest), UInt64(place)]
  }
}
