internal import Metrics

/// The services by group and type, each cell with online and total.
struct HeatMap {
  let frame: Frame
  private var groups: [String] = []
  private var types: [String] = []
  private var cells: [String: [String: Shown.Count]] = [:]

  init(_ frame: Frame) {
    self.frame = frame
    var groupOf: [String: String] = [:]
    for host in frame.model.hosts { groupOf[host.name] = host.group }
    var totals: [String: Int] = [:]
    for service in frame.model.services {
      let group = groupOf[service.host] ?? "ungrouped"
      if cells[group] == nil { groups.append(group) }
      cells[group, default: [:]][service.type, default: Shown.Count()].add(
        service.severity, isUp: service.isUp)
      totals[service.type, default: 0] += 1
    }
    types = totals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
  }

  /// Whether it needs the whole width of a laptop's screen.
  var isWide: Bool { types.count > 8 }

  func draw(in html: inout Markup) {
    html.heatTable("Services by group and type", groups: groups, columns: types) { group, html in
      html.element("a", .link(PageName.services.at(group).from(frame.name)), text: group)
    } cells: { group, html in
      for type in types { cell(cells[group]?[type], in: &html) }
    }
  }

  private func cell(_ count: Shown.Count?, in html: inout Markup) {
    guard let count, let worst = count.worst else {
      html.element("td", text: "")
      return
    }
    html.element(
      "td", .css(worst.rawValue), .init("title", worst.rawValue),
      text: "\(count.online)/\(count.total)")
  }
}
