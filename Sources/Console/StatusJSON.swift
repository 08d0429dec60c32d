public import Metrics
public import Passes
internal import Rules
internal import Sinks
internal import Store

/// The objects of `scrape status --json`; docs/json.md describes them.
public enum StatusJSON {
  /// The last pass, what is wrong with the files, the watch that runs, then each check, each service and each
  /// host that was never asked.
  public static func objects(
    _ view: StatusView, _ watch: WatchStatus?, faulty files: FaultyFiles?, from least: Severity?
  ) -> [JSON] {
    var objects = [view.last.json]
    if let files { objects.append(files.json) }
    if let watch { objects.append(watch.json) }
    for check in view.checks where least.map({ check.severity >= $0 }) ?? true {
      objects.append(json(check))
    }
    for (name, state) in view.services
    where least.map({ (state.severity ?? .unknown) >= $0 }) ?? true {
      objects.append(.object([("service", .string(name)), ("state", .string(state.rawValue))]))
    }
    guard least ?? .unknown == .unknown else { return objects }
    for host in view.never {
      objects.append(
        .object([
          ("host", .string(host)), ("state", .string(Severity.unknown.rawValue)),
          ("message", .string("never asked")),
        ]))
    }
    return objects
  }

  private static func json(_ check: StatusView.Check) -> JSON {
    var members: [(String, JSON)] = [
      ("host", .string(check.host)), ("check", .string(check.name)),
      ("state", .string(check.severity.rawValue)), ("since", .time(check.since)),
    ]
    if let status = check.status {
      members.append(("target", .string(status.outcome.target)))
      if !status.outcome.isUnlearnt { members.append(("up", .boolean(status.outcome.up))) }
      members.append(("time", .time(status.time)))
      if let last = status.lastUp { members.append(("last_up", .time(last))) }
    }
    if let reason = check.reason { members.append(("reason", .string(reason.rawValue))) }
    if !check.message.isEmpty { members.append(("message", .string(check.message))) }
    if let pending = check.pending { members.append(("pending", .string(pending.rawValue))) }
    if let words = check.acknowledgement { members.append(("acknowledged", .string(words))) }
    if let until = check.silenced {
      members.append(
        until.nanoseconds == .max
          ? ("maintenance", .boolean(true)) : ("silenced_until", .time(until)))
    }
    if let cause = check.cause {
      members.append(("cause", .string("\(cause.host) \(cause.check)")))
    }
    if check.isFlapping { members.append(("flapping", .boolean(true))) }
    if !check.problems.isEmpty {
      members.append(
        (
          "problems",
          .array(
            check.problems.map {
              .object([
                ("collector", .string($0.collector)), ("reason", .string($0.reason.rawValue)),
                ("detail", .string($0.detail)),
              ])
            })
        ))
    }
    return .object(members)
  }
}

extension TargetOutcome {
  /// Whether the last pass did not reach it, so that its state is that of an earlier pass.
  fileprivate var isUnlearnt: Bool { reason == .cancelled || reason == .notReached }
}
