internal import Metrics

/// Incidents with the checks in them, newest first.
struct IncidentsPage {
  let frame: Frame

  func page() -> [UInt8] {
    frame.page { html in
      html.filter("web01 ana")
      html.element("section", .css("box"), .init("id", "list")) { html in
        if frame.model.incidents.isEmpty {
          html.element("p", .css("soft")) {
            $0.text("No incident is kept: they are opened for contacts with a route.")
          }
        }
        list(frame.model.incidents[...], in: &html, isLong: true)
      }
    }
  }

  func list(
    _ incidents: ArraySlice<Shown.Incident>, in html: inout Markup, isLong: Bool = false
  ) {
    html.element("ul", .css("rows")) { html in
      for incident in incidents {
        html.element("li", .init("data-row")) { html in
          html.tag(incident.severity)
          html.element("div") { html in
            html.element("strong", text: incident.names)
            html.text(" \(head(incident))")
            if isLong { lines(incident, in: &html) }
          }
          html.time(incident.opened, now: frame.model.time)
        }
      }
    }
  }

  private func head(_ incident: Shown.Incident) -> String {
    let count = Format.count(incident.lines.count, "check")
    guard let closed = incident.closed else {
      return "\(count), for \(Format.age(frame.model.time.since(incident.opened)))"
    }
    return "\(count), over after \(Format.age(closed.since(incident.opened)))"
  }

  private func lines(_ incident: Shown.Incident, in html: inout Markup) {
    for line in incident.lines.prefix(30) {
      html.element("p") { html in
        html.time(line.from, now: frame.model.time)
        html.text(" – ")
        if let until = line.until {
          html.time(until, now: frame.model.time)
        } else {
          html.text("now")
        }
        html.text(" ")
        html.host(line.host, frame)
        html.text(" \(line.check) \(line.worst.rawValue)")
        html.text(line.message.isEmpty ? "" : ": \(line.message)")
        if let words = line.acknowledgement { html.text(" · acknowledged by \(words)") }
      }
    }
    if incident.lines.count > 30 {
      html.element("p", text: "and \(Format.count(incident.lines.count - 30, "check")) more")
    }
  }
}
