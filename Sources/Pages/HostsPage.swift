internal import Metrics

/// All hosts, those in trouble first.
struct HostsPage {
  let frame: Frame

  func page() -> [UInt8] {
    let hosts = frame.model.hosts.enumerated().sorted { one, other in
      let (a, b) = (one.element.worst ?? .unknown, other.element.worst ?? .unknown)
      return a == b ? one.offset < other.offset : a > b
    }.map(\.element)
    return frame.page { html in
      html.filter("web critical")
      html.element("section", .css("box"), .init("id", "list")) { html in
        html.element("div", .css("scroll")) { html in
          html.element("table", .css("wide")) { html in
            html.element("thead") { html in
              html.element("tr") { html in
                let shows = frame.model.has(.addresses)
                for title in ["host", "group"] + (shows ? ["address"] : []) + [
                  "state", "services", "",
                ] {
                  html.element("th", .init("scope", "col"), text: title)
                }
              }
            }
            html.element("tbody") { html in
              for host in hosts { row(host, in: &html) }
            }
          }
        }
      }
    }
  }

  private func row(_ host: PageModel.Host, in html: inout Markup) {
    html.element("tr", .init("data-row")) { html in
      html.element("th", .init("scope", "row")) { html in
        html.element("a", .link(PageName.host(host.name).from(frame.name)), text: host.name)
      }
      html.element("td", text: host.group)
      if frame.model.has(.addresses) { html.element("td", text: host.address ?? "–") }
      html.element("td") { $0.tag(host.worst) }
      html.element(
        "td",
        text: host.services.total == 0 ? "–" : "\(host.services.online)/\(host.services.total)")
      html.element("td", text: host.message)
    }
  }
}
