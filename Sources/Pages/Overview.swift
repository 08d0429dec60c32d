internal import Metrics

/// The first page: what is wrong now, counts, topology, score, events, the monitor itself.
struct Overview {
  let frame: Frame
  let fold: ([String]) -> String
  private var model: PageModel { frame.model }

  /// More lines are on the page of hosts.
  private static let mostTroubles = 40
  private static let mostEvents = 15

  func page() -> [UInt8] {
    frame.page { html in
      wrong(&html)
      html.element("div", .css("two")) { html in
        if !model.services.isEmpty {
          let map = HeatMap(frame)
          html.element("div", .css(map.isWide ? "full" : "half")) { html in
            html.box("Services by group") { map.draw(in: &$0) }
          }
        }
        if !model.scores.isEmpty {
          html.box(
            "Health score, 24 h", latest: model.score.map { "\(Format.fixed($0, 1)) %" }
          ) {
            LineGraph(
              unit: "%", lines: [HostModel.Line("", model.scores)],
              from: model.time.before(StateHistory.span), to: model.time,
              least: ((model.scores.map(\.value).min() ?? 100) - 5).rounded(.down)
            ).draw("Health score", in: &$0)
          }
        }
        let tree = Tree(frame, fold: fold)
        if model.has(.topology), !tree.isEmpty {
          html.box("Topology") { tree.draw(in: &$0) }
        } else {
          html.box("Groups") { groups(&$0) }
        }
        let open = model.incidents.filter { $0.closed == nil }
        if model.has(.incidents), !open.isEmpty {
          html.box("Open incidents") { html in
            IncidentsPage(frame: frame).list(open.prefix(10), in: &html)
          }
        }
        if model.has(.events), !model.events.isEmpty {
          html.box("Events") { $0.events(model.events.prefix(Self.mostEvents), frame) }
        }
        if model.has(.monitor), !model.figures.isEmpty {
          html.box("The monitor") { figures(&$0) }
        }
      }
    }
  }

  private func wrong(_ html: inout Markup) {
    html.box("What is wrong now") { html in
      if model.troubles.isEmpty {
        let isKnown = model.hosts.contains { $0.worst != nil }
        html.element("p", .css(isKnown ? "ok" : "soft")) {
          $0.text(isKnown ? "✓ Nothing." : "No pass has asked a host yet.")
        }
        return
      }
      html.troubles(Array(model.troubles.prefix(Self.mostTroubles)), frame)
      if model.troubles.count > Self.mostTroubles {
        let rest = model.troubles.count - Self.mostTroubles
        html.element("p") { html in
          html.element("a", .link(PageName.hosts.from(frame.name)), text: "and \(rest) more")
        }
      }
    }
  }

  private func groups(_ html: inout Markup) {
    var names: [String] = []
    var members: [String: [PageModel.Host]] = [:]
    for host in model.hosts {
      if members[host.group] == nil { names.append(host.group) }
      members[host.group, default: []].append(host)
    }
    html.element("table", .css("wide")) { html in
      for name in names {
        let hosts = members[name] ?? []
        let up = hosts.count(where: \.isUp)
        html.element("tr") { html in
          html.element("th", .init("scope", "row"), text: name)
          html.element("td", text: "\(up)/\(hosts.count) up")
          html.element("td") { $0.tag(hosts.compactMap(\.worst).max()) }
        }
      }
    }
  }

  private func figures(_ html: inout Markup) {
    html.element("dl", .css("figures")) { html in
      for figure in model.figures {
        html.element("div") { html in
          html.element("dt", text: figure.name)
          html.element("dd", .css(figure.isBad ? "critical" : "fine"), text: figure.value)
        }
      }
    }
  }
}
