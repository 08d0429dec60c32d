/// Why a target could not be read: a reason for the database and a sentence for people.
public struct TargetError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The words that stand in the database as `reason`.
  public enum Reason: String, Sendable, CaseIterable {
    /// The name has no address.
    case nameUnknown = "name_unknown"
    /// No route, or nobody at the address.
    case unreachable
    /// The host answered that nothing listens on the port.
    case connectionRefused = "connection_refused"
    /// It did not answer in its time.
    case timeout
    /// The connection ended in the middle of the work.
    case connectionLost = "connection_lost"
    /// Something listens that does not speak the protocol.
    case protocolError = "protocol_error"
    /// Client and server share no algorithm.
    case noCommonAlgorithm = "no_common_algorithm"
    /// Nobody has accepted this host's key yet.
    case hostKeyUnknown = "host_key_unknown"
    /// The host shows another key than the accepted one.
    case hostKeyChanged = "host_key_changed"
    /// The host shows a key that is marked `@revoked`.
    case hostKeyRevoked = "host_key_revoked"
    /// No credential was accepted.
    case authFailed = "auth_failed"
    /// The server turned us away to protect itself: MaxStartups, PerSourcePenalties.
    case refusedByProtection = "refused_by_protection"
    /// The account is known, and may not do what is asked.
    case permission
    /// It answers that it cannot just now.
    case busy
    /// The account has no usable POSIX shell.
    case noShell = "no_shell"
    /// The host sent more than a pass takes from one host.
    case outputTooLarge = "output_too_large"
    /// The pass ran out of time before the host's turn came.
    case notReached = "not_reached"
    /// The inventory asks for what this version cannot do.
    case notSupported = "not_supported"
    /// The operator ended the pass.
    case cancelled
    /// The monitor itself lacks something: descriptors, memory, a readable key.
    case localError = "local_error"
  }

  public var reason: Reason
  /// What happened, what was tried and what to do next. It may hold the host's words: make it
  /// visible before printing.
  public var detail: String

  /// The server has put this address on its list: to try again now would only lengthen the stay.
  public var isPenalty = false
  /// The server ended the connection before it said a word: it may be shedding load.
  public var isWordless = false

  public init(_ reason: Reason, _ detail: String) {
    self.reason = reason
    self.detail = detail
  }

  public var description: String { "\(reason.rawValue): \(detail)" }

  /// Why a host with `via:` is not asked. Its services and its BMC are not asked directly either: the
  /// way to them is the jump host's, and another way would give another verdict.
  public static func behind(_ jumpHost: String) -> TargetError {
    TargetError(
      .notSupported,
      "via: \(jumpHost) — this version cannot go through jump hosts yet; neither the host nor its "
        + "services nor its BMC are asked")
  }
}
