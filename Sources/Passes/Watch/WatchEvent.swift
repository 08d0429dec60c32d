internal import Alerts
internal import Sinks
internal import Store

/// What the tasks of the watch report besides the answers of hosts.
enum WatchEvent: Sendable {
  /// Something is due.
  case time
  /// Files changed; the names.
  case changed(Set<String>)
  case hangup
  case read(Reading)
  case kept(Keeper, Keeper.Outcome)
  case delivered(String, Delivery)
  case notified([String])
  case pages([PageWriter.Result])
  case pinged(String?)
  /// A companion ends the watch.
  case left

  /// What reading the files again came to, with the hash of their contents.
  enum Reading: Sendable {
    case same
    case failed(WatchError, UInt64)
    case new(Era, [String: HostState], UInt64)
  }
}
