/// The rest of an account after refused log-ins, so that its target does not lock it.
///
/// Pure: the caller has the clock, keeps the record and removes it after a success.
public struct Rest: Sendable, Equatable {
  /// When an account rests, and for how long.
  public struct Rule: Sendable {
    /// The number of refusals in a row that starts the first rest.
    public var tolerance: UInt64
    /// The lengths of the rests in seconds; the last one repeats.
    public var lengths: [UInt64]

    public init(tolerance: UInt64, lengths: [UInt64]) {
      self.tolerance = tolerance
      self.lengths = lengths
    }

    /// Three refusals, then 5, 10, 20, 40 and 60 minutes.
    public static let logIn = Rule(tolerance: 3, lengths: lockout)
    /// The same from the first refusal on: BMCs lock an account after as few as three.
    public static let bmcLogIn = Rule(tolerance: 1, lengths: lockout)
    /// A BMC without a free session: 30 s to 10 minutes.
    public static let bmcSession = Rule(tolerance: 1, lengths: [30, 60, 120, 240, 480, 600])

    private static let lockout: [UInt64] = [300, 600, 1200, 2400, 3600]
  }

  /// An account of a host.
  public struct Account: Sendable, Hashable {
    public var host: String
    public var user: String

    public init(host: String, user: String) {
      self.host = host
      self.user = user
    }
  }

  /// The number of refusals in a row.
  public var refusals: UInt64
  /// The end of the rest in seconds since 1970; 0 before the first one.
  public var until: UInt64
  /// What the log-in was made with: see `mark`. Another one ends the rest. Nil is unknown.
  public var mark: UInt64?

  public init(refusals: UInt64, until: UInt64, mark: UInt64?) {
    self.refusals = refusals
    self.until = until
    self.mark = mark
  }

  /// The record after one more refusal.
  public static func after(
    _ before: Rest?, mark: UInt64?, by rule: Rule, at now: Timestamp
  ) -> Rest {
    // Refusals of another key or password do not count.
    let same = before.flatMap { $0.mark == nil || $0.mark == mark ? $0 : nil }
    let refusals = min(same?.refusals ?? 0, 1_000_000) + 1
    guard refusals >= rule.tolerance, let longest = rule.lengths.last else {
      return Rest(refusals: refusals, until: 0, mark: mark)
    }
    let place = Int(refusals - rule.tolerance)
    let length = place < rule.lengths.count ? rule.lengths[place] : longest
    return Rest(refusals: refusals, until: seconds(now) + length, mark: mark)
  }

  /// The end of the rest; nil if the account may log in with what the mark stands for.
  public func end(mark: UInt64?, at now: Timestamp) -> Timestamp? {
    let seconds = Self.seconds(now)
    // A clock that was set back must not cause a wait of days.
    guard seconds < until, until - seconds <= 3600, self.mark == nil || self.mark == mark else {
      return nil
    }
    return Timestamp(seconds: Int64(until))
  }

  private static func seconds(_ time: Timestamp) -> UInt64 { UInt64(max(0, time.seconds)) }

  /// A number for texts that describe with what a log-in is made: the user, the paths of keys with the
  /// times of their last changes. No secret may be among them: short ones could be guessed from it.
  public static func mark(of texts: [String]) -> UInt64 {
    texts.joined(separator: "\0").utf8.fnv1a
  }
}
