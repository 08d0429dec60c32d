internal import Metrics

/// One host: what is wrong, its figures over time, its services, users and events.
struct HostPage {
  let frame: Frame
  let host: PageModel.Host
  let more: HostModel
  let troubles: [PageModel.Trouble]
  let services: [PageModel.Service]
  let events: [PageModel.Event]

  private var model: PageModel { frame.model }

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
      html.element("div", .css("two")) { html in
        for graph in more.graphs {
          html.box(graph.title, latest: graph.latest) { html in
            LineGraph(unit: graph.unit, lines: graph.lines, from: more.from, to: more.to)
              .draw(graph.title, in: &html)
          }
        }
        for list in more.lists where !list.rows.isEmpty {
          html.box(list.title) { html in
            html.element("ul") { html in
              for row in list.rows { html.element("li", text: row) }
            }
          }
        }
      }
      if !services.isEmpty {
        html.box("Services: 24 hours, uptime of 24 hours and 7 days") { html in
          for service in services {
            ServicesPage(frame: frame).row(service, in: &html, withHost: false)
          }
        }
      }
      if model.has(.events), !events.isEmpty {
        html.box("Events") { $0.events(events.prefix(40), frame) }
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
}
