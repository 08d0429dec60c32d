/// What a collector remembers of a host until its next turn, to tell rates and what is new.
public struct Memory: Sendable, Equatable {
  /// When it was kept, by the monitor's clock.
  public var time: Timestamp
  /// The host's uptime then, in seconds.
  public var uptime: Double?
  /// Counters by a name of the collector's choosing: `["cpu0": [user, nice, …]]`.
  public var values: [String: [UInt64]]

  public init(time: Timestamp, uptime: Double? = nil, values: [String: [UInt64]] = [:]) {
    self.time = time
    self.uptime = uptime
    self.values = values
  }
}
