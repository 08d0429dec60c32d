/// Why a target, a service, a collector or a self-check is not ok: one word of a closed list.
///
/// Points hold the word as `reason`, and so does the store; messages begin with it. `docs/metrics.md`
/// lists the words with their meanings: a test compares the page with this file.
public enum Reason: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  case authFailed = "auth_failed"
  case beyondLimit = "beyond_limit"
  case busy
  case cancelled
  case certificateExpired = "certificate_expired"
  case certificateExpiring = "certificate_expiring"
  case certificateName = "certificate_name"
  case certificateNotYetValid = "certificate_not_yet_valid"
  case certificateUntrusted = "certificate_untrusted"
  case clockJumped = "clock_jumped"
  case clockUncertain = "clock_uncertain"
  case clockUnsynchronised = "clock_unsynchronised"
  case closed
  case commandFailed = "command_failed"
  case connectionLost = "connection_lost"
  case connectionRefused = "connection_refused"
  case cutOff = "cut_off"
  case faultyConfiguration = "faulty_configuration"
  case forwardingRefused = "forwarding_refused"
  case hostKeyChanged = "host_key_changed"
  case hostKeyRevoked = "host_key_revoked"
  case hostKeyUnknown = "host_key_unknown"
  case killed
  case localError = "local_error"
  case missingTool = "missing_tool"
  case nameUnknown = "name_unknown"
  case newListener = "new_listener"
  case noAnswer = "no_answer"
  case noCommonAlgorithm = "no_common_algorithm"
  case noPassword = "no_password"
  case noShell = "no_shell"
  case notApplicable = "not_applicable"
  case notPermitted = "not_permitted"
  case notReached = "not_reached"
  case notSupported = "not_supported"
  case notSynchronized = "not_synchronized"
  case open
  case openDisplay = "open_display"
  case outputTooLarge = "output_too_large"
  case overdue
  case packetLoss = "packet_loss"
  case parseError = "parse_error"
  case pathsDisagree = "paths_disagree"
  case permission
  case policyFailed = "policy_failed"
  case protocolError = "protocol_error"
  case refusedByProtection = "refused_by_protection"
  case resting
  case stale
  case timeout
  case tlsFailed = "tls_failed"
  case unreachable
  case vanished
  case wrongAnswer = "wrong_answer"

  public var description: String { rawValue }

  /// One sentence for people.
  public var meaning: String {
    switch self {
    case .authFailed: "No credential was accepted."
    case .beyondLimit: "A value is beyond the limit of the probe, or of the spool."
    case .busy: "The target answered that it cannot serve the request now."
    case .cancelled: "The operator ended the pass."
    case .certificateExpired: "The certificate has expired."
    case .certificateExpiring: "The certificate is valid, but for fewer days than required."
    case .certificateName: "The certificate is for another name."
    case .certificateNotYetValid: "The certificate is not valid yet."
    case .certificateUntrusted: "No trusted authority signed the certificate."
    case .clockJumped: "The monitor's clock was set since the last pass."
    case .clockUncertain: "The kernel's bound of the clock error is one second or more."
    case .clockUnsynchronised: "The monitor's clock was synchronised before, and is not now."
    case .closed: "The port should be open, and is closed."
    case .commandFailed: "The command failed; the message has its error."
    case .connectionLost: "The connection ended before the work was done."
    case .connectionRefused: "The host answered that nothing listens on the port."
    case .cutOff: "The monitor itself has no network."
    case .faultyConfiguration:
      "A changed file has a fault: `scrape watch` goes on with the last good ones."
    case .forwardingRefused:
      "The jump host does not forward connections: `AllowTcpForwarding`, `PermitOpen`."
    case .hostKeyChanged: "The host shows another key than the accepted one."
    case .hostKeyRevoked: "The host shows a key that is marked `@revoked`."
    case .hostKeyUnknown: "Nobody has accepted the host's key yet."
    case .killed: "The last pass held the lock beyond its deadline; the next one ended it."
    case .localError: "The monitor lacks a resource: descriptors, memory, a readable file."
    case .missingTool: "The program is not installed on the host."
    case .nameUnknown: "The name has no address."
    case .newListener: "A port listens that is not listed."
    case .noAnswer: "No answer, which may or may not be a fault."
    case .noCommonAlgorithm: "Client and server share no algorithm."
    case .noPassword: "Everybody may log in."
    case .noShell: "The account has no usable POSIX shell."
    case .notApplicable:
      "The host lacks the feature, such as software RAID: no fault, and never stored."
    case .notPermitted: "The system does not permit the monitor's user to run the probe."
    case .notReached: "The pass, or the host's batch, ended before its turn."
    case .notSupported:
      "This version, or this target, does not support what the inventory asks for."
    case .notSynchronized: "The server reports that its clock is not set."
    case .open: "The port should be closed, and is open."
    case .openDisplay: "The display is open to everybody."
    case .outputTooLarge: "More output than the limit."
    case .overdue: "The last pass exceeded its deadline and ended itself."
    case .packetLoss: "Some packets were lost."
    case .parseError: "The text does not have its format."
    case .pathsDisagree: "A service answers differently inside and outside; the message has both."
    case .policyFailed: "Checks of a policy failed; the message names them."
    case .permission: "The account has no permission for the request."
    case .protocolError: "The process that listens does not speak the protocol."
    case .refusedByProtection:
      "The server refuses this machine to protect itself, as with `MaxStartups` of sshd."
    case .resting:
      "Not asked: log-ins were refused too often in a row, and more might lock the account."
    case .stale: "Nothing has come through the spool for longer than `stale_after`."
    case .timeout: "No answer within the time limit."
    case .tlsFailed: "The TLS handshake failed."
    case .unreachable: "No route to the address, or no host at it."
    case .vanished: "The last pass ended without its results: killed, or out of memory."
    case .wrongAnswer: "The answer differs from the expected one."
    }
  }
}

extension Reason {
  /// The text `reason: message`, as messages begin with the word.
  public static func text(_ reason: Reason?, _ message: String) -> String {
    guard let reason else { return message }
    return message.isEmpty ? reason.rawValue : "\(reason.rawValue): \(message)"
  }

  /// Takes apart such a text of a store before version 7, which held no reasons.
  public static func cut(_ text: String) -> (reason: Reason?, message: String) {
    let word = text.prefix { $0 != ":" }
    let rest = text.dropFirst(word.count)
    guard let reason = Reason(rawValue: String(word)), rest.isEmpty || rest.hasPrefix(": ") else {
      return (nil, text)
    }
    return (reason, String(rest.dropFirst(2)))
  }
}

// MARK: Where they occur

extension Reason {
  /// The words of the measurement `scrape`: hosts and BMCs.
  public static let ofTargets: Set<Reason> = [
    .authFailed, .busy, .cancelled, .certificateExpired, .certificateName,
    .certificateNotYetValid, .certificateUntrusted, .connectionLost, .connectionRefused,
    .forwardingRefused, .hostKeyChanged, .hostKeyRevoked, .hostKeyUnknown, .localError,
    .nameUnknown,
    .noCommonAlgorithm, .noShell, .notReached, .notSupported, .outputTooLarge, .permission,
    .protocolError, .refusedByProtection, .resting, .timeout, .unreachable,
  ]

  /// The words of the measurement `service`: probes.
  public static let ofServices: Set<Reason> = [
    .authFailed, .beyondLimit, .cancelled, .certificateExpired, .certificateExpiring,
    .certificateName, .certificateNotYetValid, .certificateUntrusted, .closed, .connectionLost,
    .connectionRefused, .forwardingRefused, .hostKeyChanged, .hostKeyRevoked, .hostKeyUnknown,
    .localError, .nameUnknown, .newListener, .noAnswer, .noPassword, .notPermitted, .notReached,
    .notSupported,
    .notSynchronized, .open, .openDisplay, .packetLoss, .protocolError, .refusedByProtection,
    .resting, .timeout, .tlsFailed, .unreachable, .wrongAnswer,
  ]

  /// The words of collectors.
  public static let ofCollectors: Set<Reason> = [
    .commandFailed, .missingTool, .notApplicable, .notReached, .outputTooLarge, .parseError,
    .permission, .timeout,
  ]

  /// The words of self-checks.
  public static let ofSelfChecks: Set<Reason> = [
    .faultyConfiguration,
    .clockJumped, .clockUncertain, .clockUnsynchronised, .cutOff, .killed, .noAnswer, .overdue,
    .vanished,
  ]

  /// The words of the check `spool`, beside those of a session with its host.
  public static let ofSpools: Set<Reason> = [
    .beyondLimit, .localError, .noShell, .notSupported, .outputTooLarge, .parseError, .permission,
    .protocolError, .stale,
  ]

  /// The words of policies.
  public static let ofPolicies: Set<Reason> = [.policyFailed]

  /// The words of the checks `paths`, which compare services.
  public static let ofPaths: Set<Reason> = [.pathsDisagree]

  /// Whether it is a finding: the service works, but admits strangers, or shows a certificate that
  /// clients have no reason to trust. A finding is not an outage, and is counted separately.
  public var isFinding: Bool {
    switch self {
    case .openDisplay, .noPassword, .certificateName, .certificateUntrusted: true
    default: false
    }
  }

  /// Whether the service's certificate is the cause.
  public var isOfCertificate: Bool {
    switch self {
    case .certificateExpired, .certificateExpiring, .certificateName, .certificateNotYetValid,
      .certificateUntrusted:
      true
    default: false
    }
  }
}
