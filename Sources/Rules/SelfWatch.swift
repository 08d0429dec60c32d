public import Metrics

/// Whether it is the scraper itself that is cut off, and not all that it asked that is down.
///
/// It is a judgement of witnesses: that nobody answers is no proof, somebody must say that the fault is
/// ours. What never answered proves nothing by its silence.
public enum SelfWatch {
  /// What a pass has learnt of the ground that the scraper stands on.
  public struct Witnesses: Sendable, Equatable {
    /// Targets beyond this machine that were asked, and those of them that answered.
    public var asked = 0
    public var answered = 0
    public var way = Way.open
    public var gateways: [Neighbour] = []
    /// Addresses that are always there.
    public var anchors: [Neighbour] = []
    /// Targets that are known by name, and those of them whose name had an address.
    public var names = 0
    public var resolved = 0
    public var nameServers: [Neighbour] = []
    /// Whether something keeps the clock right, by the kernel; nil where it does not tell.
    public var isSynchronised: Bool?
    /// Whether something once did.
    public var wasSynchronised = false
    /// The most that the clock may be wrong by, as far as the kernel knows.
    public var errorBound: Duration?
    /// By how much the clock was set forward (or back) since the last pass.
    public var jump = Duration.zero

    public init() {}
  }

  /// The way out to those that were asked.
  public enum Way: Sendable, Equatable {
    case open
    /// No interface but the loopback is up with a carrier and an address.
    case noInterface
    /// All ways lead out of interfaces without a carrier, such as this one.
    case noCarrier(String)
    /// The system knows no way to any of them.
    case noRoute
  }

  /// Somebody who is asked so that his answer tells of us.
  public struct Neighbour: Sendable, Equatable {
    public var address: String
    /// Nil where it could not be found out.
    public var answers: Bool?
    /// Whether it did in an earlier pass.
    public var hasAnswered: Bool
    /// Whether it is on this machine itself, and so no proof of a network.
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

  /// How one of the scraper's own checks is.
  public struct Finding: Sendable, Equatable {
    /// `network`, `gateway`, `resolver` or `clock`.
    public var check: String
    public var severity: Severity
    /// The closed word for what is wrong.
    public var reason: String?
    public var message: String

    public init(_ check: String, _ severity: Severity, _ reason: String?, _ message: String) {
      self.check = check
      self.severity = severity
      self.reason = reason
      self.message = message
    }
  }

  public struct Verdict: Sendable, Equatable {
    /// Nothing that this pass says of targets beyond this machine is theirs.
    public var isCutOff = false
    /// That a name has no address says nothing of who bears it.
    public var hasNoNames = false
    /// The checks of which something was learnt.
    public var findings: [Finding] = []

    public init() {}
  }

  /// The checks, as they are named in states.
  public static let checks = ["network", "gateway", "resolver", "clock", "pass"]

  public static func verdict(_ witnesses: Witnesses) -> Verdict {
    var verdict = Verdict()
    let cause = cause(witnesses)
    verdict.isCutOff = cause != nil
    if let cause {
      verdict.findings.append(
        Finding("network", .critical, "cut_off", "the scraper is cut off: \(cause)"))
    } else {
      if witnesses.asked > 0 { verdict.findings.append(Finding("network", .ok, nil, "")) }
      // What a cut hides is no trouble of its own.
      verdict.hasNoNames = hasNoNames(witnesses)
      if let gateway = gateway(witnesses) { verdict.findings.append(gateway) }
      if let resolver = resolver(witnesses, hasNoNames: verdict.hasNoNames) {
        verdict.findings.append(resolver)
      }
    }
    if let clock = clock(witnesses) { verdict.findings.append(clock) }
    return verdict
  }

  /// Why the scraper is cut off; nil where nobody says that it is.
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

  /// Those who answered before and do not now, as a sentence; nil where there are none.
  private static func silent(_ gateways: [Neighbour]) -> String? {
    let silent = gateways.filter { $0.hasAnswered && $0.answers == false }.map(\.address)
    guard !silent.isEmpty else { return nil }
    return silent.count == 1
      ? "gateway \(silent[0]) does not answer"
      : "gateways \(silent.joined(separator: ", ")) do not answer"
  }

  private static func gateway(_ witnesses: Witnesses) -> Finding? {
    if let silent = silent(witnesses.gateways) {
      return Finding("gateway", .minor, "no_answer", "\(silent), but others do")
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
        "resolver", .critical, "no_answer",
        "no name has an address: no answer from \(servers) (/etc/resolv.conf)")
    }
    let isWell = witnesses.resolved > 0 || witnesses.nameServers.contains { $0.answers == true }
    return isWell ? Finding("resolver", .ok, nil, "") : nil
  }

  private static func clock(_ witnesses: Witnesses) -> Finding? {
    if witnesses.jump != .zero {
      let seconds = witnesses.jump.components.seconds
      return Finding(
        "clock", .minor, "clock_jumped",
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
        "clock", .minor, "clock_uncertain",
        "the clock may be wrong by \(bound.components.seconds) s; chronyc tracking, timedatectl")
    }
    return Finding(
      "clock", .minor, "clock_unsynchronised",
      "clock unsynchronised: nothing keeps it right any more; chronyc tracking, timedatectl")
  }
}
