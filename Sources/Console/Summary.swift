internal import Transfer
public import Metrics
public import Passes
internal import Rules
internal import Sinks
internal import Store
internal import Inventory
internal import Probes

/// The output of `scrape run`: one line of figures, then one line per trouble.
public struct Summary: Sendable {
  private let report: Pass.Report
  private let verbose: Bool

  public init(_ report: Pass.Report, verbose: Bool) {
    self.report = report
    self.verbose = verbose
  }

  public var exitCode: Int32 {
    if report.interrupted { return ExitCode.interrupted }
    let failed =
      report.deliveries.isEmpty
      ? report.storeFailure != nil : report.deliveries.allSatisfy { $0.delivery.error != nil }
    if failed { return ExitCode.undelivered }
    let notOK =
      report.storeFailure != nil
      || report.deliveries.contains {
        $0.delivery.error != nil || $0.delivery.storeError != nil || $0.delivery.receipt.refused > 0
      }
      || report.readings.contains { $0.failure != nil || !$0.result.problems.isEmpty }
      || report.bmcs.contains { $0.failure != nil || !$0.result.problems.isEmpty }
      || report.services.contains { $0.services.contains { $0.verdict.severity != .ok } }
      || !report.crossed.isEmpty || !report.broken.isEmpty || !report.spoolTroubles.isEmpty
      || report.own?.verdict.findings.contains { $0.severity != .ok } == true
    return notOK ? ExitCode.notOK : ExitCode.ok
  }

  public var text: Printable {
    ([Printable(figures)] + problems + errors).joined(separator: "\n")
  }

  /// One line per host with its main figures; a dash for missing values.
  public var table: Printable {
    let head = ["HOST", "CPU", "LOAD", "MEMORY", "DISK", "DOWN", "UP", "POINTS"]
    let rows = report.readings.map(\.result).sorted { $0.batch.host < $1.batch.host }.map {
      result -> [String] in
      let points = result.batch.points
      func value(_ measurement: String, _ field: String) -> [Double] {
        points.filter { $0.measurement == measurement }.compactMap { $0[field: field]?.number }
      }
      func percent(_ values: [Double]) -> String {
        values.max().map { "\(Format.fixed($0, 1)) %" } ?? Format.none
      }
      func rate(_ field: String) -> String {
        let values = value("net", field)
        return values.isEmpty ? Format.none : Format.bits(values.reduce(0, +))
      }
      let total = points.first {
        $0.measurement == "cpu" && $0[tag: "cpu"] == "cpu-total"
      }
      var cpu = Format.none
      if case .float(let active)? = total?[field: "usage_active"] {
        cpu = "\(Format.fixed(active, 1)) %"
      }
      return [
        result.batch.host, cpu,
        value("system", "load1").first.map { Format.fixed($0, 2) } ?? Format.none,
        percent(value("mem", "used_percent")), percent(value("disk", "used_percent")),
        rate("recv_rate"), rate("sent_rate"), Format.count(points.count),
      ]
    }
    let widths = head.indices.map { column in
      ([head] + rows).map { $0[column].count }.max() ?? 0
    }
    return ([head] + rows).map { row in
      Printable(
        row.indices.map { Format.pad(row[$0], widths[$0], right: $0 > 0) }.joined(separator: "  "))
    }.joined(separator: "\n")
  }

  private var figures: String {
    func counted(_ count: Int, _ well: Int, _ noun: String, _ word: String = "up") -> String? {
      guard count > 0 else { return nil }
      return Format.count(count, noun)
        + (well < count ? " (\(Format.count(well)) \(word))" : "")
    }
    let services = report.services.flatMap(\.services)
    let asked = [
      counted(report.readings.count, report.readings.count { $0.failure == nil }, "host"),
      counted(report.bmcs.count, report.bmcs.count { $0.failure == nil }, "BMC"),
      counted(
        services.count,
        services.count {
          $0.verdict.severity == .ok || $0.verdict.reason?.isFinding == true
        }, "service", "ok"),
    ].compactMap { $0 }
    var parts = [
      "\(asked.isEmpty ? "0 hosts" : asked.joined(separator: ", ")) in \(Format.duration(report.took))"
    ]
    if report.idle > 0 { parts.append("\(Format.count(report.idle)) with nothing due") }
    var points = Format.count(report.points, "point")
    if report.storeFailure == nil { points += " → store" }
    for (sink, delivery) in report.deliveries {
      points += ", \(sink) \(Format.count(delivery.receipt.taken))"
      if delivery.receipt.refused > 0 {
        points += " (\(Format.count(delivery.receipt.refused)) refused)"
      }
    }
    for (sink, lines) in report.queued.sorted(by: { $0.key < $1.key }) where lines > 0 {
      points += ", queued \(Format.count(lines)) for \(sink)"
    }
    return (parts + [points]).joined(separator: " · ")
      + (report.interrupted ? " · interrupted" : "")
  }

  /// One line per kind of trouble, with the folded names of its hosts.
  private var problems: [Printable] {
    struct Kind: Hashable {
      var severity: String
      var what: String
      var reason: String
    }
    var groups = TroubleGroups<Kind, (host: String, message: String)>()
    func add(_ kind: Kind, _ host: String, _ detail: String) {
      groups.add((host, detail), to: kind)
    }
    for finding in report.own?.verdict.findings ?? [] where finding.severity != .ok {
      add(
        Kind(
          severity: finding.severity.rawValue, what: finding.check,
          reason: finding.reason?.rawValue ?? "not_ok"), SelfReading.host, finding.message)
    }
    let hidden = Set(report.causes.flatMap(\.effects))
    var causes: [String: String] = [:]
    for (cause, effects) in report.causes { for host in effects { causes[host] = cause } }
    /// What the line of a cause covers: the hosts, and how many services and BMCs.
    var lost: [String: (hosts: Set<String>, services: Int, bmcs: Int)] = [:]
    // A host whose BMC fails is still monitored: no outage.
    let targets =
      report.readings.map { (Severity.critical, CheckName.ssh.text, $0.failure, $0.result) }
      + report.bmcs.map { (.major, BMCReading.name, $0.failure, $0.result) }
      + report.jumps.map { (.critical, CheckName.ssh.text, $0.failure, $0.result) }
    for (severity, target, failure, result) in targets {
      let host = result.batch.host
      // The line of the cause covers an effect; its BMC may have another way.
      if hidden.contains(host), target == CheckName.ssh.text { continue }
      if failure?.isOfJumpHost == true, let cause = causes[host] ?? report.ways.bmcs[host] {
        lost[cause, default: ([], 0, 0)].bmcs += 1
        lost[cause]?.hosts.insert(host)
        continue
      }
      // The self-check covers failures of a cut.
      if !result.isEvaluated, failure != nil { continue }
      if let failure {
        // Failures on our side are no outages of the target.
        let severity = Optional(failure).severity(severity) ?? Severity.unknown
        add(
          Kind(severity: severity.rawValue, what: target, reason: failure.reason.rawValue), host,
          failure.detail)
        continue
      }
      for problem in result.problems {
        let kind = Kind(
          severity: "unknown", what: problem.collector, reason: problem.reason.rawValue)
        add(kind, host, problem.detail)
      }
    }
    for (host, severity, outcome) in report.spoolTroubles {
      add(
        Kind(
          severity: severity.rawValue, what: outcome.target,
          reason: outcome.reason?.rawValue ?? "not_ok"), host, outcome.message ?? "")
    }
    for (host, check, state, _) in report.disagreeing where !hidden.contains(host) {
      add(
        Kind(
          severity: state.severity.rawValue, what: check,
          reason: state.reason?.rawValue ?? "not_ok"), host, state.message)
    }
    for reading in report.services {
      let host = reading.result.batch.host
      for service in reading.services
      where service.verdict.severity != .ok && !reading.unasked.contains(service.service) {
        let verdict = service.verdict
        if reading.isUnevaluated(service) { continue }
        // The line of the comparison has it.
        if report.disagreeing.contains(where: {
          $0.host == host && $0.services.contains(service.service)
        }) {
          continue
        }
        let cause =
          verdict.isUp == true
          ? nil
          : causes[host] ?? (verdict.isOfJumpHost ? report.ways.services[host] : nil)
        if let cause {
          lost[cause, default: ([], 0, 0)].services += 1
          lost[cause]?.hosts.insert(host)
          continue
        }
        add(
          Kind(
            severity: verdict.severity.rawValue, what: service.service,
            reason: verdict.reason?.rawValue ?? "not_ok"), host, verdict.message)
      }
    }
    let effects = Dictionary(
      report.causes.map { ($0.cause, $0.effects) }, uniquingKeysWith: { first, _ in first })
    for cause in Set(effects.keys).union(lost.keys).sorted() {
      let hosts = effects[cause] ?? []
      let rest = lost[cause] ?? ([], 0, 0)
      let counts = [
        (hosts.count, "host"), (rest.bmcs, "BMC"), (rest.services, "service"),
      ].filter { $0.0 > 0 }.map { Format.count($0.0, $0.1) }
      add(
        Kind(severity: "critical", what: "hides", reason: counts.joined(separator: ", ")), cause,
        fold(hosts.isEmpty ? rest.hosts.sorted() : hosts))
    }
    for (host, check, state) in report.crossed {
      // The series is beside the host, so that hosts with the same trouble fold.
      add(
        Kind(severity: state.severity.rawValue, what: check, reason: "threshold"), host,
        state.message)
    }
    for (name, state) in report.broken {
      add(
        Kind(severity: state.rawValue, what: "service", reason: state.rawValue), name,
        "see what it needs: `scrape status`")
    }
    let order = ["critical", "major", "minor", "unknown", "degraded"]
    // Findings are no outages and come after them.
    func isFinding(_ kind: Kind) -> Bool {
      Reason(rawValue: kind.reason)?.isFinding == true
    }
    let sorted = groups.groups.sorted {
      if isFinding($0.kind) != isFinding($1.kind) { return isFinding($1.kind) }
      let (a, b) = ($0.kind, $1.kind)
      return (
        order.firstIndex(of: a.severity) ?? 9, -$0.members.count, a.what, a.reason
      ) < (
        order.firstIndex(of: b.severity) ?? 9, -$1.members.count, b.what, b.reason
      )
    }
    let rows = sorted.map { group -> (Kind, String, String) in
      let hosts = group.members.map(\.host)
      let names = verbose ? hosts.joined(separator: " ") : fold(hosts)
      return (group.kind, names, commonMessage(group.members))
    }
    let nameWidth = min(40, rows.map(\.1.count).max() ?? 0)
    let whatWidth = rows.map(\.0.what.count).max() ?? 0
    let first = sorted.firstIndex { isFinding($0.kind) }
    return rows.enumerated().flatMap { index, row -> [Printable] in
      let (kind, names, detail) = row
      let severity = Terminal.paint(
        Format.pad(kind.severity, 8), Severity(rawValue: kind.severity)?.colour ?? .yellow, on: 2)
      let line: Printable =
        "\(severity)  \(Format.pad(names, nameWidth))  \(Format.pad(kind.what, whatWidth))  "
        + "\(kind.reason): \(detail)"
      return index == first ? ["findings (these services are up):", line] : [line]
    }
  }

  /// Errors of the scraper itself.
  public var errors: [Printable] {
    var lines: [Printable] = []
    if let failure = report.storeFailure { lines.append("scrape: store: \(failure)") }
    for (sink, delivery) in report.deliveries {
      if let error = delivery.error { lines.append("scrape: \(error.description)") }
      if let error = delivery.storeError {
        lines.append("scrape: queue of \(sink): \(error.description)")
      }
      for message in delivery.receipt.messages {
        lines.append("scrape: \(sink) refused points: \(message)")
      }
    }
    return lines + report.warnings.map { "scrape: \($0)" }
  }
}
