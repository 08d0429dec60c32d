/// One entry of the log of logins, whichever tool printed it.
public struct LoginRecord: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case login
    case boot
    case shutdown
    /// A change of run level and whatever else is no login.
    case other
  }

  public enum End: Sendable, Equatable {
    /// Still logged in, or still running.
    case open
    /// Ended at a time that was told in full, or only as a time of day (nil).
    case at(CalendarTime?)
    /// Ended when the host was shut down.
    case shutdown
    /// The host stopped without shutting down.
    case crash
    /// Nobody wrote when it ended.
    case unknown
  }

  public var kind: Kind
  public var user: String
  /// `pts/0`, `tty1`, `ssh:notty`; `system boot` for a boot.
  public var terminal: String
  /// Where the user came from; nil for a local login. For a boot some tools give the kernel here.
  public var from: String?
  /// When it began, by the host's clock.
  public var time: CalendarTime
  public var end: End

  public init(
    kind: Kind = .login, user: String, terminal: String, from: String? = nil, time: CalendarTime,
    end: End = .open
  ) {
    self.kind = kind
    self.user = user
    self.terminal = terminal
    self.from = from
    self.time = time
    self.end = end
  }

  /// What the user and terminal columns make of an entry.
  static func kind(user: String, terminal: String) -> Kind {
    switch terminal {
    case "system boot": .boot
    case "system down": .shutdown
    case _ where user == "runlevel" || terminal.hasPrefix("(to lvl"): .other
    default: .login
    }
  }

  /// The host column; tools print an all-zero address where there is none.
  static func host(_ text: String) -> String? {
    switch text {
    case "", "0.0.0.0", "::": nil
    default: text
    }
  }
}
