public import Metrics

/// Decides whether the scraper itself is cut off, or all of its targets are down.
///
/// Missing answers alone prove nothing: a witness (interface, route, gateway, anchor) must show that the
/// fault is on this side. A witness that never answered proves nothing by its silence.
public enum SelfWatch {
  /// What a pass has learned about this machine, its network and its clock.
  public struct Witnesses: Sendable, Equatable {
    /// The number of remote targets contacted, and of those that answered.
    public var asked = 0
    public var answered = 0
    public var way = Way.open
    public var gateways: [Neighbour] = []
    /// Addresses that are always reachable (`anchors:`).
    public var anchors: [Neighbour] = []
    /// The number of targets with a host name, and of those whose name was resolved.
    public var names = 0
    public var resolved = 0
    public var nameServers: [Neighbour] = []
    /// Whether the kernel reports a synchronised clock; nil if it reports nothing.
    public var isSynchronised: Bool?
    /// Whether an earlier pass saw a synchronised clock.
    public var wasSynchronised = false
    /// The kernel's bound of the clock error.
    public var errorBound: Duration?
    /// The clock step since the last pass; negative if it was set back.
    public var jump = Duration.zero

    public init() {}
  }

  /// The route to the targets.
  public enum Way: Sendable, Equatable {
    case open
    /// No interface but the loopback is up with a carrier and an address.
    case noInterface
    /// All routes use interfaces without a carrier, such as this one.
    case noCarrier(String)
    /// There is no route to any target.
    case noRoute
  }

  /// A gateway or anchor whose answer shows the state of our network.
  public struct Neighbour: Sendable, Equatable {
    public var address: String
    /// Nil if unknown.
    public var answers: Bool?
    /// Whether it answered in an earlier pass.
    public var hasAnswered: Bool
    /// Whether it is on this machine, and so proves nothing about the network.
    public var isHere: Bool

    public init(
      _ address: String, answers: Bool?, hasAnswered: Bool = false, isHere: Bool = false
    ) {
      self.address = address
      self.answers = answers
      self.hasAnswered = hasAnswered
      self.isHere = isHere
    }
  }

  /// The result of one self-check.
  public struct Finding: Sendable, Equatable {
    /// `network`, `gateway`, `resolver` or `clock`.
    public var check: String
    public var severity: Severity
    /// Why it is not ok, one of `Reason.ofSelfChecks`; nil where it is.
    public var reason: Reason?
    public var message: String

    public init(_ check: String, _ severity: Severity, _ reason: Reason?, _ message: String) {
      assert(reason.map { Reason.ofSelfChecks.contains($0) } ?? true, reason?.rawValue ?? "")
      self.check = check
      self.severity = severity
      self.reason = reason
      self.message = message
    }
  }

  public struct Verdict: Sendable, Equatable {
    /// Whether the scraper is cut off: results of remote targets do not count.
    public var isCutOff = false
    /// Whether the resolver failed: unresolved names do not count against hosts.
    public var hasNoNames = false
    /// The self-checks with a result.
    public var findings: [Finding] = []

    public init() {}
  }

  /// The names of the self-checks.
  public static let checks = ["network", "gateway", "resolver", "clock", "pass", "configuration"]

  public static func verdict(_ witnesses: Witnesses) -> Verdict {
    var verdict = Verdict()
    let cause = cause(witnesses)
    verdict.isCutOff = cause != nil
    if let cause {
      verdict.findings.append(
        Finding("network", .critical, .cutOff, "the scraper is cut off: \(cause)"))
    } else {
      if witnesses.asked > 0 { verdict.findings.append(Finding("network", .ok, nil, "")) }
      // A cut hides the other checks.
      verdict.hasNoNames = hasNoNames(witnesses)
      if let gateway = gateway(witnesses) { verdict.findings.append(gateway) }
      if let resolver = resolver(witnesses, hasNoNames: verdict.hasNoNames) {
        verdict.findings.append(resolver)
      }
    }
    if let clock = clock(witnesses) { verdict.findings.append(clock) }
    return verdict
  }

  /// Why the scraper is cut off; nil if no witness says so.
  private static func cause(_ witnesses: Witnesses) -> String? {
    guard witnesses.asked > 0, witnesses.answered == 0 else { return nil }
    let others = witnesses.anchors + witnesses.nameServers
    guard !others.contains(where: { $0.answers == true && !$0.isHere }) else { return nil }
    switch witnesses.way {
    case .noInterface: return "no network interface has a carrier and an address"
    case .noCarrier(let interface): return "\(interface) has no carrier"
    case .noRoute: return "there is no route to any host"
    case .open: break
    }
    guard !witnesses.gateways.contains(where: { $0.answers == true }) else { return nil }
    return silent(witnesses.gateways).map { "\($0), and no host does" }
  }

  /// The witnesses that answered before and not now, as a sentence; nil without any.
  private static func silent(_ gateways: [Neighbour]) -> String? {
    let silent = gateways.filter { $0.hasAnswered && $0.answers == false }.map(\.address)
    guard !silent.isEmpty else { return nil }
    return silent.count == 1
      ? "gateway \(silent[0]) does not answer"
      : "gateways \(silent.joined(separator: ", ")) do not answer"
  }

  private static func gateway(_ witnesses: Witnesses) -> Finding? {
    if let silent = silent(witnesses.gateways) {
      return Finding("gateway", .minor, .noAnswer, "\(silent), but others do")
    }
    return witnesses.gateways.contains { $0.answers == true }
      ? Finding("gateway", .ok, nil, "") : nil
  }

  private static func hasNoNames(_ witnesses: Witnesses) -> Bool {
    witnesses.names > 0 && witnesses.resolved == 0 && !witnesses.nameServers.isEmpty
      && witnesses.nameServers.allSatisfy { $0.answers == false }
  }

  private static func resolver(_ witnesses: Witnesses, hasNoNames: Bool) -> Finding? {
    guard witnesses.names > 0 else { return nil }
    if hasNoNames {
      let servers = witnesses.nameServers.map(\.address).joined(separator: ", ")
      return Finding(
        "resolver", .critical, .noAnswer,
        "no name has an address: no answer from \(servers) (/etc/resolv.conf)")
    }
    let isWell = witnesses.resolved > 0 || witnesses.nameServers.contains { $0.answers == true }
    return isWell ? Finding("resolver", .ok, nil, "") : nil
  }

  private static func clock(_ witnesses: Witnesses) -> Finding? {
    if witnesses.jump != .zero {
      let seconds = witnesses.jump.components.seconds
      return Finding(
        "clock", .minor, .clockJumped,
        "the clock was set \(seconds < 0 ? "back" : "forward") by \(seconds.magnitude) s since the "
          + "last pass")
    }
    guard let isSynchronised = witnesses.isSynchronised else { return nil }
    guard witnesses.wasSynchronised else { return Finding("clock", .ok, nil, "") }
    if isSynchronised {
      guard let bound = witnesses.errorBound, bound >= .seconds(1) else {
        return Finding("clock", .ok, nil, "")
      }
      return Finding(
        "clock", .minor, .clockUncertain,
        "the clock may be wrong by \(bound.components.seconds) s; chronyc tracking, timedatectl")
    }
    return Finding(
      "clock", .minor, .clockUnsynchronised,
      "clock unsynchronised: nothing keeps it right any more; chronyc tracking, timedatectl")
  }
}
