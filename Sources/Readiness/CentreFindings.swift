internal import CLinux
internal import Engine
internal import Glibc
internal import Inventory
internal import Metrics
internal import Passes
internal import Rules
internal import Store

/// What an exercise needs of the monitor itself.
struct CentreFindings {
  let site: Site
  let hours: Int

  /// The checks of `scrape doctor`.
  static func of(_ checks: [Check]) -> [Finding] {
    checks.map { check in
      Finding("", .centre, check.subject, check.isFine, check.message, reason: check.reason)
    }
  }

  /// Jump hosts without an entry of their own among the hosts of the sheet.
  static func jumps(of survey: Survey, besides hosts: Set<String>) -> [Finding] {
    survey.report.jumps.compactMap { jump in
      let name = jump.result.batch.host
      guard !hosts.contains(name) else { return nil }
      guard let failure = jump.failure else {
        return Finding("", .centre, "jump host \(name)", true, "a session was opened")
      }
      return Finding(
        "", .centre, "jump host \(name)", false, failure.detail, reason: failure.reason,
        remedy: failure.detail.contains("; ") ? "" : failure.reason.remedy)
    }
  }

  /// The services of scrape.yml, by what this survey saw.
  func services(_ survey: Survey) -> [Finding] {
    guard !site.rules.services.isEmpty else { return [] }
    var checks: [String: [String: Severity]] = [:]
    let report = survey.report
    let results =
      report.readings.map(\.result) + report.bmcs.map(\.result) + report.services.map(\.result)
    for result in results {
      for outcome in result.outcomes {
        checks[result.batch.host, default: [:]][outcome.target] = outcome.severity
      }
    }
    // Needs name services without the word: `web01/https`.
    let bare = checks.mapValues { checks in
      checks.reduce(into: [String: Severity]()) { all, check in
        all[check.key] = check.value
        if let service = CheckName(check.key).service { all[service] = check.value }
      }
    }
    let states = BusinessService.states(of: site.rules.services, checks: bare)
    return site.rules.services.map { service in
      let state = states[service.name] ?? .noData
      let isFine: Bool? = state == .ok ? true : state == .noData ? nil : false
      return Finding(
        "", .centre, "service \(service.name)", isFine,
        isFine == nil ? "none of its needs was asked" : "it is \(state.rawValue)",
        remedy: "see its needs among the probes, and `services:` in scrape.yml")
    }
  }

  /// Whether the disk holds what the store will grow by, and the store what the exercise needs.
  func disk(_ store: Store) async -> Finding {
    func finding(_ isFine: Bool?, _ message: String, _ remedy: String = "") -> Finding {
      Finding("", .centre, "disk", isFine, message, remedy: remedy)
    }
    var status = statvfs()
    let folder = Self.folder(of: site.storePath)
    guard statvfs(folder, &status) == 0 else {
      return finding(false, "\(folder): \(SystemError("statvfs").message)")
    }
    let free = Double(status.f_bavail) * Double(status.f_frsize)
    var file = stat()
    let used = stat(site.storePath, &file) == 0 ? Double(file.st_size) : 0
    guard let growth = try? await store.growth(),
      let interval = (try? await LastPass(in: store))?.interval, interval > .zero
    else {
      return finding(
        nil,
        "\(Format.bytes(free)) free; what \(hours) h need is known after three passes of the timer or of "
          + "scrape watch")
    }
    let seconds = Double(hours) * 3600
    let passes =
      seconds
      / (Double(interval.components.seconds) + Double(interval.components.attoseconds) / 1e18)
    let need = growth.bytesPerPass * passes
    let most = growth.isFolded ? "" : "at most "
    let text =
      "\(hours) h at this rate need \(most)\(Format.bytes(need)) (a pass every "
      + "\(Format.age(interval)), \(Format.bytes(growth.bytesPerPass))), \(Format.bytes(free)) free"
    let size = Double(site.settings.store.size)
    // The store drops its oldest points at its limit.
    let growing = min(need, max(0, size - used))
    if free < growing * 1.1 {
      return finding(false, text, "make room on the disk of \(folder), or lower `store: {size: …}`")
    }
    if growth.isFolded, need > size {
      return finding(
        false, "\(text), and the store may have \(Format.bytes(size))",
        "raise `store: {size: …}`, or only the last \(Int(Double(hours) * size / need)) h stay in it"
      )
    }
    let kept = site.settings.store.keep
    if kept < .seconds(Int64(hours) * 3600) {
      return finding(
        false, "\(text), and the store keeps points \(Format.age(kept))",
        "raise `store: {keep: …}`")
    }
    return finding(true, text)
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
