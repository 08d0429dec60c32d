public import Engine

/// Whoever shows how far a pass is and which hosts it waits for.
public protocol PassProgress: Sendable {
  /// The number of hosts and BMCs that will be asked.
  func begin(_ total: Int)
  func started(_ host: String)
  func ended(_ host: String)
  /// Runs while hosts are asked, until its task is cancelled.
  func tick(on reactor: Reactor) async
  func end()
}
