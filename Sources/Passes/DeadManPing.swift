internal import Configuration
internal import Engine
internal import Inventory
internal import Metrics
internal import Probes
internal import Rules
internal import Sinks

/// Tells somebody outside that the scraper lives: whoever does not hear of it any more raises the alarm.
///
/// Only a whole pass is told of: all hosts, in time, kept in the store, and the scraper not cut off.
struct DeadManPing: Sendable {
  /// Its name among what is due.
  static let name = "deadman"
  private static let limit: Duration = .seconds(5)

  private let settings: SelfSettings.DeadMan
  /// When it is due again.
  let next: Timestamp

  /// The ping that is due now; nil where there is none.
  init?(_ settings: SelfSettings.DeadMan?, due: Timestamp?, at now: Timestamp) {
    guard let settings else { return nil }
    switch Plan.clock(every: settings.every, due: due, at: now) {
    case .always: next = now
    case .now(let next, _): self.next = next
    case .later: return nil
    }
    self.settings = settings
  }

  /// Sends it; what went wrong, for people, or nil. Of the URL only the server is told.
  func send(on reactor: Reactor) async -> String? {
    let url: String
    do throws(ConfigurationError) { url = try settings.url.reveal() } catch {
      return "dead-man ping: \(error.oneLine)"
    }
    guard let place = SelfSettings.DeadMan.place(of: url) else {
      return "dead-man ping: the secret is not a URL of http:// or https://"
    }
    let client = HTTPClient()
    defer { client.close() }
    var request = HTTPRequest(settings.method, url)
    request.bodyLimit = 4 << 10
    request.secrets = [String(url.dropFirst(place.count))]
    do throws(HTTPError) {
      let answer = try await reactor.answer(to: request, of: client, by: .after(Self.limit))
      if (200..<300).contains(answer.status) { return nil }
      return "dead-man ping to \(place): answered \(answer.status)"
    } catch {
      // A library's words may quote what it was given.
      let path = url.dropFirst(place.count)
      let isHarmless = path.count < 2 || !error.message.contains(path)
      let words = isHarmless ? error.message : error.reason.rawValue
      return "dead-man ping to \(place): \(words)"
    }
  }
}

extension Reactor {
  fileprivate func answer(
    to request: HTTPRequest, of client: HTTPClient, by deadline: Deadline
  ) async throws(HTTPError) -> HTTPResponse {
    try await client.send(request, on: self, by: deadline)
  }
}

extension SelfSettings.DeadMan.URL {
  fileprivate func reveal() throws(ConfigurationError) -> String {
    switch self {
    case .clear(let url): url
    case .secret(let secret): try secret.reveal().clearText
    }
  }
}

extension Pass.Report {
  /// Whether every host had its turn, by a scraper that is not cut off.
  var isGood: Bool {
    guard !interrupted, own?.verdict.isCutOff != true else { return false }
    let isLate =
      readings.contains { $0.failure?.reason == .notReached }
      || bmcs.contains { $0.failure?.reason == .notReached }
      || services.contains { $0.services.contains { $0.verdict.reason == .notReached } }
    return !isLate
  }
}
