internal import Metrics

/// One host: what is wrong, its figures over time, who is there and what runs, its services, policies and events.
struct HostPage {
  let frame: Frame
  let host: PageModel.Host
  let more: HostModel
  let troubles: [Shown.Trouble]
  let services: [PageModel.Service]
  let policies: [PageModel.Policy]

  private var model: PageModel { frame.model }

  private static let mostEvents = 60
  private static let mostFindings = 12

  func page() -> [UInt8] {
    frame.page { html in
      html.element("p", .css("line")) { html in
        html.tag(host.worst)
        html.element("span", .css("soft"), text: facts.joined(separator: " · "))
      }
      if !troubles.isEmpty {
        html.box("What is wrong now") { $0.troubles(troubles, frame) }
      } else if !host.message.isEmpty {
        html.box("What is wrong now") { $0.element("p", text: host.message) }
      }
      if !more.graphs.isEmpty {
        html.element(
          "p", .css("soft"), text: "24 h: means of ten minutes, shaded up to the greatest value.")
        html.element("div", .css("charts")) { html in
          for graph in more.graphs { box(graph, in: &html) }
        }
      }
      if !services.isEmpty {
        html.box("Services: 24 hours, uptime of 24 hours and 7 days") { html in
          for service in services {
            ServicesPage(frame: frame).row(service, in: &html, withHost: false)
          }
        }
      }
      html.element("div", .css("two")) { html in
        if model.has(.policies), !policies.isEmpty {
          html.box("Policies") { html in
            for policy in policies { self.policy(policy, in: &html) }
          }
        }
        for list in more.lists where !list.rows.isEmpty {
          html.box(list.title) { rows(list, in: &$0) }
        }
        if model.has(.events), !more.events.isEmpty {
          html.box("Events") {
            $0.events(more.events.prefix(Self.mostEvents), frame, withHost: false)
          }
        }
      }
      if model.has(.messages) {
        html.element(
          "p", .css("soft"), text: "By hand: scrape host \(host.name) --explain")
      }
    }
  }

  private var facts: [String] {
    var facts = ["group \(host.group)"]
    if model.has(.addresses), let address = host.address { facts.insert(address, at: 0) }
    if let parent = host.parent { facts.append("on or behind \(parent)") }
    return facts + more.facts
  }

  /// The last hour and the last day side by side.
  private func box(_ graph: HostModel.Graph, in html: inout Markup) {
    html.box(graph.title, latest: graph.latest) { html in
      html.element("div", .css("pair")) { html in
        LineGraph(
          unit: graph.unit, lines: graph.lines, from: more.from, to: more.to,
          thresholds: graph.thresholds, span: "last hour"
        ).draw("\(graph.title), last hour", in: &html)
        LineGraph(
          unit: graph.unit, lines: graph.day, from: more.to.before(.seconds(86_400)), to: more.to,
          thresholds: graph.thresholds, span: "24 h"
        ).draw("\(graph.title), 24 hours", in: &html)
      }
      LineGraph.legend(
        graph.lines.map(\.name), unit: graph.unit, thresholds: graph.thresholds,
        hidden: graph.hiddenLines, in: &html)
    }
  }

  private func rows(_ list: HostModel.List, in html: inout Markup) {
    html.element("ul", .css("bars")) { html in
      for row in list.rows {
        html.element("li") { html in
          html.element("span", text: row.text)
          if let value = row.value { html.element("span", .css("value"), text: value) }
          if let share = row.share { html.meter(share) }
        }
      }
    }
  }

  private func policy(_ policy: PageModel.Policy, in html: inout Markup) {
    html.element("div", .css("policy")) { html in
      html.element("p", .css("line")) { html in
        html.tag(policy.severity)
        html.element("strong", text: policy.policy)
        html.text("\(policy.passed) of \(policy.total) passed")
        html.element("span", .css("soft"), text: details(policy))
      }
      let found = more.findings[policy.policy] ?? []
      html.element("ul", .css("findings")) { html in
        for finding in found.prefix(Self.mostFindings) {
          html.element("li") { html in
            html.tag(
              finding.isFailed ? policy.severity : .unknown,
              word: finding.isFailed ? "failed" : "unknown")
            html.element("div") { html in
              html.text("\(finding.check) \(finding.title)")
              if !finding.why.isEmpty { html.element("p", text: finding.why) }
            }
          }
        }
      }
      if found.count > Self.mostFindings {
        html.element(
          "p", .css("soft"),
          text: "and \(found.count - Self.mostFindings) more: scrape policy \(host.name)")
      }
    }
  }

  private func details(_ policy: PageModel.Policy) -> String {
    var words: [String] = []
    if policy.failed > 0 { words.append("\(policy.failed) failed") }
    if policy.unknown > 0 { words.append("\(policy.unknown) unknown") }
    if let score = policy.score { words.append("score \(score) %") }
    words.append("\(Format.age(model.time.since(policy.time))) ago")
    return words.joined(separator: " · ")
  }
}
