internal import Metrics
public import Passes
internal import Rules
internal import Sinks
public import Store
internal import IPMI
internal import Inventory

/// `scrape status --history`: transitions, newest first.
public struct StatusHistory {
  let site: Site
  let store: Store
  let screen: Screen

  public init(site: Site, store: Store, screen: Screen) {
    (self.site, self.store, self.screen) = (site, store, screen)
  }

  public func show(of pattern: String?, json: Bool) async throws {
    let strangers = site.inventory.strangers
    var hosts = Set(site.inventory.hosts.map(\.name)).union(Pseudo.withChecks).union(strangers)
    if let pattern, strangers.contains(pattern) {
      hosts = [pattern]
    } else if let pattern {
      hosts = Set(try site.inventory.select(pattern).map(\.name))
    }
    let one = hosts.count == 1 ? hosts.first : nil
    // Read all transitions for a part of the hosts: theirs may be the oldest.
    let isPart = !site.inventory.hosts.allSatisfy { hosts.contains($0.name) } && one == nil
    let all = try await store.transitions(of: one, limit: isPart ? .max : 1000)
      .filter { hosts.contains($0.host) }.prefix(1000)
    let width = min(32, all.map(\.host.count).max() ?? 0)
    for kept in all {
      let change = kept.transition
      if json {
        Terminal.print(Printable(Self.json(kept)))
        continue
      }
      let after =
        change.since.map { since in
          " after \(Format.duration(change.time.since(since)))"
        } ?? ""
      let head =
        "\(Format.moment(change.time))  \(Format.pad(kept.host, width))  \(change.name): "
        + "\(change.from.rawValue) → "
      let tail =
        "\(after)\(change.isFlapping ? ", flapping" : "")"
        + (change.text.isEmpty ? "" : "  \(change.text)")
      let word = change.to.rawValue
      let used = Screen.columns(head.visible) + word.count
      let cut = screen.width.map { Screen.cut(tail, max(0, $0 - used)) } ?? tail
      Terminal.show(
        Printable(head) + screen.paint(Printable(word), change.to.colour) + Printable(cut))
    }
  }

  private static func json(_ kept: Store.KeptTransition) -> JSON {
    let change = kept.transition
    var members: [(String, JSON)] = [
      ("time", .time(change.time)), ("host", .string(kept.host)),
      ("check", .string(change.name)), ("from", .string(change.from.rawValue)),
      ("to", .string(change.to.rawValue)), ("message", .string(change.text)),
      ("flapping", .boolean(change.isFlapping)),
    ]
    if let since = change.since { members.append(("since", .time(since))) }
    return .object(members)
  }
}
