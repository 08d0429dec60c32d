public import Metrics
internal import Inventory

/// The result of a probe. It is also an error, so that any step of a protocol can end the probe.
public struct Verdict: Error, Sendable, Equatable {
  /// The reasons, stored in the database as `reason`.
  public enum Reason: String, Sendable, CaseIterable {
    case nameUnknown = "name_unknown"
    case unreachable
    case connectionRefused = "connection_refused"
    /// No answer within the time limit.
    case timeout
    /// The connection ended in the middle of the conversation.
    case connectionLost = "connection_lost"
    /// A process listens that does not speak the protocol.
    case protocolError = "protocol_error"
    /// The service works, and refuses this machine to protect itself.
    case refusedByProtection = "refused_by_protection"
    case authFailed = "auth_failed"
    /// The TLS handshake failed.
    case tlsFailed = "tls_failed"
    case certificateExpired = "certificate_expired"
    case certificateNotYetValid = "certificate_not_yet_valid"
    /// The certificate is valid, but for fewer days than required.
    case certificateExpiring = "certificate_expiring"
    case certificateName = "certificate_name"
    case certificateUntrusted = "certificate_untrusted"
    /// The answer differs from the expected one.
    case wrongAnswer = "wrong_answer"
    /// A value is beyond the probe's limit.
    case beyondLimit = "beyond_limit"
    /// Some packets were lost.
    case packetLoss = "packet_loss"
    /// The clock reports that it is not set.
    case notSynchronized = "not_synchronized"
    /// The display is open to everybody.
    case openDisplay = "open_display"
    /// Everybody may log in.
    case noPassword = "no_password"
    case hostKeyUnknown = "host_key_unknown"
    case hostKeyChanged = "host_key_changed"
    case hostKeyRevoked = "host_key_revoked"
    /// The port should be closed, and is open.
    case open
    /// The port should be open, and is closed.
    case closed
    /// An unexpected port listens.
    case newListener = "new_listener"
    /// No answer, which may or may not be a fault.
    case noAnswer = "no_answer"
    /// The system does not permit this user to run it.
    case notPermitted = "not_permitted"
    /// This version, or this machine, does not support it.
    case notSupported = "not_supported"
    /// The pass ended before the probe started.
    case notReached = "not_reached"
    case cancelled
    /// The monitor itself lacks a resource: descriptors, memory, a file.
    case localError = "local_error"
  }

  public var severity: Severity
  /// Why it is not ok; nil where it is.
  public var reason: Reason?
  /// Whether the service answered in its own protocol; nil if unknown.
  public var isUp: Bool?
  /// The time from the first packet to the decisive answer; nil if there was none.
  public var latency: Duration?
  /// The message for people: harmless to print, at most 300 characters.
  public private(set) var message: String
  /// The points with measurements of Telegraf, without the tags of the host.
  public var points: [Point] = []

  /// The service works.
  public static func ok(_ latency: Duration?, _ message: String) -> Verdict {
    Verdict(.ok, nil, message, isUp: true, latency: latency)
  }

  /// The service has a fault. The reason shows whether it is up, unless the probe knows better.
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

  /// The same verdict with another message.
  func saying(_ message: String) -> Verdict {
    var verdict = self
    verdict.message = Self.bounded(message)
    return verdict
  }

  /// The limit of a message.
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
  /// Whether it is a finding: the service works, but admits strangers, or shows a certificate that
  /// clients have no reason to trust. A finding is not an outage, and is counted separately.
  public var isFinding: Bool {
    switch self {
    case .openDisplay, .noPassword, .certificateName, .certificateUntrusted: true
    default: false
    }
  }

  /// Whether a service with this reason has answered; nil if unknown.
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
  /// The reason that corresponds to a target's.
  init(_ error: TargetError) {
    switch error.reason {
    case .cancelled, .localError, .notReached, .notSupported:
      self.init(.unknown, Reason(rawValue: error.reason.rawValue) ?? .localError, error.detail)
    case .refusedByProtection:
      // The service works for others: the refusal must be resolved on this side.
      self.init(.minor, .refusedByProtection, error.detail)
    case .noCommonAlgorithm, .noShell, .outputTooLarge:
      // The service answers, and is unusable.
      self.init(.major, .wrongAnswer, error.detail)
    default:
      self.init(.critical, Reason(rawValue: error.reason.rawValue) ?? .protocolError, error.detail)
    }
  }

  /// The worse of two, with the points of both.
  func worse(_ other: Verdict?) -> Verdict {
    guard let other, other.severity > severity else { return self }
    var worse = other
    worse.latency = other.latency ?? latency
    worse.points = points + other.points
    return worse
  }
}
