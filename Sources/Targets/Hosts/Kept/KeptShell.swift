internal import Engine

/// A shell that stays for further scrapes, with what it has learnt and for how long it may stay.
final class KeptShell {
  let shell: any BatchShell
  /// The host's key, for answers.
  let hostKey: HostKey?
  var script = KeptScript()
  /// Batches that it ran.
  var scrapes = 0
  var used = Deadline.now
  /// From when on it is not used any more.
  let end: Deadline

  init(_ shell: any BatchShell, hostKey: HostKey?, until end: Deadline) {
    self.shell = shell
    self.hostKey = hostKey
    self.end = end
  }
}
