internal import Inventory
internal import Metrics
internal import Policies
internal import Probes
internal import Rules
internal import Store

/// What the store says at the end of a pass: read once for the pages of all folders.
struct PageSource: Sendable {
  let site: Site
  let now: Timestamp
  let view: StatusView
  /// Newest first.
  let transitions: [Store.KeptTransition]
  let happenings: [Store.KeptHappening]
  let passes: [PassSummary]
  let incidents: [Incident]
  let queues: [Store.QueueStatus]
  /// The counts of policies whenever they changed, oldest first, and when each was last evaluated.
  let policyScores: [Store.PolicyScore]
  let policyTimes: [String: [String: Timestamp]]
  /// The availability of services over the window of the SLA; nil without one.
  let sla: Availability?
  let checks: CheckList

  /// More transitions are not read: what is older is shown as not known.
  private static let mostTransitions = 10_000
  private static let mostHappenings = 2000
  private static let mostIncidents = 60

  init(_ site: Site, _ store: Store, at now: Timestamp) async throws {
    self.site = site
    self.now = now
    view = try await StatusView(site, store, of: nil, at: now)
    transitions = try await store.transitions(limit: Self.mostTransitions)
    happenings = try await store.happenings(limit: Self.mostHappenings)
    passes = try await store.passes(2)
    incidents = try await store.incidents(all: Self.mostIncidents).compactMap { Incident($0.body) }
    queues = try await store.queues()
    policyScores = site.policies.isEmpty ? [] : try await store.policyScores()
    policyTimes = site.policies.isEmpty ? [:] : try await store.policyTimes()
    sla = await SLAWindow.kept(site.rules.sla, in: store)
    checks = CheckList(site)
  }
}
