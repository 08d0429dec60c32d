internal import Engine
internal import Metrics
internal import Synchronization
internal import Transfer

/// What all probes of a pass share, made once: whatever is dear to make, or may be done only once.
public final class ProbeKit: Sendable {
  /// The contacts with SSH servers in this pass.
  let ssh = Contacts()
  /// OpenSSL's settings for probes that speak TLS themselves.
  let tls = TLSContexts()
  /// libcurl's handles.
  let transfers = Transfers()
  let secrets = RevealedSecrets()

  public init() {}
}

/// Services that may be asked once in a pass: whoever asks again gets the first one's verdict.
final class Contacts: Sendable {
  /// Nil while the first one is still asking.
  private let verdicts = Mutex<[String: Verdict?]>([:])

  func once(
    _ place: String, on reactor: isolated Reactor, by deadline: Deadline,
    _ ask: (isolated Reactor) async -> Verdict
  ) async -> Verdict {
    while true {
      let (isFirst, known) = verdicts.withLock { verdicts -> (Bool, Verdict?) in
        guard let entry = verdicts[place] else {
          verdicts[place] = .some(nil)
          return (true, nil)
        }
        return (false, entry)
      }
      if isFirst { break }
      if let known { return known }
      do throws(WaitError) {
        guard !deadline.isPast else { throw .timedOut }
        try await reactor.sleep(until: .after(.milliseconds(20)))
      } catch { return Verdict(error, while: "another probe asks the same") }
    }
    let verdict = await ask(reactor)
    verdicts.withLock { $0[place] = verdict }
    return verdict
  }
}
