internal import Engine
internal import Inventory
internal import Metrics
internal import Spools
internal import Store

/// The spool that a pass writes: a folder of this machine, which another monitor fetches.
///
/// The files of a pass wait in the store from the transaction of its points until they are in the
/// folder, as points wait for a sink. A file that is written twice is the same file.
public struct OwnSpool: Sendable {
  public var path: String
  /// The limit of the folder's size in bytes; the oldest files are dropped.
  public var limit: Int64

  public init(path: String, limit: Int64) {
    self.path = path
    self.limit = limit
  }

  /// The files of a pass over these hosts: their results and all their states, and the points of the
  /// monitor itself.
  static func files(
    _ mark: Store.SpoolMark, _ hosts: [Host], _ results: [HostResult],
    states: [String: [String: CheckState]], seen: (String) -> Timestamp?, at time: Timestamp
  ) -> Store.SpoolOutput {
    var writer = SpoolWriter(identity: mark.identity, number: mark.next, time: time)
    let byHost = Dictionary(grouping: results, by: \.batch.host)
    func write(_ name: String, seen: Timestamp?, _ states: [String: CheckState]?) {
      var host = SpoolHost(name: name, seen: seen ?? time)
      // The monitor that reads it has a check `spool` of its own.
      host.isWhole = seen != nil && states != nil
      host.states = (states ?? [:]).filter { $0.key != CheckName.spool.text }
      host.results = (byHost[name] ?? []).map { result in
        var result = result
        result.transitions.removeAll { $0.name == CheckName.spool.text }
        result.outcomes.removeAll { $0.target == CheckName.spool.text }
        return result
      }
      writer.append(host)
    }
    for host in hosts { write(host.name, seen: seen(host.name), states[host.name] ?? [:]) }
    if byHost[Pseudo.scraper] != nil { write(Pseudo.scraper, seen: time, nil) }
    let files = writer.finish()
    return Store.SpoolOutput(
      files: files.map { Payload(body: $0.bytes, lines: $0.points) },
      next: mark.next + Int64(files.count))
  }

  /// Writes the files that wait in the store, and drops the oldest beyond the limit; what a person must
  /// know.
  func write(_ store: Store) async -> [String] {
    let folder = SpoolFolder(path)
    do {
      var done: [Int64] = []
      var last: Int64 = 0
      while let waiting = try await store.next(for: Store.spoolQueue, after: last) {
        last = waiting.id
        // A file without a name cannot be read by anybody.
        if let name = SpoolReader.name(of: waiting.payload.body) {
          do throws(SystemError) {
            try folder.write(waiting.payload.body, as: name)
          } catch {
            try await store.delivered(done)
            return ["spool \(path): \(error); its files wait in the store".visible]
          }
        }
        done.append(waiting.id)
      }
      try await store.delivered(done)
      let dropped = try folder.prune(to: limit)
      guard dropped > 0 else { return [] }
      return [
        "spool \(path): \(Format.count(dropped, "file")) dropped at its limit of "
          + "\(Format.bytes(Double(limit))) before another monitor fetched them"
      ]
    } catch {
      return ["spool \(path): \(error)".visible]
    }
  }
}
