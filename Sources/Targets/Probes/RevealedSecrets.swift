internal import Configuration
internal import Engine
internal import Metrics
internal import Synchronization
internal import Transfer

/// Plain-text secrets, each read once per pass and not on a reactor: they may stand in files.
final class RevealedSecrets: Sendable {
  private let known = Mutex<[Secret: Secret.Value]>([:])
  private static let readers = BlockingPool(name: "secrets", threads: 2)

  /// All secrets read so far, in every form in which they may have been sent.
  var hidden: HiddenValues { HiddenValues(known.withLock { $0.values.map(\.clearText) }) }

  /// The secret as text; nil if it cannot be read.
  func text(
    of secret: Secret?, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> String? {
    guard let secret else { return nil }
    if let value = known.withLock({ $0[secret] }) { return value.clearText }
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
      known.withLock { $0[secret] = value }
      return value.clearText
    case .failure(let error): throw Verdict(.unknown, .localError, error.problem)
    case nil: throw Verdict(.unknown, .localError, "\(secret) was not read in time")
    }
  }
}
