internal import Metrics

/// The files of a folder of pages, from what they show.
public struct Pages: Sendable {
  private let model: PageModel
  /// The short form of many names: `web[01-03]`.
  private let fold: @Sendable ([String]) -> String
  private let linked: Set<String>
  private let places: [String: Int]
  private let troubles: [String: [PageModel.Trouble]]
  private let services: [String: [PageModel.Service]]
  private let events: [String: [PageModel.Event]]

  public init(_ model: PageModel, fold: @escaping @Sendable ([String]) -> String) {
    self.model = model
    self.fold = fold
    linked = model.has(.hosts) ? Set(model.hosts.map(\.name)) : []
    places = Dictionary(
      model.hosts.enumerated().map { ($0.element.name, $0.offset) },
      uniquingKeysWith: { first, _ in first })
    troubles = Dictionary(grouping: model.troubles, by: { $0.host ?? "" })
    services = Dictionary(grouping: model.services, by: \.host)
    events = Dictionary(grouping: model.events, by: \.host)
  }

  private func frame(_ name: PageName, _ title: String = "") -> Frame {
    Frame(model: model, name: name, linked: linked, title: title)
  }

  /// The pages of all hosts together.
  public func common() -> [(file: String, bytes: [UInt8])] {
    var pages: [(PageName, [UInt8])] = [
      (.overview, Overview(frame: frame(.overview), fold: fold).page()),
      (.services, ServicesPage(frame: frame(.services, "Services")).page()),
    ]
    if model.has(.hosts) {
      pages.append((.hosts, HostsPage(frame: frame(.hosts, "Hosts")).page()))
    }
    if model.has(.incidents) {
      pages.append((.incidents, IncidentsPage(frame: frame(.incidents, "Incidents")).page()))
    }
    if model.has(.events) {
      pages.append((.events, EventsPage(frame: frame(.events, "Events")).page()))
    }
    return pages.map { ($0.file, $1) }
  }

  /// The files of the pages of hosts, in the order of the inventory.
  public var hostFiles: [(host: String, file: String)] {
    linked.isEmpty ? [] : model.hosts.map { ($0.name, PageName.host($0.name).file) }
  }

  /// The page of one host; nil for a host that this audience does not see.
  public func host(_ more: HostModel) -> (file: String, bytes: [UInt8])? {
    guard linked.contains(more.name), let place = places[more.name] else { return nil }
    let host = model.hosts[place]
    let name = PageName.host(host.name)
    let page = HostPage(
      frame: frame(name, host.name), host: host, more: more, troubles: troubles[host.name] ?? [],
      services: services[host.name] ?? [], events: events[host.name] ?? [])
    return (name.file, page.page())
  }
}
