public import Transfer
public import Configuration
public import Engine

/// A place to which notifications are sent: a chat, a mailbox, a program.
///
/// Delivery is level-triggered: a notification describes the incident as it is now. The next pass
/// retries a failed delivery with the incident's state at that time, so nothing queues up and
/// nothing is lost.
public protocol Notifier: Sendable {
  /// The key in a contact: `telegram`.
  static var kind: String { get }
  /// What it sends to, in one sentence.
  static var summary: String { get }
  /// Its settings as written in a file.
  static var example: String { get }
  /// Takes the settings below that key: one notifier for each place. Secrets are resolved only if
  /// `secrets` is set: a check of the configuration does not need them.
  static func decode(_ fields: inout Fields, secrets: Bool) -> [any Notifier]
  /// The unique name of the place, for people and for the store: `telegram -1001234567890/7`. It
  /// holds no secret.
  var name: String { get }
  /// Notifications of one lane are sent one after the other; a closed lane sends none. A bot's
  /// limits and its token apply to all of its chats.
  var lane: String { get }
  /// Whether a sent notification can be edited. If it cannot, only new facts are sent.
  var isLiving: Bool { get }
  /// Sends the notice. The record of what is already there is updated even if this throws half-way.
  func deliver(
    _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError)
  /// Finds out without a message whether one would be accepted, as far as the place can be asked; returns what
  /// was asked, or nil where only a message shows it.
  func inquire(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> String?
  func close()
}

extension Notifier {
  public func inquire(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> String? { nil }
}

/// Why a notification is sent.
public enum Occasion: String, Sendable {
  /// The first notification of the incident.
  case first
  /// The incident changed; an edit without sound. Only for editable places.
  case change
  /// The incident became worse, or a reminder is due: sent with sound. An editable place starts a
  /// new message.
  case again
  /// The incident resolved: the message is closed, with sound.
  case end
}

/// The record that a notifier keeps of one incident, in its own form; empty before the first send.
public struct SentMessage: Sendable, Equatable {
  public var text: String
  public init(_ text: String = "") { self.text = text }
}

/// A notifier's own memory of its place from pass to pass, by name: the new number of a moved chat,
/// the time of the last message. Small; holds no secret.
public struct NotifierMemory: Sendable, Equatable {
  public var values: [String: String]
  public init(_ values: [String: String] = [:]) { self.values = values }
}

extension DeliveryError {
  /// Whether this pass skips the other notifiers of the lane.
  public var closesLane: Bool {
    switch reason {
    case .unreachable, .timeout, .unauthorized, .unavailable, .protocolError, .closed, .cancelled:
      true
    case .forbidden, .missing, .busy, .refused, .failed: false
    }
  }
}
