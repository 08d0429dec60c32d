/// The memory of a collector for a host until its next run, for rates and for detecting new items.
public struct Memory: Sendable, Equatable {
  /// The time of storing, by the monitor's clock.
  public var time: Timestamp
  /// The host's uptime at that time, in seconds.
  public var uptime: Double?
  /// Counters by a name that the collector chooses: `["cpu0": [user, nice, …]]`.
  public var values: [String: [UInt64]]

  public init(time: Timestamp, uptime: Double? = nil, values: [String: [UInt64]] = [:]) {
    self.time = time
    self.uptime = uptime
    self.values = values
  }
}
