public import Inventory
public import Metrics

/// One service of a host that is asked on several ways: at `address:` or through a jump host (inside),
/// and at other addresses or from this machine, past the jump host (outside).
public struct ServiceWays: Sendable {
  /// One way, with the name of its service.
  struct Way: Sendable {
    var word: String
    var service: String
  }

  /// The answer on one way.
  public struct Answer: Sendable {
    var severity: Severity
    var reason: Reason?
    var message: String

    public init(_ severity: Severity, _ reason: Reason?, _ message: String) {
      self.severity = severity
      self.reason = reason
      self.message = message
    }

    fileprivate var word: String {
      severity == .ok ? "ok" : reason?.rawValue ?? severity.rawValue
    }
  }

  /// The entry without the name of an address.
  let stem: String
  /// The name of the service inside.
  public let inside: String
  private let outside: [Way]

  /// The check that compares them.
  public var check: CheckName { .paths(stem) }
  /// The services of all ways, the one inside first.
  public var services: [String] { [inside] + outside.map(\.service) }

  /// The services of a host with more than one way, in the order of the inventory.
  public static func all(_ plans: [ProbePlan], of host: Host) -> [ServiceWays] {
    let plans = plans.filter { $0.reaches(host) }
    return plans.filter { $0.wayOutside(of: host) == nil }.compactMap { plan in
      let others = plans.filter {
        $0.stem == plan.stem && $0.kind == plan.kind && $0.isClosed == plan.isClosed
      }
      let outside = others.compactMap { other in
        other.wayOutside(of: host).map { Way(word: $0, service: other.service) }
      }
      guard !outside.isEmpty else { return nil }
      return ServiceWays(stem: plan.stem, inside: plan.service, outside: outside)
    }
  }

  /// The severity and both answers, if they differ: `inside ok, outside timeout: …`; ok where they agree
  /// or are not all known.
  public func comparison(_ answer: (String) -> Answer?) -> (severity: Severity, message: String) {
    let all = ([Way(word: "inside", service: inside)] + outside).compactMap { way in
      answer(way.service).map { (way.word, $0) }
    }
    guard all.count > outside.count, let worst = all.max(by: { $0.1.severity < $1.1.severity }),
      all.contains(where: { $0.1.severity != worst.1.severity })
    else { return (.ok, "") }
    let words = all.map { "\($0) \($1.word)" }.joined(separator: ", ")
    return (worst.1.severity, "\(words): \(worst.1.message)")
  }
}

extension ProbePlan {
  /// The word for its way, if that is not the one of monitoring.
  fileprivate func wayOutside(of host: Host) -> String? {
    if let path { return path == Host.publicAddress ? "outside" : path }
    return isAtCentre && host.jumpHost != nil ? "outside" : nil
  }
}
