internal import Configuration
public import Inventory
internal import Metrics
public import Passes
public import Store

/// A policy evaluated on what passes read before.
public enum PolicyReplay {
  /// The last kept collection of a host for a policy.
  static func last(
    of host: String, _ policy: String, in store: Store
  ) async throws -> Store.Collection? {
    for (id, owner) in try await store.collections().reversed() where owner == host {
      if let kept = try await store.collection(id), kept.policies.contains(policy) { return kept }
    }
    return nil
  }

  /// Evaluates the file on the kept collections of hosts, and shows what changes.
  ///
  /// - Parameters:
  ///   - given: the policy of scrape.yml that the file is another version of; nil: that of the file's name.
  ///   - age: how old a collection may be; nil: the last one of each host.
  public static func show(
    _ file: String, of hosts: [Host], as given: String?, since age: Duration?, json: Bool,
    _ site: Site, _ store: Store
  ) async throws {
    let own = Set(hosts.map(\.name))
    if let given { try site.checkPolicy(given) }
    let name = given ?? PolicySettings(file: file).name
    var settings = site.policies.settings.first { $0.name == name } ?? PolicySettings(file: file)
    settings.file = file
    var findings = Findings()
    let entry = try PolicyBook.Entry(settings, &findings)
    let begin = age.map { Timestamp.now.before($0) }
    let kept = try await store.collections(since: begin).filter { own.contains($0.host) }
    // Of each host the last one, or all.
    var ids = kept.map(\.id)
    if begin == nil {
      var last: [String: Int64] = [:]
      for (id, host) in kept { last[host] = id }
      ids = kept.filter { last[$0.host] == $0.id }.map(\.id)
    }
    let records = try await store.policyRecords()
    var replay = ReplayLines(json: json)
    if begin == nil {
      for host in own {
        replay.before[host] = records[host]?.first { $0.policy == name }.flatMap(PolicyOutcome.init)
      }
    }
    for slice in stride(from: 0, to: ids.count, by: 64) {
      var collections: [Store.Collection] = []
      for id in ids[slice..<min(slice + 64, ids.count)] {
        if let collection = try await store.collection(id) { collections.append(collection) }
      }
      let outcomes = await withTaskGroup(of: (Int, PolicyOutcome).self) { group in
        for (index, collection) in collections.enumerated() {
          group.addTask { (index, PolicyReading.evaluate(entry, on: collection)) }
        }
        var all: [Int: PolicyOutcome] = [:]
        for await (index, outcome) in group { all[index] = outcome }
        return collections.indices.compactMap { all[$0] }
      }
      for outcome in outcomes { replay.show(outcome) }
    }
    if !json {
      Terminal.note(
        ids.isEmpty
          ? "scrape policy replay: no collection is kept of these hosts"
          : "\(Format.count(ids.count, "collection")) of \(Format.count(replay.hosts.count, "host")): "
            + "\(Format.count(replay.changes, "check")) with another result"
            + (replay.unkept == 0
              ? "" : ", \(Format.count(replay.unkept)) of what was not read then, or is not kept"))
    }
  }
}
