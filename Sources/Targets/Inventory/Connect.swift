internal import Metrics
public import Engine

/// A connection to a host of the inventory: `Dial`, with the reasons of targets.
public enum Connect {
  /// The addresses of a name or a number, in the system's order of preference.
  public static func resolve(
    _ name: String, port: UInt16, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> [Dial.Address] {
    do throws(DialError) {
      return try await Dial.resolve(name, port: port, on: reactor, by: deadline)
    } catch {
      throw TargetError(error)
    }
  }

  /// A connected, non-blocking socket without Nagle's delay.
  public static func tcp(
    to addresses: [Dial.Address], from sources: [Dial.Address] = [],
    refusedHint: String = "; is sshd running, and on this port?",
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> FileDescriptor {
    do throws(DialError) {
      return try await Dial.tcp(to: addresses, from: sources, on: reactor, by: deadline)
    } catch {
      throw TargetError(error, refusedHint: refusedHint)
    }
  }
}

extension TargetError {
  /// The reason for a target without a connection, and what to do.
  public init(_ error: DialError, refusedHint: String = "") {
    switch error.reason {
    case .nameUnknown:
      self.init(.nameUnknown, "\(error); give an `address` in the inventory")
    case .refused: self.init(.connectionRefused, "\(error)\(refusedHint)")
    case .reset:
      self.init(.connectionLost, "\(error), before a word was said")
      isWordless = true
    case .unreachable: self.init(.unreachable, error.message)
    case .timeout: self.init(.timeout, error.message)
    case .local: self.init(.localError, error.message)
    case .cancelled: self.init(.cancelled, error.message)
    }
  }

  /// The reason for a wait that failed; `doing` names the step.
  public init(_ error: WaitError, while doing: String) {
    switch error {
    case .timedOut: self.init(.timeout, "no answer while \(doing)")
    case .cancelled: self.init(.cancelled, "ended while \(doing)")
    case .failed(let cause): self.init(.localError, "\(cause) while \(doing)")
    }
  }
}
