/// The points of one host and pass, with their common tags.
public struct PointBatch: Sendable, Equatable {
  /// The host's name in the inventory.
  public var host: String
  /// Tags of every point: `host`, `group` and those of the inventory.
  public var tags: [Tag]
  /// The time at which the host was scraped; the time of every point without its own.
  public var time: Timestamp
  public var points: [Point]

  public init(host: String, tags: [Tag], time: Timestamp, points: [Point] = []) {
    self.host = host
    self.tags = tags
    self.time = time
    self.points = points
  }
}
