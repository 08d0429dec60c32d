public import Metrics
internal import Inventory

/// The result of a probe. It is also an error, so that any step of a protocol can end the probe.
public struct Verdict: Error, Sendable, Equatable {
  public var severity: Severity
  /// Why it is not ok, one of `Reason.ofServices`; nil where it is.
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
    assert(reason.map { Reason.ofServices.contains($0) } ?? true, reason?.rawValue ?? "")
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

extension Reason {
  /// Whether a service with this reason has answered; nil if unknown.
  var isUp: Bool? {
    switch self {
    case .nameUnknown, .unreachable, .connectionRefused, .timeout, .connectionLost, .protocolError,
      .tlsFailed, .closed:
      false
    case .noAnswer, .forwardingRefused, .notPermitted, .notSupported, .notReached, .cancelled,
      .localError:
      nil
    default: true
    }
  }
}

extension Verdict {
  /// The verdict for a jump host that failed: the service behind it is unreachable, and may be up.
  static func ofJumpHost(_ message: String) -> Verdict {
    var verdict = Verdict(.critical, .unreachable, message)
    verdict.isUp = nil
    return verdict
  }

  /// Whether a jump host on the way failed, not the service.
  public var isOfJumpHost: Bool {
    reason == .unreachable && isUp == nil && message.hasPrefix("via ")
  }

  /// The verdict for an error of a target.
  init(_ error: TargetError) {
    switch error.reason {
    case .unreachable where error.isOfJumpHost: self = .ofJumpHost(error.detail)
    case .cancelled, .localError, .notReached, .notSupported:
      self.init(.unknown, error.reason, error.detail)
    case .refusedByProtection:
      // The service works for others: the refusal must be resolved on this side.
      self.init(.minor, .refusedByProtection, error.detail)
    case .noCommonAlgorithm, .noShell, .outputTooLarge:
      // The service answers, and is unusable.
      self.init(.major, .wrongAnswer, error.detail)
    case .busy, .permission: self.init(.critical, .protocolError, error.detail)
    default: self.init(.critical, error.reason, error.detail)
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
