/// A wrong command line, with the probable correction. The exit code is 2.
public struct UsageError: Error {
  public var message: String

  public init(
    message: String
  ) {
    self.message = message
  }
}
