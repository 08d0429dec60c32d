internal import Metrics
internal import Rules

/// What the checks of each host come to: for lists of hosts.
struct HostStates {
  /// The worst check of each host.
  private(set) var worst: [String: StatusView.Check] = [:]
  /// A session decides; without one any service that works does.
  private(set) var up: Set<String> = []

  init(_ checks: [StatusView.Check], isUp: (StatusView.Check) -> Bool) {
    var sessions: [String: Bool] = [:]
    var others: Set<String> = []
    for check in checks {
      if worst[check.host].map({ $0.severity < check.severity }) ?? true {
        worst[check.host] = check
      }
      if check.name == CheckName.ssh.text {
        sessions[check.host] = isUp(check)
      } else if CheckName(check.name).service != nil, isUp(check) {
        others.insert(check.host)
      }
    }
    up = Set(sessions.filter(\.value).keys).union(others.filter { sessions[$0] == nil })
  }
}

extension StatusView.Check {
  /// What is wrong, in a line: `service https: timeout: no answer for 5 s`.
  var brief: String {
    [CheckName(name).label, reason.map(\.rawValue) ?? "", message].filter { !$0.isEmpty }
      .joined(separator: ": ")
  }

  /// Whether it is acknowledged or silenced.
  var isKnown: Bool { acknowledgement != nil || silenced != nil }
}

extension CheckTransition {
  /// A line of events: `ssh: ok → critical after 3 h  timeout: no answer for 5 s`.
  func words(withMessage: Bool) -> String {
    let after = since.map { " after \(Format.age(time.since($0)))" } ?? ""
    let text = withMessage && !text.isEmpty ? "  \(text)" : ""
    return "\(CheckName(name).label): \(from.rawValue) → \(to.rawValue)\(after)\(text)"
  }
}
