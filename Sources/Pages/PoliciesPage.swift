internal import Metrics

/// The policies: scores by group and by host, their history, and the checks that are not passed.
struct PoliciesPage {
  let frame: Frame
  let findings: [String: [String: [PageModel.Finding]]]
  let fold: ([String]) -> String

  private var model: PageModel { frame.model }
  /// The limit of listed checks of a policy; of the rest their number is shown.
  private static let mostChecks = 60
  private static let mostHosts = 400

  func page() -> [UInt8] {
    frame.page { html in
      html.filter("web01 tmp failed")
      html.element("div", .init("id", "list")) { html in
        html.element("div", .css("sides")) { html in
          html.element("div") { html in
            html.box("By group: mean score, hosts without a failed check") { matrix(&$0) }
          }
          html.element("div") { html in
            for (policy, values) in model.policyScores { history(policy, values, in: &html) }
          }
        }
        for policy in names { checks(policy, in: &html) }
        html.box("By host") { hosts(&$0) }
      }
    }
  }

  private var names: [String] {
    var names: [String] = []
    for policy in model.policies where !names.contains(policy.policy) {
      names.append(policy.policy)
    }
    return names
  }

  // MARK: By group

  /// The results of one policy on some hosts.
  private struct Sum {
    var hosts = 0
    var well = 0
    var score = 0
    var scored = 0
    var worst = Severity.ok

    mutating func add(_ policy: PageModel.Policy) {
      hosts += 1
      if policy.failed == 0 { well += 1 }
      if let score = policy.score {
        self.score += score
        scored += 1
      }
      worst = max(worst, policy.severity)
    }
  }

  private func matrix(_ html: inout Markup) {
    var groupOf: [String: String] = [:]
    var groups: [String] = []
    for host in model.hosts { groupOf[host.name] = host.group }
    var cells: [String: [String: Sum]] = [:]
    for policy in model.policies {
      let group = groupOf[policy.host] ?? "ungrouped"
      if cells[group] == nil { groups.append(group) }
      cells[group, default: [:]][policy.policy, default: Sum()].add(policy)
    }
    let names = names
    html.heatTable("Policies by group", groups: groups, columns: names) { group, html in
      html.text(group)
    } cells: { group, html in
      for name in names { cell(cells[group]?[name], in: &html) }
    }
  }

  private func cell(_ sum: Sum?, in html: inout Markup) {
    guard let sum else {
      html.element("td", text: "")
      return
    }
    let score = sum.scored > 0 ? "\(sum.score / sum.scored) %" : "–"
    html.element(
      "td", .css(sum.worst.rawValue), .init("title", sum.worst.rawValue),
      text: "\(score) · \(sum.well)/\(sum.hosts)")
  }

  private func history(
    _ policy: String, _ values: [(time: Timestamp, value: Double)], in html: inout Markup
  ) {
    html.box(
      "\(policy): mean score of 7 days",
      latest: values.last.map { "\(Format.fixed($0.value, 1)) %" }
    ) { html in
      LineGraph(
        unit: "%", lines: [HostModel.Line("", values)], from: model.time.before(StateHistory.week),
        to: model.time,
        least: max(0, ((values.map(\.value).min() ?? 100) - 5).rounded(.down))
      ).draw("Score of policy \(policy)", in: &html)
    }
  }

  // MARK: Checks

  /// One check on all hosts that do not pass it.
  private struct Check {
    var id: String
    var title: String
    var isFailed: Bool
    var hosts: [String] = []
    /// What was found on the first of them.
    var why: String
  }

  private func checks(_ policy: String, in html: inout Markup) {
    var places: [String: Int] = [:]
    var checks: [Check] = []
    for host in model.hosts {
      for finding in findings[host.name]?[policy] ?? [] {
        let key = "\(finding.isFailed) \(finding.check)"
        let place = places[key] ?? checks.count
        if place == checks.count {
          places[key] = place
          checks.append(
            Check(
              id: finding.check, title: finding.title, isFailed: finding.isFailed, why: finding.why)
          )
        }
        checks[place].hosts.append(host.name)
      }
    }
    guard !checks.isEmpty else { return }
    // Failed before unknown, then those of most hosts.
    let order = checks.enumerated().sorted { one, other in
      let (a, b) = (one.element, other.element)
      if a.isFailed != b.isFailed { return a.isFailed }
      return a.hosts.count == b.hosts.count
        ? one.offset < other.offset : a.hosts.count > b.hosts.count
    }.map(\.element)
    let severity = model.policies.filter { $0.policy == policy }.map(\.severity).max() ?? .minor
    html.box("\(policy): checks that are not passed") { html in
      html.element("ul", .css("findings")) { html in
        for check in order.prefix(Self.mostChecks) {
          html.element("li", .init("data-row")) { html in
            html.tag(
              check.isFailed ? severity : .unknown, word: check.isFailed ? "failed" : "unknown")
            html.element("div") { html in
              html.text("\(check.id) \(check.title)")
              html.element("p") { html in
                html.text("\(Format.count(check.hosts.count, "host")): ")
                if check.hosts.count == 1, let host = check.hosts.first {
                  html.host(host, frame)
                } else {
                  html.text(Format.clip(fold(check.hosts), 120))
                }
                if !check.why.isEmpty {
                  html.text(" · \(check.hosts.count == 1 ? "" : "\(check.hosts[0]): ")\(check.why)")
                }
              }
            }
          }
        }
      }
      if order.count > Self.mostChecks {
        html.element("p", .css("soft"), text: "and \(order.count - Self.mostChecks) more")
      }
    }
  }

  // MARK: Hosts

  /// Those with failed or unknown checks; the others in one line.
  private func hosts(_ html: inout Markup) {
    let bad = model.policies.enumerated().filter { $0.element.severity != .ok }.sorted {
      one, other in
      let (a, b) = (one.element.score ?? 101, other.element.score ?? 101)
      return a == b ? one.offset < other.offset : a < b
    }.map(\.element)
    let well = model.policies.count - bad.count
    if well > 0 {
      html.element("p", .css("ok")) {
        $0.text(
          "✓ \(Format.count(well)) of \(Format.count(model.policies.count, "result")) without a failed or unknown check."
        )
      }
    }
    guard !bad.isEmpty else { return }
    html.element("div", .css("scroll")) { html in
      html.element("table", .css("wide policies")) { html in
        html.element("thead") { html in
          html.element("tr") { html in
            for title in ["host", "policy", "score", "passed", "failed", "unknown", "evaluated"] {
              html.element("th", .init("scope", "col"), text: title)
            }
          }
        }
        html.element("tbody") { html in
          for policy in bad.prefix(Self.mostHosts) { row(policy, in: &html) }
        }
      }
    }
    if bad.count > Self.mostHosts {
      html.element("p", .css("soft"), text: "and \(bad.count - Self.mostHosts) more")
    }
  }

  private func row(_ policy: PageModel.Policy, in html: inout Markup) {
    html.element("tr", .init("data-row")) { html in
      html.element("th", .init("scope", "row")) { $0.host(policy.host, frame) }
      html.element("td", text: policy.policy)
      html.element("td", .css("score \(policy.severity.rawValue)")) { html in
        html.text(policy.score.map { "\($0) %" } ?? "–")
        if let score = policy.score {
          html.meter(Double(score) / 100, "b-\(policy.severity.rawValue)")
        }
      }
      html.element("td", text: "\(policy.passed) of \(policy.total)")
      html.element("td", text: "\(policy.failed)")
      html.element("td", text: "\(policy.unknown)")
      html.element("td", text: "\(Format.age(model.time.since(policy.time))) ago")
    }
  }
}
