/// Points in the format that a sink sends.
public struct Payload: Sendable, Equatable {
  public var body: [UInt8]
  /// The number of points.
  public var lines: Int

  public init(body: [UInt8], lines: Int) {
    self.body = body
    self.lines = lines
  }
}
