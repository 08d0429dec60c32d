/// The name of a check of a host: what is evaluated, alerted on, acknowledged and silenced.
///
/// The store, the command line and messages hold its `text`; no other place composes or takes apart
/// that text. The cases `ssh`, `bmc` and `spool` are targets of a host, `service` is one of its probes or, under
/// `Pseudo.services`, a service of scrape.yml; `own` is a self-check, under `Pseudo.scraper`.
public enum CheckName: Sendable, Hashable {
  /// The collectors' session: `ssh`.
  case ssh
  /// The host's BMC: `bmc`.
  case bmc
  /// The news of a host that comes through a spool, and the spool itself: `spool`.
  case spool
  /// A probe by its name: `service https`.
  case service(String)
  /// A rule on one series: `rule disk full{path=/}`; the series is empty where there is only one.
  case rule(String, series: String)
  /// Whether the answers of one service on several ways agree: `paths https`.
  case paths(String)
  /// A policy by its name: `policy sshd`.
  case policy(String)
  /// A self-check by its name: `gateway`.
  case own(String)

  /// Reads the text of the store.
  public init(_ text: String) {
    // On bytes: a pass reads thousands of them, and a step by character costs ten by byte.
    func rest(after prefix: String) -> Substring? {
      text.hasPrefix(prefix) ? Substring(text.utf8.dropFirst(prefix.utf8.count)) : nil
    }
    if text == "ssh" {
      self = .ssh
    } else if text == "bmc" {
      self = .bmc
    } else if text == "spool" {
      self = .spool
    } else if let name = rest(after: "service ") {
      self = .service(String(name))
    } else if let name = rest(after: "paths ") {
      self = .paths(String(name))
    } else if let name = rest(after: "policy ") {
      self = .policy(String(name))
    } else if let whole = rest(after: "rule ") {
      let brace = whole.utf8.firstIndex(of: UInt8(ascii: "{")) ?? whole.endIndex
      let series = whole[brace...].utf8
      let isClosed = series.count > 1 && series.last == UInt8(ascii: "}")
      self = .rule(
        String(whole[..<brace]),
        series: isClosed ? String(Substring(series.dropFirst().dropLast())) : "")
    } else {
      self = .own(text)
    }
  }

  /// The text of the store.
  public var text: String {
    switch self {
    case .ssh: "ssh"
    case .bmc: "bmc"
    case .spool: "spool"
    case .service(let name): "service \(name)"
    case .paths(let service): "paths \(service)"
    case .policy(let name): "policy \(name)"
    case .rule(let name, ""): "rule \(name)"
    case .rule(let name, let series): "rule \(name){\(series)}"
    case .own(let name): name
    }
  }

  /// The probe's name; nil where the check is no probe's.
  public var service: String? {
    if case .service(let name) = self { name } else { nil }
  }

  /// The service whose answers are compared; nil where the check is another one.
  public var paths: String? {
    if case .paths(let service) = self { service } else { nil }
  }

  /// The policy's name; nil where the check is no policy's.
  public var policy: String? {
    if case .policy(let name) = self { name } else { nil }
  }

  /// The rule's name; nil where the check is no rule's.
  public var rule: String? {
    if case .rule(let name, _) = self { name } else { nil }
  }

  /// The series of a rule's check, `path=/`; empty where there is none.
  public var series: String {
    if case .rule(_, let series) = self { series } else { "" }
  }

  /// The rule on all series; another check itself.
  public var withoutSeries: CheckName { rule.map { .rule($0, series: "") } ?? self }

  /// The name as people give it: a probe's, a rule's or a policy's alone, another check's whole.
  public var short: String { service ?? rule ?? policy ?? text }

  /// Whether the pattern matches the whole name, or the probe's, the rule's or the policy's alone.
  ///
  /// All patterns of checks match so: `--check`, maintenance windows and routes.
  public func matches(_ pattern: String) -> Bool {
    let glob = Glob(pattern)
    return glob.matches(text) || glob.matches(short)
  }
}

/// Reserved names for checks and points without a host; no host can have them.
public enum Pseudo {
  /// The services of scrape.yml.
  public static let services = "(services)"
  /// The scraper's own network, name servers and clock.
  public static let scraper = "(scraper)"
  /// The summaries of services.
  public static let all = "(all)"
  /// The names under which checks are stored.
  public static let withChecks: Set<String> = [services, scraper]
}
