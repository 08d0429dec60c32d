public import Metrics

/// Why a target could not be read: a reason for the database and a sentence for people.
public struct TargetError: Error, Sendable, Equatable, CustomStringConvertible {
  /// One of `Reason.ofTargets`.
  public var reason: Reason
  /// What happened, what was tried and what to do next. It may hold the host's words: make it
  /// visible before printing.
  public var detail: String

  /// The server has put this address on its list: to try again now would only lengthen the stay.
  public var isPenalty = false
  /// The server ended the connection before it said a word: it may be shedding load.
  public var isWordless = false
  /// No key and no password was shown to the server.
  public var isUntried = false

  /// A jump host does not say why it could not connect: it has no way, or no room.
  public var isVague = false

  /// A jump host on the way failed, not the target.
  public var isOfJumpHost = false

  /// The jump host has no room for another command.
  public var isOfSessions = false

  public init(_ reason: Reason, _ detail: String) {
    assert(Reason.ofTargets.contains(reason), reason.rawValue)
    self.reason = reason
    self.detail = detail
  }

  public var description: String { "\(reason.rawValue): \(detail)" }
}
