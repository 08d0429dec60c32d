extension Duration {
  /// Whole nanoseconds, clamped to their range.
  public var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || carry ? (seconds < 0 ? .min : .max) : sum
  }

  /// Milliseconds with their fraction.
  public var milliseconds: Double { Double(nanoseconds) / 1_000_000 }
}
