/// Why a command line makes no sense, and what was probably meant. The exit code is 2.
public struct UsageError: Error {
  public var message: String

  public init(
    message: String
  ) {
    self.message = message
  }
}
