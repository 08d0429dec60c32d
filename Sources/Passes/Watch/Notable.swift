public import Metrics

/// One line of what the watch has to say, for a terminal, a log or the journal.
public struct Notable: Sendable {
  /// The kinds, each with a MESSAGE_ID of its own in the journal.
  public enum Kind: String, Sendable, CaseIterable {
    case started, reloaded, faulty, trouble, recovered, skipped, undelivered, delivered, unstored
    case stored, warning, ended

    /// The MESSAGE_ID: `journalctl MESSAGE_ID=…` shows all entries of a kind. See sd-id128(3).
    public var identifier: String {
      switch self {
      case .started: "5f0c1bbd53a24e0c8a4b3c2bd9c5f101"
      case .reloaded: "5f0c1bbd53a24e0c8a4b3c2bd9c5f102"
      case .faulty: "5f0c1bbd53a24e0c8a4b3c2bd9c5f103"
      case .trouble: "5f0c1bbd53a24e0c8a4b3c2bd9c5f104"
      case .skipped: "5f0c1bbd53a24e0c8a4b3c2bd9c5f105"
      case .undelivered: "5f0c1bbd53a24e0c8a4b3c2bd9c5f106"
      case .delivered: "5f0c1bbd53a24e0c8a4b3c2bd9c5f107"
      case .unstored: "5f0c1bbd53a24e0c8a4b3c2bd9c5f108"
      case .stored: "5f0c1bbd53a24e0c8a4b3c2bd9c5f109"
      case .warning: "5f0c1bbd53a24e0c8a4b3c2bd9c5f10a"
      case .ended: "5f0c1bbd53a24e0c8a4b3c2bd9c5f10b"
      case .recovered: "5f0c1bbd53a24e0c8a4b3c2bd9c5f10c"
      }
    }
  }

  public var kind: Kind
  public var severity: Severity
  public var text: String
  /// Further fields of the journal entry: `HOSTS`, `CHECK`, `SINK`.
  public var fields: [(name: String, value: String)]

  init(
    _ kind: Kind, _ severity: Severity, _ text: String,
    _ fields: [(name: String, value: String)] = []
  ) {
    self.kind = kind
    self.severity = severity
    self.text = text
    self.fields = fields
  }
}

extension Notable {
  /// A trouble that began or became worse.
  init(_ trouble: Trouble) {
    let effects = trouble.effects.map { "; \($0)" } ?? ""
    self.init(
      .trouble, trouble.kind.severity,
      "\(trouble.names)  \(trouble.kind.check)  \(trouble.message)\(effects)",
      [
        ("HOSTS", trouble.names), ("CHECK", trouble.kind.check),
        ("SEVERITY", trouble.kind.severity.rawValue),
      ])
  }
}

/// Where the watch says things, and whoever started it hears that it works.
public protocol WatchVoice: Sendable {
  func say(_ notable: Notable)
  /// All is read, and asking begins.
  func isReady()
  /// A line about the present state.
  func status(_ text: String)
  /// The loop goes on: said at least once a second.
  func isAlive()
  /// It ends in order.
  func isStopping()
}
