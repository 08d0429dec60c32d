internal import Engine

/// Exit codes, as DESIGN and the manual promise them.
public enum ExitCode: Sendable {
  public static let ok: Int32 = 0
  /// Some target failed or is not ok.
  public static let notOK: Int32 = 1
  public static let usage: Int32 = 2
  public static let undelivered: Int32 = 3
  /// The watchdog ended the pass after its deadline.
  public static let overdue: Int32 = 4
  /// A system limit is too low: descriptors, address space, threads.
  public static let denied: Int32 = denialExitCode
  public static let interrupted: Int32 = 130
}
