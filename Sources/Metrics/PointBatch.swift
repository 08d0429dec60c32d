/// The points of one host and pass, with what they have in common.
public struct PointBatch: Sendable, Equatable {
  /// The host's name in the inventory.
  public var host: String
  /// Tags of every point: `host`, `group` and what the inventory names.
  public var tags: [Tag]
  /// When the host was asked; the time of every point that has none of its own.
  public var time: Timestamp
  public var points: [Point]

  public init(host: String, tags: [Tag], time: Timestamp, points: [Point] = []) {
    self.host = host
    self.tags = tags
    self.time = time
    self.points = points
  }
}
