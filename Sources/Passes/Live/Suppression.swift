internal import Inventory
public import Metrics
public import Store

/// Acknowledging and silencing: what `scrape ack`, `scrape silence` and the live view do.
extension Site {
  /// The hosts of a pattern, which may also name what has checks and is no host.
  public func namesWithChecks(_ pattern: String) throws -> [String] {
    Pseudo.withChecks.contains(pattern) || inventory.strangers.contains(pattern)
      ? [pattern] : try inventory.select(pattern).map(\.name)
  }

  /// Acknowledges all checks of these hosts that are not ok; returns what was acknowledged.
  public func acknowledge(
    _ pattern: String, check glob: String?, who: String, why: String, in store: Store
  ) async throws -> [Store.Acknowledgement] {
    let names = Set(try namesWithChecks(pattern))
    let watch = CheckList(self)
    var words: [Store.Acknowledgement] = []
    for (host, checks) in try await store.states() where names.contains(host) {
      for (check, state) in checks
      where watch.has(check, of: host) && glob.map({ CheckName(check).matches($0) }) != false {
        guard state.severity != .ok || state.isFlapping else { continue }
        words.append(
          Store.Acknowledgement(
            host: host, check: check,
            // A flapping check may be ok now.
            severity: state.isFlapping ? .critical : state.severity, time: .now, who: who,
            why: why))
      }
    }
    if !words.isEmpty { try await store.add(words) }
    return words.sorted { ($0.host, $0.check) < ($1.host, $1.check) }
  }

  /// Silences these hosts; returns the silence with its number, and its hosts.
  public func silence(
    _ pattern: String, check: String?, until: Timestamp, who: String, why: String, in store: Store,
    at now: Timestamp
  ) async throws -> (silence: Store.Silence, names: [String]) {
    let names = try namesWithChecks(pattern)
    var silence = Store.Silence(
      hosts: pattern, check: check, from: now, until: until, who: who, why: why)
    silence.id = try await store.add(silence, of: names)
    return (silence, names)
  }
}

extension Store.Silence {
  /// `silence 3: web[02-06] until 18:00:00 CET, 2 h`.
  public func words(_ names: [String], at now: Timestamp) -> String {
    let checks = check.map { ", \($0)" } ?? ""
    return "silence \(id): \(fold(names))\(checks) until \(Format.moment(until)), "
      + Format.age(until.since(now))
  }
}
