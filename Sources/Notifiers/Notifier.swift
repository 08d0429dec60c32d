public import Configuration
public import Engine

/// A place where people are told: a chat, a mailbox, a program.
///
/// Telling is level-triggered: what is told is how an incident is now. What could not be told is told
/// with the next pass, in the form that it has by then, so nothing queues up and nothing is lost.
public protocol Notifier: Sendable {
  /// The word for it in a contact: `telegram`.
  static var kind: String { get }
  /// Reads what stands behind that word: a notifier for each place. Every fault is added to the
  /// findings. Secrets are looked up only where `secrets` says so: a check of the configuration need
  /// not have them.
  static func decode(
    _ node: Node, secrets: Bool, _ findings: inout Findings
  ) -> [any Notifier]
  /// Names the place for people and for the store, one of its kind: `telegram -1001234567890/7`. It
  /// holds no secret.
  var name: String { get }
  /// Those of one lane are told one after the other, and where the lane is closed none of them: a
  /// bot's limits and its token hold for all of its chats.
  var lane: String { get }
  /// Whether what was told can be changed. One that cannot be is told only what is new.
  var isLiving: Bool { get }
  /// Tells it. `told` remembers what is there already, also where this throws half-way.
  func tell(
    _ notice: Notice, _ occasion: Occasion, _ told: inout Told, _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(NotifierError)
  func close()
}

/// Why something is told.
public enum Occasion: String, Sendable {
  /// For the first time.
  case first
  /// It has changed; nobody is to be disturbed. Only for what is living.
  case change
  /// It has become worse, or lasts: people are to notice. What is living begins anew below.
  case again
  /// It is over: what is there is closed, and people notice.
  case end
}

/// What a notifier told of one incident, in its own words; empty before the first time.
public struct Told: Sendable, Equatable {
  public var text: String
  public init(_ text: String = "") { self.text = text }
}

/// What a notifier remembers of its place from pass to pass, by name: that a chat has moved, when it
/// last wrote there. Small; no secret.
public struct NotifierMemory: Sendable, Equatable {
  public var values: [String: String]
  public init(_ values: [String: String] = [:]) { self.values = values }
}

/// Why people could not be told. Nothing is lost by it: it is tried again in the next pass.
public struct NotifierError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// No connection: the name, the route, the port, the certificate.
    case unreachable
    case timeout
    /// The token, the user or the password is wrong.
    case unauthorized
    /// It may not write there: the bot was blocked or is no member.
    case forbidden
    /// The place is not there.
    case missing
    /// Not now; after as long where the other side tells.
    case busy
    /// It was understood and will not be taken, now or later.
    case refused
    /// An answer that is not of its protocol.
    case protocolError = "protocol_error"
    /// A program that failed.
    case failed
    case cancelled
  }

  public var reason: Reason
  /// Which notifier, by its name.
  public var notifier: String
  /// What happened and what to do. It may hold a server's words: make it visible before printing.
  public var message: String
  public var retryAfter: Duration?

  public init(
    _ reason: Reason, _ notifier: String, _ message: String, retryAfter: Duration? = nil
  ) {
    self.reason = reason
    self.notifier = notifier
    self.message = message
    self.retryAfter = retryAfter
  }

  public var description: String { "\(notifier): \(message)" }

  /// Whether those of the same lane need not be tried in this pass.
  public var closesLane: Bool {
    switch reason {
    case .unreachable, .timeout, .unauthorized, .protocolError, .cancelled: true
    case .forbidden, .missing, .busy, .refused, .failed: false
    }
  }
}
