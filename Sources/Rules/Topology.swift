/// Causes and effects of outages.
///
/// A host is unreachable if its jump host, hypervisor or switch is down. Whether it is down itself is
/// unknown: its outage is the effect, the other one the cause.
public struct Topology: Sendable {
  /// The hosts that a host depends on, by its name.
  private let needs: [String: [String]]

  public init(_ needs: [String: [String]]) { self.needs = needs }

  /// The causes of the outages, each with its effects, both sorted by name.
  ///
  /// A cycle ends where it closes. A host with two causes belongs to the first.
  public func causes(of down: Set<String>) -> [(cause: String, effects: [String])] {
    var roots: [String: String] = [:]
    func root(of host: String, _ path: Set<String>) -> String {
      if let known = roots[host] { return known }
      for need in needs[host] ?? [] where down.contains(need) && !path.contains(need) {
        return root(of: need, path.union([need]))
      }
      return host
    }
    var effects: [String: [String]] = [:]
    for host in down.sorted() {
      let cause = root(of: host, [host])
      roots[host] = cause
      effects[cause, default: []] += cause == host ? [] : [host]
    }
    return effects.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
