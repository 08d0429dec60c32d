/// The limits of a sink's queue; points dropped at a limit are counted.
public struct QueueBounds: Sendable, Equatable {
  /// The limit in bytes of the sink's own format; the oldest points are dropped first.
  public var size: Int64 = 256 << 20
  /// The limit of age.
  public var keep: Duration = .seconds(7 * 86_400)

  public init(size: Int64 = 256 << 20, keep: Duration = .seconds(7 * 86_400)) {
    self.size = size
    self.keep = keep
  }
}
