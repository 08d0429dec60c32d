public import Engine

/// A display of the progress of a pass and of the hosts it waits for.
public protocol PassProgress: Sendable {
  /// The number of hosts and BMCs to scrape.
  func begin(_ total: Int)
  func started(_ host: String)
  func ended(_ host: String)
  /// Runs during scraping, until its task is cancelled.
  func tick(on reactor: Reactor) async
  func end()
}
