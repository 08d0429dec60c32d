/// Points in the form that a sink sends.
public struct Payload: Sendable, Equatable {
  public var body: [UInt8]
  /// How many points those are.
  public var lines: Int

  public init(body: [UInt8], lines: Int) {
    self.body = body
    self.lines = lines
  }
}
