internal import Metrics

/// The files of a folder of pages, from what they show.
public struct Pages: Sendable {
  private let model: PageModel
  /// The short form of many names: `web[01-03]`.
  private let fold: @Sendable ([String]) -> String
  private let linked: Set<String>
  private let places: [String: Int]
  private let troubles: [String: [Shown.Trouble]]
  private let services: [String: [PageModel.Service]]
  private let policies: [String: [PageModel.Policy]]

  public init(_ model: PageModel, fold: @escaping @Sendable ([String]) -> String) {
    self.model = model
    self.fold = fold
    linked = model.has(.hosts) ? Set(model.hosts.map(\.name)) : []
    places = Dictionary(
      model.hosts.enumerated().map { ($0.element.name, $0.offset) },
      uniquingKeysWith: { first, _ in first })
    var troubles: [String: [Shown.Trouble]] = [:]
    for trouble in model.troubles {
      for host in trouble.hosts { troubles[host, default: []].append(trouble) }
    }
    self.troubles = troubles
    services = Dictionary(grouping: model.services, by: \.host)
    policies = Dictionary(grouping: model.policies, by: \.host)
  }

  private func frame(_ name: PageName, _ title: String = "", patience: Int64 = 0) -> Frame {
    Frame(model: model, name: name, linked: linked, title: title, patience: patience)
  }

  /// The pages of all hosts together that are written in each pass.
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
    if model.hasScores {
      pages.append((.scores, ScoresPage(frame: frame(.scores, "Scores")).page()))
    }
    if model.has(.changes) {
      pages.append((.changes, ChangesPage(frame: frame(.changes, "Changes")).page()))
    }
    return pages.map { ($0.file, $1) }
  }

  /// The files that this audience has beside those of hosts.
  public var files: [String] {
    var names: [PageName] = [.overview, .services]
    if model.has(.hosts) { names.append(.hosts) }
    if model.has(.incidents) { names.append(.incidents) }
    if model.has(.events) { names.append(.events) }
    if model.hasScores { names.append(.scores) }
    if model.has(.changes) { names.append(.changes) }
    if model.hasPolicies { names.append(.policies) }
    return names.map(\.file)
  }

  /// The file of the page of policies; nil without any.
  public var policyFile: String? { model.hasPolicies ? PageName.policies.file : nil }

  /// The page of policies, with the checks that are not passed by host and policy. It is written less often than
  /// others: `patience` is how much older it may be.
  public func policies(
    _ findings: [String: [String: [PageModel.Finding]]], patience: Int64
  ) -> (file: String, bytes: [UInt8])? {
    guard model.hasPolicies else { return nil }
    let page = PoliciesPage(
      frame: frame(.policies, "Policies", patience: patience), findings: findings, fold: fold)
    return (PageName.policies.file, page.page())
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
      frame: frame(name, host.name, patience: more.patience), host: host, more: more,
      troubles: troubles[host.name] ?? [], services: services[host.name] ?? [],
      policies: policies[host.name] ?? [])
    return (name.file, page.page())
  }
}
