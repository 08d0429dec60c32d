internal import Engine
internal import Inventory
internal import Metrics

/// One round of letting requests begin: where hosts and BMCs wait for the limits that they share.
///
/// Waiting here is before the begin of a host: it counts for none of its own limits of time. Once the
/// time of the pass is over all begin, and report that.
struct TurnGate {
  let limits: SharedLimits
  let isOver: Bool
  /// Limits that are full, so that others that share the same are not asked about again.
  private var full: Set<[Governor.Key]> = []

  init(_ limits: SharedLimits, until deadline: Deadline) {
    self.limits = limits
    isOver = deadline.isPast
  }

  /// Whether a request may begin; it then counts as begun.
  mutating func admits(_ keys: [Governor.Key]) -> Bool {
    if keys.isEmpty { return true }
    if full.contains(keys) { return false }
    if limits.begin(keys, regardless: isOver) { return true }
    full.insert(keys)
    return false
  }

  /// The time until the next may begin without the end of another; nil if none can.
  var pause: Duration? {
    let pauses = full.map { limits.pause($0) }.filter { $0 > .zero }
    return pauses.min().map { min(max($0, .milliseconds(5)), .seconds(1)) }
  }
}
