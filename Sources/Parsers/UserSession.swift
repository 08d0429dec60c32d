/// A logged-in user, from any source.
public struct UserSession: Sendable, Equatable {
  public var user: String
  /// The terminal (`pts/0`, `tty1`, `:0`); nil for a session without one, such as a command over
  /// SSH.
  public var terminal: String?
  /// The remote host or address, or the text of a terminal multiplexer; nil for a local login.
  public var from: String?
  /// The login time by the host's clock.
  public var since: CalendarTime?

  public init(
    user: String, terminal: String? = nil, from: String? = nil, since: CalendarTime? = nil
  ) {
    self.user = user
    self.terminal = terminal
    self.from = from
    self.since = since
  }
}
