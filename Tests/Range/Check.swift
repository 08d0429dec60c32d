/// A check of a host: a target (`ssh`, `bmc`), a service (`service https`) or a rule on one of its
/// series (`rule NAME{…}`), named as `event` points name it.
struct Check: Hashable, Comparable, CustomStringConvertible {
  var host: String
  var name: String

  var description: String { "\(host) \(name)" }

  static func < (a: Check, b: Check) -> Bool { (a.host, a.name) < (b.host, b.name) }
}

/// What a pass may say of a check: a severity and the reason, `critical timeout`, or `ok`.
struct Finding: Hashable, CustomStringConvertible {
  var severity: String
  var reason: String?

  static let ok = Finding(severity: "ok")

  init(severity: String, reason: String? = nil) {
    self.severity = severity
    self.reason = reason
  }

  static func critical(_ reason: String) -> Finding {
    Finding(severity: "critical", reason: reason)
  }

  /// A target that could not be read: without its BMC a host still works.
  static func down(_ target: String, _ reason: String) -> Finding {
    Finding(severity: target == "bmc" ? "major" : "critical", reason: reason)
  }

  /// A target that was read, but not all that was asked of it.
  static func problems(_ count: Int) -> Finding {
    Finding(severity: "ok", reason: "with \(count) problems")
  }

  var description: String { reason.map { "\(severity) \($0)" } ?? severity }
}
