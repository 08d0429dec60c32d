/// One entry of the login log, from any tool.
public struct LoginRecord: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case login
    case boot
    case shutdown
    /// A change of run level, and any other entry that is not a login.
    case other
  }

  public enum End: Sendable, Equatable {
    /// Still logged in, or still running.
    case open
    /// Ended at that time; nil if the tool gave only a time of day.
    case at(CalendarTime?)
    /// Ended at a shutdown of the host.
    case shutdown
    /// The host stopped without a shutdown.
    case crash
    /// The end was not recorded.
    case unknown
  }

  public var kind: Kind
  public var user: String
  /// `pts/0`, `tty1`, `ssh:notty`; `system boot` for a boot.
  public var terminal: String
  /// The origin of the login; nil for a local one. For a boot some tools give the kernel here.
  public var from: String?
  /// The start by the host's clock.
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

  /// The kind of an entry by its user and terminal columns.
  static func kind(user: String, terminal: String) -> Kind {
    switch terminal {
    case "system boot": .boot
    case "system down": .shutdown
    case _ where user == "runlevel" || terminal.hasPrefix("(to lvl"): .other
    default: .login
    }
  }

  /// The host column; tools print an all-zero address for none.
  static func host(_ text: String) -> String? {
    switch text {
    case "", "0.0.0.0", "::": nil
    default: text
    }
  }
}
