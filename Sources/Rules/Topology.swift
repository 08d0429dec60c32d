/// What hides what: which outage is the cause of which others.
///
/// A host behind a jump host that is down, on a hypervisor that is down, or behind a switch that is down
/// cannot be told from one that is down itself: it is an effect, and what it cannot be reached without
/// is the cause.
public struct Topology: Sendable {
  /// What a host cannot be reached without, by its name.
  private let needs: [String: [String]]

  public init(_ needs: [String: [String]]) { self.needs = needs }

  /// The causes of the outages, each with the others that it hides, both in order of their names.
  ///
  /// Rings end where they close. A host that is hidden by two causes is counted to the first.
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
