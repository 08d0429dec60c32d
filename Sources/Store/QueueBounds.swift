/// How much may wait for a sink that takes nothing; what is dropped at the bound is counted.
public struct QueueBounds: Sendable, Equatable {
  /// The most bytes, in the sink's own form; the oldest points go first.
  public var size: Int64 = 256 << 20
  /// The greatest age.
  public var keep: Duration = .seconds(7 * 86_400)

  public init(size: Int64 = 256 << 20, keep: Duration = .seconds(7 * 86_400)) {
    self.size = size
    self.keep = keep
  }
}
