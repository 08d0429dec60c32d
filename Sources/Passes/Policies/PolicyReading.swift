internal import Hosts
internal import Inventory
internal import Metrics
public import Policies
public import Store

/// Policies evaluated on what was read of a host, now or earlier.
public enum PolicyReading {
  /// The name of all of them in `--only`.
  public static let name = "policies"
  /// The limit of evaluating the policies of one host: what is not decided by then is unknown.
  static let time = Duration.seconds(10)

  /// A collection as the store keeps it: the account, then the items.
  static func items(_ collected: HostCollection) -> [[UInt8]] {
    [Array("u\(collected.user.map(String.init) ?? "")".utf8)]
      + collected.keptRecords.map(\.bytes)
  }

  /// Evaluates a policy on a kept collection.
  public static func evaluate(
    _ entry: PolicyBook.Entry, on kept: Store.Collection
  ) -> PolicyOutcome {
    let result = entry.policy.evaluate(collected(kept), allowed: entry.allowed, time: time)
    return PolicyOutcome(result, of: entry.name, on: kept.host, at: kept.last)
  }

  /// A kept collection.
  public static func collected(_ collection: Store.Collection) -> HostCollection {
    let user = collection.items.first { $0.first == UInt8(ascii: "u") }.flatMap {
      Int(String(decoding: $0.dropFirst(), as: UTF8.self))
    }
    return HostCollection(
      user: user, records: collection.items.compactMap { HostCollection.Record(bytes: $0) })
  }
}

extension HostAnswer {
  /// What the host sent for its policies; nil if it sent nothing.
  func collected(_ needs: Needs) -> HostCollection? {
    guard let section = sections[PolicyReading.name] else { return nil }
    let parts = section.parts
    let ends = parts.dropFirst().map(\.start) + [section.output.count]
    return HostCollection(
      needs,
      parts: zip(parts, ends).map { part, end in
        let end = min(max(end, part.start), section.output.count)
        return HostCollection.Part(
          title: part.title, content: Array(section.output[min(part.start, end)..<end]))
      },
      isCut: section.overflowed, isWhole: section.status != nil, failure: failure?.detail)
  }
}
