/// The answer of one rule.
public enum RuleVerdict: String, Sendable, Equatable {
  case found, notfound, invalid
  /// Wazuh 5 only: the command took too long.
  case notrun

  /// `not` flips found and not found, and leaves the others.
  var negated: RuleVerdict {
    switch self {
    case .found: .notfound
    case .notfound: .found
    case .invalid, .notrun: self
    }
  }
}

/// Why a rule decides no check, whatever its answer is.
public enum Trouble: String, Sendable, Equatable {
  /// The user may not read it.
  case permission
  /// A limit of ours on size, time or steps.
  case limit
  case timeout
  /// The collection does not contain it.
  case notCollected = "not collected"
  /// The command must not run here.
  case refused = "not allowed"
  /// The text is no rule.
  case malformed
  /// The engine looks in the wrong place, or takes no list for a list.
  case engine
}

/// The line that decided a rule.
public struct EvidenceLine: Sendable, Equatable {
  /// The file, the command or `processes`.
  public var source: [UInt8]
  /// The number of the line, from 1; nil where the whole counts.
  public var number: Int?
  public var text: [UInt8]
}

/// The answer of one rule and its reason.
public struct Outcome: Sendable, Equatable {
  /// The answer of Wazuh's engine.
  public var verdict: RuleVerdict
  /// The reason in one line.
  public var why: String
  /// Why this answer decides no check, or nil.
  public var trouble: Trouble?
  public var line: EvidenceLine?

  init(
    _ verdict: RuleVerdict, _ why: String, trouble: Trouble? = nil, line: EvidenceLine? = nil
  ) {
    self.verdict = verdict
    self.why = why
    self.trouble = trouble
    self.line = line
  }

  init(_ verdict: RuleVerdict, _ place: [UInt8], _ failure: PathFailure) {
    self.init(verdict, "\(text(place)): \(failure.words)", trouble: failure.trouble)
  }

  /// What a check takes into account: nil where it stays undecided.
  var deciding: RuleVerdict? { trouble == nil && verdict != .notrun ? verdict : nil }
}

/// The bytes as text for people; bytes that are no UTF-8 are replaced.
func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

/// A line for people: at most 200 characters.
func clipped(_ bytes: some Collection<UInt8>) -> String {
  bytes.count > 200 ? text(bytes.prefix(200)) + "…" : text(bytes)
}
