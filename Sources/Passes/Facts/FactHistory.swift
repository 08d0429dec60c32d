public import Facts
public import Metrics
public import Store

/// The kept facts of a host, as commands show them.
public struct FactHistory: Sendable {
  public var host: String
  /// When they were first and last the same as they are.
  public var since: Timestamp
  public var last: Timestamp
  public var facts: Facts
  /// What changed since the kept facts of an earlier time, oldest first.
  public var changes: [(time: Timestamp, changes: FactChanges)] = []

  /// Reads the facts of hosts.
  ///
  /// - Parameter since: the begin of the changes; nil reads none.
  public static func all(
    of hosts: [String], in store: Store, changesSince since: Timestamp? = nil
  ) async throws(StoreError) -> [FactHistory] {
    var ids: [String: [Int64]] = [:]
    for (id, host) in try await store.collections(for: [Store.Collection.facts]) {
      ids[host, default: []].append(id)
    }
    var histories: [FactHistory] = []
    for host in hosts {
      guard let own = ids[host], let newest = own.last,
        let kept = try await store.collection(newest)
      else { continue }
      var history = FactHistory(
        host: host, since: kept.time, last: kept.last, facts: Facts(items: kept.items))
      if let since {
        var after = history.facts
        var time = kept.time
        for id in own.dropLast().reversed() where time >= since {
          guard let earlier = try await store.collection(id) else { continue }
          let facts = Facts(items: earlier.items)
          let changes = FactChanges(from: facts, to: after)
          if !changes.isEmpty { history.changes.append((time, changes)) }
          (after, time) = (facts, earlier.time)
        }
        history.changes.reverse()
      }
      histories.append(history)
    }
    return histories
  }
}
