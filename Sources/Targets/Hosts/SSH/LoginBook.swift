public import Metrics
internal import Inventory
internal import Synchronization

/// The refused log-ins of accounts, and which of them rest: see `Rest`.
///
/// All log-ins of one command share it: of collectors, of probes, and of sessions with jump hosts.
public final class LoginBook: Sendable {
  private struct State {
    var rests: [Rest.Account: Rest]
    var changed: Set<Rest.Account> = []
  }

  private let state: Mutex<State>
  public let ignoresRests: Bool
  private let clock: @Sendable () -> Timestamp
  /// How long a log-in after a rest keeps others of the same account away.
  private static let trial: UInt64 = 60

  /// Takes the stored records. With `ignoringRests` (`--now`) no account rests; refusals count.
  public init(
    _ rests: [Rest.Account: Rest] = [:], ignoringRests: Bool = false,
    clock: @escaping @Sendable () -> Timestamp = { .now }
  ) {
    state = Mutex(State(rests: rests))
    ignoresRests = ignoringRests
    self.clock = clock
  }

  /// What changed since the beginning; nil is a record to remove.
  public var changes: [Rest.Account: Rest?] {
    state.withLock { state in
      Dictionary(uniqueKeysWithValues: state.changed.map { ($0, state.rests[$0]) })
    }
  }

  /// Throws `resting` while the account rests.
  func enter(_ account: Rest.Account, mark: UInt64) throws(TargetError) {
    guard !ignoresRests else { return }
    let now = clock()
    let rest: (record: Rest, end: Timestamp)? = state.withLock { state in
      guard let rest = state.rests[account] else { return nil }
      if let end = rest.end(mark: mark, at: now) { return (rest, end) }
      // After a rest there is one attempt, not one for each that waits.
      if rest.until > 0, rest.mark == nil || rest.mark == mark {
        state.rests[account]?.until = UInt64(max(0, now.seconds)) + Self.trial
      }
      return nil
    }
    guard let rest else { return }
    throw TargetError(
      .resting,
      "\(account.user): \(rest.record.refusals) log-ins in a row were refused, and more might lock "
        + "the account; next try at \(Format.time(rest.end)), or now with `scrape run --now`")
  }

  /// Records a log-in; returns the error as people read it.
  func refused(
    _ error: TargetError, _ account: Rest.Account, mark: UInt64
  ) -> TargetError {
    guard error.reason == .authFailed, !error.isUntried else { return error }
    let now = clock()
    let rest = state.withLock { state in
      let rest = Rest.after(state.rests[account], mark: mark, by: .logIn, at: now)
      state.rests[account] = rest
      state.changed.insert(account)
      return rest
    }
    guard let end = rest.end(mark: mark, at: now) else { return error }
    var refusal = error
    refusal.detail +=
      "; refused \(rest.refusals) times in a row: the next try is at \(Format.time(end))"
    return refusal
  }

  func accepted(_ account: Rest.Account) {
    state.withLock { state in
      if state.rests.removeValue(forKey: account) != nil { state.changed.insert(account) }
    }
  }
}
