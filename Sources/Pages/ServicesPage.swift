internal import Metrics

/// All services with their last 24 hours, by group.
struct ServicesPage {
  let frame: Frame

  func page() -> [UInt8] {
    var groups: [String] = []
    var groupOf: [String: String] = [:]
    for host in frame.model.hosts {
      groupOf[host.name] = host.group
      if !groups.contains(host.group) { groups.append(host.group) }
    }
    var members: [String: [PageModel.Service]] = [:]
    for service in frame.model.services {
      members[groupOf[service.host] ?? "ungrouped", default: []].append(service)
    }
    return frame.page { html in
      html.filter("https critical")
      html.element("div", .init("id", "list")) { html in
        if frame.model.services.isEmpty {
          html.element("p", .css("soft"), text: "No service is probed.")
        }
        for group in groups {
          guard let services = members[group] else { continue }
          html.element(
            "section", .css("box"), .init("id", PageName.services.at(group).place)
          ) { html in
            html.element("h2", text: "\(group): 24 hours, uptime of 24 hours and 7 days")
            for service in services { row(service, in: &html) }
          }
        }
      }
    }
  }

  func row(_ service: PageModel.Service, in html: inout Markup, withHost: Bool = true) {
    html.element("div", .css("service"), .init("data-row")) { html in
      html.element("span") { html in
        if withHost {
          html.host(service.host, frame)
          html.text(" ")
        }
        html.text(service.name)
        if service.severity != .ok, !service.message.isEmpty {
          html.element("span", .css("soft"), text: " \(service.message)")
        }
      }
      html.tag(service.severity)
      StateBar(history: service.history).draw(in: &html)
      html.element("span", text: Self.percent(service.history.uptime))
      html.element("span", text: Self.percent(service.history.uptimeOfWeek))
    }
  }

  /// Rounded down: what was ever down is never 100 %.
  private static func percent(_ share: Double?) -> String {
    guard let share else { return "–" }
    let hundredths = (share * 10_000).rounded(.down) / 100
    return "\(Format.fixed(hundredths, share == 1 ? 0 : 2)) %"
  }
}
