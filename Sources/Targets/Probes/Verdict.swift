public import Metrics
internal import Inventory

/// What a probe came to. It is an error, too, so that a step deep in a protocol can end it all.
public struct Verdict: Error, Sendable, Equatable {
  /// The words that stand in the database as `reason`.
  public enum Reason: String, Sendable, CaseIterable {
    case nameUnknown = "name_unknown"
    case unreachable
    case connectionRefused = "connection_refused"
    /// It did not answer in its time.
    case timeout
    /// The connection ended in the middle of the conversation.
    case connectionLost = "connection_lost"
    /// Something listens that does not speak the protocol.
    case protocolError = "protocol_error"
    /// It works, and turns us away to protect itself.
    case refusedByProtection = "refused_by_protection"
    case authFailed = "auth_failed"
    /// TLS could not be agreed on.
    case tlsFailed = "tls_failed"
    case certificateExpired = "certificate_expired"
    case certificateNotYetValid = "certificate_not_yet_valid"
    /// It is valid, but for fewer days than it should be.
    case certificateExpiring = "certificate_expiring"
    case certificateName = "certificate_name"
    case certificateUntrusted = "certificate_untrusted"
    /// It answered, and not what was expected.
    case wrongAnswer = "wrong_answer"
    /// A figure is beyond the limit that the probe was given.
    case beyondLimit = "beyond_limit"
    /// Some packets were lost.
    case packetLoss = "packet_loss"
    /// The clock says itself that it is not set.
    case notSynchronized = "not_synchronized"
    /// Anybody may look at this display.
    case openDisplay = "open_display"
    /// Anybody may log in.
    case noPassword = "no_password"
    case hostKeyUnknown = "host_key_unknown"
    case hostKeyChanged = "host_key_changed"
    case hostKeyRevoked = "host_key_revoked"
    /// It should be closed, and is open.
    case open
    /// It should be open, and is closed.
    case closed
    /// A port that nobody expected listens.
    case newListener = "new_listener"
    /// Nothing came back, which may or may not mean that something is wrong.
    case noAnswer = "no_answer"
    /// The system does not let this user ask.
    case notPermitted = "not_permitted"
    /// This version, or this machine, cannot ask.
    case notSupported = "not_supported"
    /// The pass ran out of time before its turn came.
    case notReached = "not_reached"
    case cancelled
    /// The monitor itself lacks something: descriptors, memory, a file.
    case localError = "local_error"
  }

  public var severity: Severity
  /// Why it is not ok; nil where it is.
  public var reason: Reason?
  /// Whether the service answered in its own protocol; nil where that was not learnt.
  public var isUp: Bool?
  /// From the first packet to the answer that counts; nil where none came.
  public var latency: Duration?
  /// What people are told: harmless to print, at most 300 characters.
  public private(set) var message: String
  /// What Telegraf has a measurement for, without the tags of the host.
  public var points: [Point] = []

  /// The service does what it should.
  public static func ok(_ latency: Duration?, _ message: String) -> Verdict {
    Verdict(.ok, nil, message, isUp: true, latency: latency)
  }

  /// It does not. Whether it is up is told by the reason, unless the probe knows better.
  public init(
    _ severity: Severity = .critical, _ reason: Reason?, _ message: String, isUp: Bool? = nil,
    latency: Duration? = nil
  ) {
    self.severity = severity
    self.reason = reason
    self.message = Self.bounded(message)
    self.latency = latency
    self.isUp = isUp ?? reason?.isUp
  }

  /// The same in other words.
  func saying(_ message: String) -> Verdict {
    var verdict = self
    verdict.message = Self.bounded(message)
    return verdict
  }

  /// The longest message that is kept.
  static let messageLimit = 300

  private static func bounded(_ text: String) -> String {
    if text.utf8.count <= messageLimit, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) {
      return text
    }
    // Scalars, not characters: one character may be a megabyte of accents.
    func cut(_ text: String) -> String {
      let scalars = text.unicodeScalars
      guard scalars.dropFirst(messageLimit).first != nil else { return text }
      return String(String.UnicodeScalarView(scalars.prefix(messageLimit - 1))) + "…"
    }
    return cut(cut(text).visible)
  }
}

extension Verdict.Reason {
  /// Whether it is a finding: the service works, and lets in whom it should not, or shows what a
  /// client has no reason to believe. A finding is no outage, and stands apart.
  public var isFinding: Bool {
    switch self {
    case .openDisplay, .noPassword, .certificateName, .certificateUntrusted: true
    default: false
    }
  }

  /// Whether a service of which this is true has answered; nil where that was not learnt.
  var isUp: Bool? {
    switch self {
    case .nameUnknown, .unreachable, .connectionRefused, .timeout, .connectionLost, .protocolError,
      .tlsFailed, .closed:
      false
    case .noAnswer, .notPermitted, .notSupported, .notReached, .cancelled, .localError: nil
    default: true
    }
  }
}

extension Verdict {
  /// The same trouble as a target's, in the words of a probe.
  init(_ error: TargetError) {
    switch error.reason {
    case .cancelled, .localError, .notReached, .notSupported:
      self.init(.unknown, Reason(rawValue: error.reason.rawValue) ?? .localError, error.detail)
    case .refusedByProtection:
      // It works, for others: that it turns us away is for us to mend.
      self.init(.minor, .refusedByProtection, error.detail)
    case .noCommonAlgorithm, .noShell, .outputTooLarge:
      // It answers, and cannot be used.
      self.init(.major, .wrongAnswer, error.detail)
    default:
      self.init(.critical, Reason(rawValue: error.reason.rawValue) ?? .protocolError, error.detail)
    }
  }

  /// The worse of two, with the other's points.
  func worse(_ other: Verdict?) -> Verdict {
    guard let other, other.severity > severity else { return self }
    var worse = other
    worse.latency = other.latency ?? latency
    worse.points = points + other.points
    return worse
  }
}
