/// How long something must be worse before its state changes: observations in a row, or a time.
public enum Patience: Sendable, Equatable {
  case passes(Int)
  case time(Duration)

  public static let none = Patience.passes(1)
}
