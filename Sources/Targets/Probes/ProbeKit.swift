internal import Engine
public import Metrics
internal import Synchronization
internal import Transfer

/// What all probes of a pass share, made once: whatever is dear to make, or may be done only once.
public final class ProbeKit: Sendable {
  /// The contacts with SSH servers in this pass.
  let ssh = Contacts<SSHGreeting>()
  /// Those of other passes and commands, too.
  let contacts: ContactBook
  /// OpenSSL's settings for probes that speak TLS themselves.
  let tls = TLSContexts()
  /// libcurl's handles.
  let transfers = Transfers()
  let secrets = RevealedSecrets()
  /// How bad findings are where an entry says nothing else.
  let findings: Severity

  /// Where the scraper's own points are written: no redirect leads there.
  let sinks: [NetworkPlace]

  /// The names of measurements that a plugin's own points must not have: scrape writes them itself.
  let reserved: Set<String>

  /// `contacts` is the file in which it is kept how often SSH servers were contacted; without one
  /// that is known for this process alone. `sinks` are the URLs to which points are written, and
  /// `findings` is how bad they are where an entry says nothing.
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

/// Services that may be asked once in a pass: whoever asks again gets the first one's answer.
final class Contacts<Answer: Sendable>: Sendable {
  /// Nil while the first one is still asking.
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
