internal import Metrics
internal import Inventory

/// The rest of a BMC that refused this machine, in its memory: see `Rest`.
///
/// Many BMCs lock a user after a few wrong passwords, and retries free no session slot of a full
/// one.
public struct BMCBackOff: Sendable, Equatable {
  var rest: Rest
  var reason: Reason

  private static let name = "refused"
  private static let reasons: [(reason: Reason, rule: Rest.Rule)] = [
    (.authFailed, .bmcLogIn), (.busy, .bmcSession),
  ]

  /// The stored refusals; nil if the last answer was none.
  init?(_ memory: [String: [UInt64]]) {
    guard let kept = memory[Self.name], (3...4).contains(kept.count),
      kept[2] < Self.reasons.count
    else { return nil }
    rest = Rest(refusals: kept[0], until: kept[1], mark: kept.count > 3 ? kept[3] : nil)
    reason = Self.reasons[Int(kept[2])].reason
  }

  /// Why the BMC rests now; nil if it does not.
  static func error(
    _ memory: [String: [UInt64]], mark: @autoclosure () -> UInt64, at now: Timestamp
  ) -> TargetError? {
    guard let before = BMCBackOff(memory), let end = before.rest.end(mark: mark(), at: now) else {
      return nil
    }
    let times = "\(before.rest.refusals) time\(before.rest.refusals == 1 ? "" : "s")"
    let next = "next try at \(Format.time(end)), or now with `scrape run --now`"
    return before.reason == .authFailed
      ? TargetError(
        .resting,
        "the BMC refused the log-in \(times), and might lock the account; \(next)")
      : TargetError(before.reason, "the BMC had no room for a session \(times); \(next)")
  }

  /// The part of a memory that says whether the BMC rests.
  public static func part(of memory: [String: [UInt64]]) -> [String: [UInt64]] {
    memory.filter { $0.key == name }
  }

  /// Records the result of an attempt to open a session.
  static func note(
    _ failure: TargetError?, in memory: inout [String: [UInt64]], mark: @autoclosure () -> UInt64,
    at now: Timestamp
  ) {
    let kept = BMCBackOff(memory)
    guard let failure, let place = reasons.firstIndex(where: { $0.reason == failure.reason }) else {
      // Silence does not make a refused password right.
      if failure == nil || kept?.reason != .authFailed { memory[name] = nil }
      return
    }
    let before = kept.flatMap { $0.reason == failure.reason ? $0.rest : nil }
    let mark = mark()
    let rest = Rest.after(before, mark: mark, by: reasons[place].rule, at: now)
    memory[name] = [rest.refusals, rest.until, UInt64(place), mark]
  }
}
