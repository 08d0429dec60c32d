internal import Configuration
internal import Engine
internal import Metrics
internal import Synchronization
internal import Transfer

/// What all probes of a pass share, made once: whatever is dear to make.
public final class ProbeKit: Sendable {
  /// libcurl's handles.
  let transfers = Transfers()
  private let secrets = Mutex<[Secret: Secret.Value]>([:])
  private static let readers = BlockingPool(name: "secrets", threads: 2)

  public init() {}

  /// The secret in clear, read once per pass: it may stand in a file.
  func reveal(
    _ secret: Secret?, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Secret.Value? {
    guard let secret else { return nil }
    if let known = secrets.withLock({ $0[secret] }) { return known }
    let read = await Self.readers.run(by: deadline, on: reactor) {
      () -> Result<Secret.Value, ConfigurationError> in
      do throws(ConfigurationError) {
        return .success(try secret.reveal())
      } catch {
        return .failure(error)
      }
    }
    switch read {
    case .success(let value):
      secrets.withLock { $0[secret] = value }
      return value
    case .failure(let error): throw Verdict(.unknown, .localError, error.problem)
    case nil: throw Verdict(.unknown, .localError, "\(secret) was not read in time")
    }
  }
}
