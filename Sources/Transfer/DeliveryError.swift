/// Why a delivery failed, to a sink or by a notifier. Nothing is lost: the next pass retries.
public struct DeliveryError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The words are permanent: the store keeps them.
  public enum Reason: String, Sendable {
    /// No connection: name, route, port or certificate.
    case unreachable
    case timeout
    /// The user, the password, the token or their permissions are wrong.
    case unauthorized
    /// The place refuses the sender: the bot was blocked or is not a member.
    case forbidden
    /// The place does not exist and cannot be created: a database, a bucket, a chat.
    case missing
    /// Refused because of the rate; the delay is that of the server if it gave one.
    case busy
    /// The place is temporarily unavailable, such as a full disk.
    case unavailable
    /// The notification was understood and refused; a retry does not help.
    case refused
    /// The answer does not follow the protocol, or the place does not understand the request.
    case protocolError = "protocol_error"
    /// The reader of standard output has closed.
    case closed
    /// A program failed, or a resource of this machine is missing.
    case failed
    case cancelled
  }

  public var reason: Reason
  /// The name of the sink or notifier.
  public var name: String
  /// What happened and what to do. May hold a server's words: make it visible before printing.
  public var message: String
  /// The back-off that the place asks for; nil if it gave none.
  public var retryAfter: Duration?

  public init(
    _ reason: Reason, _ name: String, _ message: String, retryAfter: Duration? = nil
  ) {
    self.reason = reason
    self.name = name
    self.message = message
    self.retryAfter = retryAfter
  }

  public var description: String { "\(name): \(message)" }
}
