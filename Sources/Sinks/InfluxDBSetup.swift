public import Transfer
internal import Configuration
public import Engine
public import Metrics

/// Databases, retention policies and continuous queries of InfluxDB 1.x.
extension InfluxDB: Preparable, ExpiringSink {
  public func prepare(
    _ catalog: Catalog, dryRun: Bool, _ steps: inout [SetupStep], on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) {
    let database = configuration.database
    let quoted = InfluxQL.quoted(database)
    var setup = Setup(dryRun: dryRun)
    let databases = try await rows("SHOW DATABASES", on: reactor, by: deadline)
    let isThere = databases.contains { $0.first?.string == database }
    try await step(
      isThere ? nil : .wouldMake, "CREATE DATABASE \(quoted)", &setup, &steps, on: reactor,
      by: deadline)
    if isThere || !dryRun {
      for row in try await rows("SHOW RETENTION POLICIES ON \(quoted)", on: reactor, by: deadline) {
        guard row.count >= 5, let name = row[0].string else { continue }
        setup.policies[name] = row[1].string.flatMap { Duration(text: $0) } ?? .zero
        if row[4] == .boolean(true) { setup.standard = name }
      }
      for row in try await rows(
        "SHOW CONTINUOUS QUERIES", of: database, on: reactor, by: deadline)
      {
        if let name = row.first?.string { setup.queries[name] = row.last?.string }
      }
    }
    let source = configuration.retentionPolicy ?? setup.standard
    try await ensure(
      policy: source, keep: configuration.retention?.keep, &setup, &steps, on: reactor,
      by: deadline)
    for rollup in configuration.retention?.rollups ?? [] {
      try await ensure(
        policy: rollup.policy, keep: rollup.keep ?? .zero, &setup, &steps, on: reactor,
        by: deadline)
      try await removeOldQuery(rollup.policy, &setup, &steps, on: reactor, by: deadline)
      for measurement in catalog.names {
        guard let selected = Rollups.influxQL(of: measurement, in: catalog) else { continue }
        try await ensure(
          query: "\(rollup.policy)_\(measurement)", of: measurement, selected, rollup,
          from: source, &setup, &steps, on: reactor, by: deadline)
      }
    }
  }

  /// The objects that the server has.
  private struct Setup {
    var dryRun: Bool
    /// The retention of each policy; zero is for ever.
    var policies: [String: Duration] = ["autogen": .zero]
    var standard = "autogen"
    var queries: [String: String] = [:]
  }

  /// Reports one object; runs the statement if it is missing (`wouldMake`) or differs
  /// (`wouldChange`).
  private func step(
    _ change: SetupStep.State?, _ statement: String, _ setup: inout Setup,
    _ steps: inout [SetupStep], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    guard let change, !setup.dryRun else {
      steps.append(SetupStep(change ?? .isThere, statement))
      return
    }
    _ = try await rows(statement, on: reactor, by: deadline)
    steps.append(SetupStep(change == .wouldMake ? .made : .changed, statement))
  }

  /// A policy of that retention; with nil, of any.
  private func ensure(
    policy: String, keep: Duration?, _ setup: inout Setup, _ steps: inout [SetupStep],
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let length = keep.map { $0 == .zero ? "INF" : $0.text } ?? "INF"
    let place = "\(InfluxQL.quoted(policy)) ON \(InfluxQL.quoted(configuration.database))"
    let known = setup.policies[policy]
    let differs = keep != nil && known != keep
    let verb = known == nil ? "CREATE" : "ALTER"
    let replication = known == nil ? " REPLICATION 1" : ""
    try await step(
      known == nil ? .wouldMake : differs ? .wouldChange : nil,
      known != nil && !differs
        ? "RETENTION POLICY \(place)"
        : "\(verb) RETENTION POLICY \(place) DURATION \(length)\(replication)", &setup, &steps,
      on: reactor, by: deadline)
  }

  private func ensure(
    query name: String, of measurement: String, _ selected: String, _ rollup: Retention.Rollup,
    from source: String, _ setup: inout Setup, _ steps: inout [SetupStep],
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let database = InfluxQL.quoted(configuration.database)
    let quoted = InfluxQL.quoted(name)
    let place = { (policy: String) in
      "\(database).\(InfluxQL.quoted(policy)).\(InfluxQL.quoted(measurement))"
    }
    // Points may arrive an hour late after an outage: their rollups are computed again.
    let back = max(.seconds(3600), rollup.every * 2)
    let statement =
      "CREATE CONTINUOUS QUERY \(quoted) ON \(database) RESAMPLE FOR \(back.text) BEGIN SELECT "
      + "\(selected) INTO \(place(rollup.policy)) FROM \(place(source)) "
      + "GROUP BY time(\(rollup.every.text)), * END"
    let known = setup.queries[name]
    // The server quotes it only where needed.
    let differs = known.map { Self.bare($0) != Self.bare(statement) } == true
    if differs, !setup.dryRun {
      _ = try await rows(
        "DROP CONTINUOUS QUERY \(quoted) ON \(database)", on: reactor, by: deadline)
    }
    try await step(
      known == nil ? .wouldMake : differs ? .wouldChange : nil, statement, &setup, &steps,
      on: reactor, by: deadline)
  }

  /// Removes the query of version 0.1.0, which wrote the mean of every field as `mean_…`.
  private func removeOldQuery(
    _ name: String, _ setup: inout Setup, _ steps: inout [SetupStep],
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    guard setup.queries[name] != nil else { return }
    try await step(
      .wouldChange,
      "DROP CONTINUOUS QUERY \(InfluxQL.quoted(name)) ON "
        + InfluxQL.quoted(configuration.database), &setup, &steps, on: reactor, by: deadline)
  }

  private static func bare(_ statement: String) -> String {
    String(statement.filter { $0 != "\"" && $0 != "\\" })
  }

  /// The retention of the policy that points are written to.
  public func retention(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> KeptLength {
    let database = configuration.database
    let policies = try await rows(
      "SHOW RETENTION POLICIES ON \(InfluxQL.quoted(database))", on: reactor, by: deadline)
    let wanted = configuration.retentionPolicy
    let row = policies.first { row in
      row.count >= 5 && (wanted == nil ? row[4] == .boolean(true) : row[0].string == wanted)
    }
    guard let row, let name = row[0].string,
      let length = row[1].string.flatMap({ Duration(text: $0) })
    else {
      throw DeliveryError(
        .missing, self.name,
        "database \(database) has no retention policy \(wanted ?? "by default"); scrape setup influxdb"
      )
    }
    return KeptLength(place: "database \(database), policy \(name)", length: length)
  }

  /// The rows of a statement's result; only of the series of that name if one is given.
  private func rows(
    _ statement: String, of series: String? = nil, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) -> [[JSON]] {
    var request = request("/query")
    InfluxQL.run(statement, with: &request)
    let response = try await send(request, on: reactor, by: deadline)
    guard response.code == 200 else { throw failure(response) }
    if InfluxDBAnswers.hasError(response) {
      throw DeliveryError(
        .protocolError, name, "refused \(statement): \(InfluxDBAnswers.message(of: response))")
    }
    guard let answer = JSON(reading: response.body) else {
      throw DeliveryError(.protocolError, name, "answered \(statement) with no JSON")
    }
    return (answer["results"]?.elements ?? []).flatMap { result in
      (result["series"]?.elements ?? []).filter { series == nil || $0["name"]?.string == series }
        .flatMap { ($0["values"]?.elements ?? []).map(\.elements) }
    }
  }
}
