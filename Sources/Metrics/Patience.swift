/// The delay before a worse state takes effect: a number of observations in a row, or a time.
public enum Patience: Sendable, Equatable {
  case passes(Int)
  case time(Duration)

  public static let none = Patience.passes(1)
}
