internal import Metrics

/// The scores of teams, groups and other scopes, the best first, with their last 24 hours.
struct ScoresPage {
  let frame: Frame
  private var model: PageModel { frame.model }

  func page() -> [UInt8] {
    frame.page { html in
      html.filter("blue")
      html.element("div", .init("id", "list")) { html in
        html.element("p", .css("soft")) {
          $0.text(
            "The score is the share of services that are ok, weighed by `scores:` in scrape.yml; "
              + "unknown ones do not count.")
        }
        html.box("All services, 24 h", latest: model.score.map { "\(Format.fixed($0, 1)) %" }) {
          LineGraph(
            unit: "%", lines: [HostModel.Line("", model.scores)],
            from: model.time.before(StateHistory.span), to: model.time,
            least: Self.floor(model.scores)
          ).draw("Score of all services", in: &$0)
        }
        for kind in kinds { box(kind, in: &html) }
      }
    }
  }

  /// Tags first: they were asked for.
  private var kinds: [String] {
    let all = Set(model.scopes.map(\.kind))
    return all.filter { $0 != "group" }.sorted() + all.filter { $0 == "group" }
  }

  private static func floor(_ values: [(time: Timestamp, value: Double)]) -> Double {
    max(0, ((values.map(\.value).min() ?? 100) - 5).rounded(.down))
  }

  private func box(_ kind: String, in html: inout Markup) {
    let scopes = model.scopes.filter { $0.kind == kind }
    html.box("By \(kind)") { html in
      html.element("div", .css("scroll")) { html in
        html.element("table", .css("wide scores")) { html in
          html.element("thead") { html in
            html.element("tr") { html in
              let titles = ["", kind, "score", "services"] + (hasSLA ? ["SLA"] : []) + ["24 hours"]
              for title in titles { html.element("th", .init("scope", "col"), text: title) }
            }
          }
          html.element("tbody") { html in
            for (place, scope) in scopes.enumerated() { row(scope, place + 1, in: &html) }
          }
        }
      }
      if (2...LineGraph.mostLines).contains(scopes.count) {
        let values = scopes.flatMap(\.values)
        LineGraph(
          unit: "%", lines: scopes.map { HostModel.Line($0.name, $0.values) },
          from: model.time.before(StateHistory.span), to: model.time, least: Self.floor(values)
        ).draw("Scores by \(kind)", in: &html)
        LineGraph.legend(
          scopes.map(\.name), unit: "%", thresholds: [], hidden: 0, in: &html)
      }
    }
  }

  private var hasSLA: Bool { model.scopes.contains { $0.sla != nil } }

  private func row(_ scope: PageModel.Scope, _ place: Int, in html: inout Markup) {
    html.element("tr", .init("data-row")) { html in
      html.element("td", .css("soft"), text: "\(place)")
      html.element("th", .init("scope", "row"), text: scope.name)
      html.element(
        "td", .css("score \(scope.count.worst?.rawValue ?? "")"),
        text: scope.score.map { "\(Format.fixed($0, 1)) %" } ?? "–")
      html.element("td", text: "\(scope.count.online)/\(scope.count.total)")
      if hasSLA {
        html.element("td", text: scope.sla.map { "\(Format.fixed($0, 2)) %" } ?? "–")
      }
      html.element("td", .css("spark")) { html in
        Spark(values: scope.values, from: model.time.before(StateHistory.span), to: model.time)
          .draw("Score of \(scope.name) over 24 hours", in: &html)
      }
    }
  }
}
