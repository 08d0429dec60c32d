public import Metrics
internal import Rules
internal import Sinks
internal import Inventory
internal import Probes

/// The same trouble on one or many hosts: a line of `scrape status`.
public struct Trouble: Sendable {
  /// The key by which hosts share a line.
  public struct Kind: Hashable, Sendable {
    public var severity: Severity
    /// The word for it, which is another one for services of scrape.yml alone.
    public var word: String
    /// `ssh`, `service https`, `rule disk full`, or a collector that complains.
    public var check: String
    var reason: Reason?
    var pending: Severity?
    /// `acked by ana`, `silenced until 18:00`; nil without either.
    public var mark: String?
    /// What they said.
    var why: String?

    public init(
      _ severity: Severity, word: String? = nil, check: String, reason: Reason? = nil,
      pending: Severity? = nil, mark: String? = nil, why: String? = nil
    ) {
      self.severity = severity
      self.word = word ?? severity.rawValue
      self.check = check
      self.reason = reason
      self.pending = pending
      self.mark = mark
      self.why = why
    }
  }

  /// One host's part of it.
  public struct Part: Sendable {
    public var host: String
    var since: Timestamp?
    var lastOK: Timestamp?
    public var isNeverOK = false
    var isFlapping = false
    public var message: String
    /// The series of a rule: `path=/`.
    public var instance = ""

    public init(
      host: String,
      since: Timestamp? = nil,
      lastOK: Timestamp? = nil,
      isNeverOK: Bool = false,
      isFlapping: Bool = false,
      message: String,
      instance: String = ""
    ) {
      self.host = host
      self.since = since
      self.lastOK = lastOK
      self.isNeverOK = isNeverOK
      self.isFlapping = isFlapping
      self.message = message
      self.instance = instance
    }
  }

  public var kind: Kind
  public var parts: [Part] = []
  /// The unreachable hosts, and the number of checks that cannot run.
  public var hidden: Set<String> = []
  public var services = 0

  init(_ group: TroubleGroups<Kind, Part>.Group) {
    kind = group.kind
    parts = group.members
    hidden = group.hiddenHosts
    services = group.hiddenServices
  }

  public var hosts: [String] { parts.map(\.host) }
  public var since: Timestamp? { parts.compactMap(\.since).min() }
  var newest: Timestamp? { parts.compactMap(\.since).max() }
  public var names: String { fold(hosts.sorted()) }

  /// What happened, in words.
  public var message: String {
    var words = kind.mark.map { "[\($0)] " } ?? ""
    if let pending = kind.pending { words += "\(pending.rawValue) for a moment: " }
    if let reason = kind.reason { words += "\(reason.rawValue): " }
    let first = parts.first
    if parts.contains(where: { $0.message != first?.message || $0.instance != first?.instance }),
      let first, parts.count > 1
    {
      words += Set(hosts).count > 1 ? "for example \(first.host): " : "for example "
    }
    if let first {
      words += first.instance.isEmpty ? "" : "\(first.instance): "
      words += first.message
    }
    while words.hasSuffix(": ") { words.removeLast(2) }
    if parts.count > Set(hosts).count { words += " (\(Format.count(parts.count)) series)" }
    if parts.contains(where: \.isFlapping) { words += " (flapping)" }
    if !parts.isEmpty, parts.allSatisfy(\.isNeverOK) {
      words += " (never ok)"
    } else if let last = parts.compactMap(\.lastOK).max(), let since,
      since.since(last) > .seconds(600)
    {
      words += " (last ok \(Format.time(last)))"
    }
    if let why = kind.why { words += "; \(why)" }
    return words
  }

  /// The effects; nil without any.
  public var effects: String? {
    TroubleEffects.words(hidden, services: services, names: fold)
  }

  /// Whether its services are up, and only let in whom they should not, or are not to be believed.
  public var isFinding: Bool {
    kind.severity != .ok && kind.reason?.isFinding == true
  }

  // MARK: Order

  public enum Order: String, CaseIterable, Sendable { case severity, since, host, check }

  /// Acknowledged and silenced troubles come last in any order.
  public static func sorted(_ all: [Trouble], by order: Order) -> [Trouble] {
    func key(_ trouble: Trouble) -> (Int, Int64, Int64, String, String) {
      let isKnown = trouble.kind.mark == nil ? 0 : 1
      let kind = trouble.kind
      let badness = Severity.allCases.sorted(by: >).firstIndex(of: kind.severity) ?? 0
      let name = trouble.hosts.min() ?? ""
      switch order {
      case .severity:
        let weight = -Int64(trouble.parts.count + trouble.hidden.count + trouble.services)
        return (isKnown, Int64(badness), weight, kind.check, name)
      case .since:
        return (isKnown, -(trouble.newest?.nanoseconds ?? 0), Int64(badness), kind.check, name)
      case .host: return (isKnown, 0, 0, name, kind.check)
      case .check: return (isKnown, 0, 0, kind.check, name)
      }
    }
    return all.map { (key($0), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
  }
}
