/// What the tasks of a pass, or of the watch, report.
enum PassEvent: Sendable {
  case host(Int, HostReading?, ServiceReading?, CollectionReading?)
  case bmc(BMCReading)
  case spool(SpoolPull)
  /// The time to check for slow hosts.
  case second
  /// Another handshake may begin.
  case turn
  /// The process is to end.
  case signal
  case nothing
  case watch(WatchEvent)
}
