public import Configuration
public import Metrics
public import Notifiers
internal import Store
public import Inventory

/// All reports of scrape.yml, and those that are due.
public struct Reports: Sendable {
  public let all: [Report]

  /// A report that is due. `remember` stores its delivery.
  struct Due {
    var notice: Notice
    /// The key of the report in the store.
    let key: String
    let slot: Timestamp
  }

  /// Reads `reports:` of each contact.
  public init(
    _ inventory: Inventory, _ contacts: [Contact], in catalog: Catalog, _ findings: inout Findings
  ) {
    var all: [Report] = []
    for contact in contacts {
      guard let node = contact.sections["reports"] else { continue }
      let items =
        findings.attempt { () throws(ConfigurationError) in try node.list("reports") } ?? []
      var names: Set<String> = []
      for item in items {
        let report = findings.decode("a report of contact \"\(contact.name)\"", item) {
          Report(&$0, of: contact.name, inventory, in: catalog)
        }
        guard let report else { continue }
        guard names.insert(report.name).inserted else {
          findings.add(
            ConfigurationError(
              "contact \"\(contact.name)\" has two reports \"\(report.name)\"", at: item))
          continue
        }
        all.append(report)
      }
    }
    self.all = all
  }

  /// The reports that are due. A new report is first due at its next time, when the store may hold
  /// values. If the store cannot be read, nothing is due until the next pass.
  func due(at now: Timestamp, in store: Store) async -> [Due] {
    var due: [Due] = []
    for report in all {
      let key = "report \(report.contact)/\(report.name)"
      let slot = report.schedule.last(until: now)
      do {
        guard let sent = try await store.reminder(key) else {
          try await store.setReminder(key, slot)
          continue
        }
        guard report.schedule.isDue(at: now, sent: sent) else { continue }
      } catch {
        continue
      }
      var notice = await ReportText(report, until: slot, in: store).notice
      notice.incident = "\(key) \(slot.seconds)"
      due.append(Due(notice: notice, key: key, slot: slot))
    }
    return due
  }

  /// Stores that the report was sent.
  func remember(_ due: Due, in store: Store) async {
    try? await store.setReminder(due.key, due.slot)
  }
}
