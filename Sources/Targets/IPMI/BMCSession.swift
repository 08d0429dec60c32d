internal import Metrics
internal import CFreeIPMI
internal import Engine
internal import Inventory

/// One session with a BMC over RMCP+; it is always closed.
///
/// FreeIPMI blocks and runs one command at a time, so a session belongs to one thread of a
/// `BlockingPool`; none of its methods may run on a reactor. Source: Intelligent Platform Management
/// Interface Specification v2.0, and FreeIPMI's ipmi-api.h.
final class BMCSession {
  /// The failure of a command.
  struct Failure: Error {
    var reason: Reason
    var detail: String
    /// The completion code, if the BMC answered (IPMI v2.0, table 5-2).
    var code: UInt8?
    /// Whether all further commands would fail, too.
    var endsSession = false
    /// Whether the deadline passed while the BMC still answered.
    var isLate = false
    /// Whether it fell silent after an answer: packets may be lost, and another session helps.
    var isSilence = false

    var error: TargetError { TargetError(reason, detail) }
  }

  private let context: ipmi_ctx_t
  private var deadline: Deadline
  private var isStopped: () -> Bool
  /// The number of commands sent in this poll.
  private(set) var commands = 0
  let opened = Deadline.now

  /// The corresponding C function is `ipmi_rmcpplus_init`, which must run once before any thread uses
  /// the library.
  private static let library: Int32 = ipmi_rmcpplus_init()

  /// The failure to open a session.
  struct Unopened: Error {
    var error: TargetError
    /// Whether the BMC answered the first request and then fell silent.
    var hasAnswered = false
  }

  /// Opens the session with one cipher suite. `patience` is the timeout for an answer of the BMC, now
  /// and for later commands.
  init(
    _ target: BMCTarget, at address: String, suite: UInt8, patience: Duration,
    by deadline: Deadline, isStopped: @escaping () -> Bool
  ) throws(Unopened) {
    guard Self.library == 0, let context = ipmi_ctx_create() else {
      throw Unopened(
        error: TargetError(
          .localError, "FreeIPMI has no memory or no cryptography for a session"))
    }
    self.context = context
    self.deadline = deadline
    self.isStopped = isStopped
    let code = Self.open(
      context, target, at: address, suite: suite, patience: patience, by: deadline)
    guard code == 0 else {
      // The number may be "success" although the call failed: only the return value counts.
      let number = ipmi_ctx_errnum(context)
      // The library has one error for silence after the first request, and another for later silence.
      let isSession =
        ipmi_errnum_type_t(rawValue: UInt32(bitPattern: number)) == IPMI_ERR_SESSION_TIMEOUT
      throw Unopened(
        error: Self.openError(number, target, suite: suite), hasAnswered: isSession)
    }
  }

  /// Continues in another poll.
  func resume(by deadline: Deadline, isStopped: @escaping () -> Bool) {
    self.deadline = deadline
    self.isStopped = isStopped
    commands = 0
  }

  /// Closes the session; a silent BMC delays that by one retransmission.
  deinit { ipmi_ctx_destroy(context) }

  private static func open(
    _ context: ipmi_ctx_t, _ target: BMCTarget, at address: String, suite: UInt8,
    patience: Duration, by deadline: Deadline
  ) -> Int32 {
    let settings = target.settings
    let place = address.contains(":") ? "[\(address)]" : address
    let host = target.door.map { "127.0.0.1:\($0)" } ?? "\(place):\(settings.port)"
    // The library refuses a retransmission that is not shorter than the time-out.
    let session = max(min(patience, deadline.remaining), .milliseconds(100)).inMilliseconds
    let retransmit = min(settings.retransmit.inMilliseconds, max(session / 2, 1))
    return target.user.withNullableCString { user in
      target.password.withNullableBytes { password in
        switch settings.driver {
        case .lan:
          ipmi_ctx_open_outofband(
            context, host, user, password, UInt8(IPMI_AUTHENTICATION_TYPE_MD5),
            settings.privilege.code, session, retransmit, settings.workarounds.lan,
            UInt32(IPMI_FLAGS_DEFAULT))
        case .lan20:
          // The library reads 20 bytes of the key, whatever length it is given.
          (target.key.map {
            Array($0.prefix(20)) + Array(repeating: 0, count: 20 - min(20, $0.count))
          }
            ?? []).withUnsafeBufferPointer { key in
              ipmi_ctx_open_outofband_2_0(
                context, host, user, password, key.isEmpty ? nil : key.baseAddress,
                UInt32(key.count), settings.privilege.code, suite, session, retransmit,
                settings.workarounds.lan20, UInt32(IPMI_FLAGS_DEFAULT))
            }
        }
      }
    }
  }

  private static func openError(
    _ code: Int32, _ target: BMCTarget, suite: UInt8
  ) -> TargetError {
    let who = target.settings.userText
    switch ipmi_errnum_type_t(rawValue: UInt32(bitPattern: code)) {
    case IPMI_ERR_USERNAME_INVALID:
      return TargetError(.authFailed, "the BMC knows no user \(who)")
    case IPMI_ERR_PASSWORD_INVALID:
      return TargetError(
        .authFailed,
        "the BMC refused the password of \(who), or does not allow cipher suite \(suite) for it")
    case IPMI_ERR_K_G_INVALID:
      return TargetError(.authFailed, "the BMC's key K_g is another; see `k_g`")
    case IPMI_ERR_PRIVILEGE_LEVEL_INSUFFICIENT, IPMI_ERR_PRIVILEGE_LEVEL_CANNOT_BE_OBTAINED:
      return TargetError(
        .permission,
        "\(who) may not have privilege \(target.settings.privilege.rawValue); lower `privilege`, "
          + "raise the user's on the BMC, or try `workarounds: [opensesspriv]`")
    case IPMI_ERR_CIPHER_SUITE_ID_UNAVAILABLE:
      return TargetError(
        .noCommonAlgorithm,
        "the BMC does not offer cipher suite \(suite); 3 and 17 are the usual `cipher_suite`s")
    case IPMI_ERR_AUTHENTICATION_TYPE_UNAVAILABLE:
      return TargetError(
        .noCommonAlgorithm,
        "the BMC allows no authentication that driver: \(target.settings.driver.rawValue) has")
    case IPMI_ERR_IPMI_2_0_UNAVAILABLE:
      return TargetError(.noCommonAlgorithm, "the BMC speaks no IPMI 2.0; try `driver: lan`")
    case IPMI_ERR_CONNECTION_TIMEOUT, IPMI_ERR_SESSION_TIMEOUT, IPMI_ERR_DRIVER_TIMEOUT,
      IPMI_ERR_MESSAGE_TIMEOUT:
      return TargetError(.timeout, target.silence("no answer"))
    case IPMI_ERR_PASSWORD_VERIFICATION_TIMEOUT:
      // Of IPMI 1.5 only. It counts as a refusal: each try may bring a lock-out nearer.
      return TargetError(
        .authFailed,
        "the BMC fell silent when it was shown the password of \(who), as many do for a wrong one")
    case IPMI_ERR_BMC_BUSY, IPMI_ERR_DRIVER_BUSY:
      return TargetError(
        .busy, "the BMC has no room for another session; it frees idle ones after a minute")
    case IPMI_ERR_HOSTNAME_INVALID:
      return TargetError(.nameUnknown, "\"\(target.settings.address)\" is no address")
    case IPMI_ERR_OUT_OF_MEMORY, IPMI_ERR_SYSTEM_ERROR, IPMI_ERR_PERMISSION:
      return TargetError(.localError, "opening the session: \(message(code))")
    case IPMI_ERR_PARAMETERS:
      return TargetError(
        .localError,
        "FreeIPMI refuses these settings; a user has at most 16 bytes, a password 20, k_g 20")
    case IPMI_ERR_SUCCESS:
      return TargetError(.protocolError, "the BMC's answers came twice or out of order")
    default:
      return TargetError(.protocolError, "opening the session: \(message(code))")
    }
  }

  private static func message(_ code: Int32) -> String {
    ipmi_ctx_strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }

  /// Sends a command and returns the bytes after its completion code, which must be 00h.
  ///
  /// The corresponding C function is `ipmi_cmd_raw`.
  func ask(
    _ function: UInt8, _ command: UInt8, _ rest: [UInt8] = [], lun: UInt8 = 0, for what: String
  ) throws(Failure) -> ArraySlice<UInt8> {
    if isStopped() {
      throw Failure(reason: .cancelled, detail: "the pass ended during \(what)", endsSession: true)
    }
    if deadline.isPast {
      throw Failure(
        reason: .timeout, detail: "the deadline came during \(what)", endsSession: true,
        isLate: true)
    }
    commands += 1
    let request = [command] + rest
    // A smaller buffer makes the library fail on a long answer.
    var answer = [UInt8](repeating: 0, count: 1024)
    let count = ipmi_cmd_raw(
      context, lun, function, request, UInt32(request.count), &answer, UInt32(answer.count))
    guard count >= 0 else { throw lost(ipmi_ctx_errnum(context), what) }
    guard count >= 2, answer[0] == command else {
      throw Failure(reason: .protocolError, detail: "\(what): an answer of \(count) bytes")
    }
    guard answer[1] == 0 else { throw .refused(answer[1], what) }
    return answer[2..<min(Int(count), answer.count)]
  }

  private func lost(_ code: Int32, _ what: String) -> Failure {
    switch ipmi_errnum_type_t(rawValue: UInt32(bitPattern: code)) {
    case IPMI_ERR_SESSION_TIMEOUT, IPMI_ERR_CONNECTION_TIMEOUT:
      Failure(
        reason: .timeout, detail: "it fell silent during \(what)", endsSession: true,
        isSilence: true)
    case IPMI_ERR_MESSAGE_TIMEOUT, IPMI_ERR_DRIVER_TIMEOUT:
      Failure(reason: .timeout, detail: "no answer to \(what)")
    case IPMI_ERR_BMC_BUSY, IPMI_ERR_DRIVER_BUSY:
      Failure(reason: .busy, detail: "\(what): the BMC is busy")
    case IPMI_ERR_SYSTEM_ERROR:
      Failure(
        reason: .unreachable, detail: "\(what): \(SystemError("recv").message)", endsSession: true)
    default:
      Failure(reason: .protocolError, detail: "\(what): \(Self.message(code))", endsSession: true)
    }
  }
}

extension BMCSession.Failure {
  /// The completion codes of IPMI v2.0, table 5-2.
  static func refused(_ code: UInt8, _ what: String) -> BMCSession.Failure {
    let (reason, words): (Reason, String) =
      switch code {
      case 0xc0: (.busy, "the BMC is busy")
      case 0xc1, 0xc2: (.notSupported, "the BMC does not know the command")
      case 0xc3: (.timeout, "the BMC's own inside did not answer in time")
      case 0xc5: (.busy, "another client took the reservation")
      case 0xca, 0xc7, 0xc8: (.protocolError, "the BMC refuses the length")
      case 0xcb: (.notSupported, "it is not there")
      case 0xc9, 0xcc: (.notSupported, "the BMC refuses the request")
      case 0xd0, 0xd1, 0xd2: (.busy, "the BMC is being initialized or updated")
      case 0xd3: (.notSupported, "the BMC cannot reach its source")
      case 0xd4: (.permission, "the user's privilege does not suffice")
      case 0xce, 0xd5, 0xd6: (.notSupported, "not in the BMC's present state")
      default: (.protocolError, "refused")
      }
    return BMCSession.Failure(
      reason: reason, detail: "\(what): \(words) (completion code \(hex(code))h)", code: code)
  }
}

/// Two digits, as the specification writes bytes.
func hex(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 16, uppercase: true)
  return byte < 16 ? "0\(digits)" : digits
}

extension Duration {
  /// Whole milliseconds, at most a day.
  fileprivate var inMilliseconds: UInt32 {
    let (seconds, attoseconds) = components
    let bounded = UInt32(clamping: min(max(seconds, 0), 86_400))
    return bounded * 1000 + UInt32(clamping: attoseconds / 1_000_000_000_000_000)
  }
}

extension Optional where Wrapped == String {
  fileprivate func withNullableCString<Result>(
    _ body: (UnsafePointer<CChar>?) -> Result
  ) -> Result {
    switch self {
    case .some(let text): text.withCString { body($0) }
    case .none: body(nil)
    }
  }
}

extension Optional where Wrapped == [UInt8] {
  /// The bytes as a C string that is wiped after use.
  fileprivate func withNullableBytes<Result>(
    _ body: (UnsafePointer<CChar>?) -> Result
  ) -> Result {
    guard let bytes = self else { return body(nil) }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { room in
      for (index, byte) in bytes.enumerated() { room[index] = CChar(bitPattern: byte) }
      room[bytes.count] = 0
      defer { for index in room.indices { room[index] = 0 } }
      return body(room.baseAddress)
    }
  }
}
