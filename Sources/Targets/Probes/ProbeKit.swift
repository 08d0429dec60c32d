internal import Engine
public import Metrics
internal import Synchronization
internal import Transfer

/// The objects that all probes of a pass share, made once: they are expensive, or must be unique.
public final class ProbeKit: Sendable {
  /// The connections to SSH servers in this pass.
  let ssh = Contacts<SSHGreeting>()
  /// Those of other passes and commands, too.
  let contacts: ContactBook
  /// libcurl's handles.
  let transfers = Transfers()
  let secrets = RevealedSecrets()
  /// The default severity of findings.
  let findings: Severity

  /// The servers of the sinks: no redirect may lead there.
  let sinks: [NetworkPlace]

  /// The measurements that scrape writes itself, which a plugin's own points must not have.
  let reserved: Set<String>

  /// `contacts` is the file that counts connections to SSH servers; without one the counts are
  /// limited to this process. `sinks` are the URLs of the sinks, and `findings` is the default
  /// severity of findings.
  public init(
    reserved: Set<String>, contacts: String? = nil, sinks: [String] = [],
    findings: Severity = .minor
  ) {
    self.reserved = reserved
    self.contacts = ContactBook(path: contacts)
    self.sinks = sinks.compactMap { NetworkPlace($0) }
    self.findings = findings
  }
}

/// Services that are checked once in a pass: later callers get the first one's result.
final class Contacts<Answer: Sendable>: Sendable {
  /// Nil while the first check is running.
  private let answers = Mutex<[String: Answer?]>([:])

  func once(
    _ place: String, on reactor: isolated Reactor, by deadline: Deadline,
    _ ask: (isolated Reactor) async -> Answer
  ) async throws(Verdict) -> Answer {
    while true {
      let (isFirst, known) = answers.withLock { answers -> (Bool, Answer?) in
        guard let entry = answers[place] else {
          answers[place] = .some(nil)
          return (true, nil)
        }
        return (false, entry)
      }
      if isFirst { break }
      if let known { return known }
      do throws(WaitError) {
        guard !deadline.isPast else { throw .timedOut }
        try await reactor.sleep(until: .after(.milliseconds(20)))
      } catch { throw Verdict(error, while: "another probe asks the same") }
    }
    let answer = await ask(reactor)
    answers.withLock { $0[place] = answer }
    return answer
  }
}
