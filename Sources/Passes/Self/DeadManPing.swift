internal import Configuration
internal import Engine
internal import Inventory
internal import Metrics
internal import Probes
internal import Rules
internal import Transfer

/// The dead-man ping: a request to an outside service, which raises an alert when the pings stop.
///
/// Only a complete pass sends one: all hosts, in time, stored, and the scraper not cut off.
struct DeadManPing: Sendable {
  /// The key of its due time in the store.
  static let name = "deadman"
  private static let limit: Duration = .seconds(5)

  private let settings: SelfSettings.DeadMan
  /// When the next ping is due.
  let next: Timestamp

  /// The ping that is due now; else nil.
  init?(_ settings: SelfSettings.DeadMan?, due: Timestamp?, at now: Timestamp) {
    guard let settings else { return nil }
    switch Pace.clock(every: settings.every, due: due, at: now) {
    case .always: next = now
    case .now(let next, _): self.next = next
    case .later: return nil
    }
    self.settings = settings
  }

  /// Sends the ping; returns an error message or nil. The message names only the server of the URL.
  func send(on reactor: Reactor) async -> String? {
    let url: String
    do throws(ConfigurationError) { url = try settings.url.reveal() } catch {
      return "dead-man ping: \(error.oneLine)"
    }
    guard let place = SelfSettings.DeadMan.place(of: url) else {
      return "dead-man ping: the secret is not a URL of http:// or https://"
    }
    let client = Transfers()
    defer { client.close() }
    var request = TransferRequest(settings.method, url)
    request.bodyLimit = 4 << 10
    request.secrets = [String(url.dropFirst(place.count))]
    let answer = await reactor.open { [request] reactor in
      await client.run(request, on: reactor, by: .after(Self.limit))
    }
    guard let error = answer.error else {
      if (200..<300).contains(answer.code) { return nil }
      return "dead-man ping to \(place): answered \(answer.code)"
    }
    // The message of a library may contain the URL.
    let path = url.dropFirst(place.count)
    let isHarmless = path.count < 2 || !error.message.contains(path)
    return "dead-man ping to \(place): \(isHarmless ? error.message : error.reason.rawValue)"
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
  /// Whether every host was scraped, and the scraper is not cut off.
  var isGood: Bool {
    guard !interrupted, own?.verdict.isCutOff != true else { return false }
    let isLate =
      readings.contains { $0.failure?.reason == .notReached }
      || bmcs.contains { $0.failure?.reason == .notReached }
      || services.contains { $0.services.contains { $0.verdict.reason == .notReached } }
    return !isLate
  }
}
