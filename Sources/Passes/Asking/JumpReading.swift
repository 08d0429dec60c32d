public import Inventory
public import Metrics
internal import Engine
internal import Hosts

/// Whether a jump host could be used in a pass that does not scrape it: one without an entry in the
/// inventory, without collectors, or not due.
///
/// It is the check `ssh` of the jump host, and the cause of what fails behind it. It has no points.
public struct JumpReading: Sendable {
  /// A jump host on the way to hosts of the pass.
  struct Target: Sendable {
    /// Its name in checks.
    var name: String
    /// Its entry in the inventory.
    var entry: Host?
    var target: HostTarget
    var pool: JumpPool
  }

  public var result: HostResult
  public let failure: TargetError?

  /// Nil where nothing asked for the jump host, or the pass ended before its turn.
  init?(of jump: Target, at time: Timestamp) async {
    let found = await jump.pool.reactor.open { reactor in
      jump.pool.result(of: jump.target, on: reactor)
    }
    switch found {
    case .success: failure = nil
    case .failure(let error): failure = error
    case nil: return nil
    }
    guard let severity = failure.severity(.critical) else { return nil }
    result = HostResult(
      batch: PointBatch(
        host: jump.name, tags: jump.entry?.pointTags ?? [Tag("host", jump.name)], time: time))
    result.isOfBoot = false
    result.outcomes = [
      TargetOutcome(
        target: CheckName.ssh.text, up: failure == nil, severity: severity,
        reason: failure?.reason, message: failure?.detail)
    ]
  }
}
