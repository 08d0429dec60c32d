public import Transfer
internal import Configuration
public import Engine
public import Metrics

/// Buckets and tasks of InfluxDB 2.x. See InfluxData's API reference of version 2.
extension InfluxDB2: Preparable, ExpiringSink {
  public func prepare(
    _ catalog: Catalog, dryRun: Bool, _ steps: inout [SetupStep], on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) {
    guard let org = configuration.org else {
      throw DeliveryError(.missing, name, "set `org:`: buckets and tasks belong to an organization")
    }
    let orgs = try await ask(
      "GET", "/api/v2/orgs?org=\(org.percentEncoded)", nil, on: reactor, by: deadline)
    guard
      let orgID = (orgs?["orgs"]?.elements ?? []).first(where: { $0["name"]?.string == org })?[
        "id"]?
        .string
    else {
      throw DeliveryError(
        .missing, name, "there is no organization \(org), or the token cannot see it")
    }
    let retention = configuration.retention ?? Retention()
    try await ensure(
      bucket: configuration.bucket, keep: retention.keep, mayChange: retention.keep != nil, orgID,
      dryRun, &steps, on: reactor, by: deadline)
    try await ensure(
      mapping: "autogen", to: configuration.bucket, isDefault: true, orgID, dryRun, &steps,
      on: reactor, by: deadline)
    for rollup in retention.rollups {
      let copy = "\(configuration.bucket)_\(rollup.every.text)"
      try await ensure(
        bucket: copy, keep: rollup.keep, mayChange: true, orgID, dryRun, &steps, on: reactor,
        by: deadline)
      try await ensure(
        task: "scrape \(copy)", flux(rollup, into: copy, org, catalog), orgID, dryRun, &steps,
        on: reactor, by: deadline)
      try await ensure(
        mapping: rollup.policy, to: copy, isDefault: false, orgID, dryRun, &steps, on: reactor,
        by: deadline)
    }
  }

  /// The retention of the bucket.
  public func retention(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> KeptLength {
    let org = configuration.org.map { "&org=\($0.percentEncoded)" } ?? ""
    let answer = try await ask(
      "GET", "/api/v2/buckets?name=\(configuration.bucket.percentEncoded)\(org)", nil, on: reactor,
      by: deadline)
    guard
      let bucket = (answer?["buckets"]?.elements ?? []).first(where: {
        $0["name"]?.string == configuration.bucket
      })
    else {
      throw DeliveryError(
        .missing, name, "there is no bucket \(configuration.bucket), or the token cannot see it")
    }
    let seconds = bucket["retentionRules"]?.elements.first?["everySeconds"]?.integer ?? 0
    return KeptLength(place: "bucket \(configuration.bucket)", length: .seconds(max(0, seconds)))
  }

  private func ensure(
    bucket: String, keep: Duration?, mayChange: Bool, _ orgID: String, _ dryRun: Bool,
    _ steps: inout [SetupStep], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let length = keep.map { ", \($0.text)" } ?? ""
    let path = "/api/v2/buckets?orgID=\(orgID)&name=\(bucket.percentEncoded)"
    let found = try await ask("GET", path, nil, on: reactor, by: deadline)
    let known = (found?["buckets"]?.elements ?? []).first { $0["name"]?.string == bucket }
    let seconds = keep?.components.seconds
    let rules: JSON = .array(
      seconds.map {
        [.object([("type", .string("expire")), ("everySeconds", .integer($0))])]
      } ?? [])
    let what = "bucket \(bucket)\(length)"
    guard let known, let id = known["id"]?.string else {
      let body = JSON.object([
        ("orgID", .string(orgID)), ("name", .string(bucket)), ("retentionRules", rules),
      ])
      try await step(
        .wouldMake, what, "POST", "/api/v2/buckets", body, dryRun, &steps, on: reactor,
        by: deadline)
      return
    }
    let before = known["retentionRules"]?.elements.first?["everySeconds"]?.integer ?? 0
    let differs = mayChange && before != seconds ?? 0
    try await step(
      differs ? .wouldChange : nil, what, "PATCH", "/api/v2/buckets/\(id.percentEncoded)",
      .object([("retentionRules", rules)]), dryRun, &steps, on: reactor, by: deadline)
  }

  private func ensure(
    task: String, _ flux: String, _ orgID: String, _ dryRun: Bool, _ steps: inout [SetupStep],
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let path = "/api/v2/tasks?orgID=\(orgID)&name=\(task.percentEncoded)"
    let found = try await ask("GET", path, nil, on: reactor, by: deadline)
    let known = (found?["tasks"]?.elements ?? []).first { $0["name"]?.string == task }
    guard let known, let id = known["id"]?.string else {
      let body = JSON.object([
        ("orgID", .string(orgID)), ("status", .string("active")), ("flux", .string(flux)),
      ])
      try await step(
        .wouldMake, "task \(task)", "POST", "/api/v2/tasks", body, dryRun, &steps, on: reactor,
        by: deadline)
      return
    }
    try await step(
      known["flux"]?.string == flux ? nil : .wouldChange, "task \(task)", "PATCH",
      "/api/v2/tasks/\(id.percentEncoded)", .object([("flux", .string(flux))]), dryRun, &steps,
      on: reactor, by: deadline)
  }

  /// The database and retention policy under which InfluxQL finds a bucket (DBRP), for Grafana.
  private func ensure(
    mapping policy: String, to bucket: String, isDefault: Bool, _ orgID: String, _ dryRun: Bool,
    _ steps: inout [SetupStep], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let what = "mapping \(configuration.bucket)/\(policy) to bucket \(bucket)"
    let path = "/api/v2/dbrps?orgID=\(orgID)&db=\(configuration.bucket.percentEncoded)"
    let found = try await ask("GET", path, nil, on: reactor, by: deadline)
    let isThere = (found?["content"]?.elements ?? []).contains {
      $0["retention_policy"]?.string == policy
    }
    if isThere {
      steps.append(SetupStep(.isThere, what))
      return
    }
    let buckets = try await ask(
      "GET", "/api/v2/buckets?orgID=\(orgID)&name=\(bucket.percentEncoded)", nil, on: reactor,
      by: deadline)
    let known = (buckets?["buckets"]?.elements ?? []).first { $0["name"]?.string == bucket }
    let id = known?["id"]?.string ?? ""
    let body = JSON.object([
      ("orgID", .string(orgID)), ("bucketID", .string(id)),
      ("database", .string(configuration.bucket)), ("retention_policy", .string(policy)),
      ("default", .boolean(isDefault)),
    ])
    try await step(
      .wouldMake, what, "POST", "/api/v2/dbrps", body, dryRun, &steps, on: reactor, by: deadline)
  }

  /// The task that copies each field as its kind asks for. Points may arrive an hour late after an
  /// outage: their rollups are computed again.
  private func flux(
    _ rollup: Retention.Rollup, into copy: String, _ org: String, _ catalog: Catalog
  ) -> String {
    let back = max(.seconds(3600), rollup.every * 2)
    let list = { (names: [String]) in "[\(names.map(Self.quoted).joined(separator: ", "))]" }
    let parts = Rollups.sets(in: catalog).map { function, prefix, fields in
      let rename =
        prefix.isEmpty
        ? "" : "\n  |> map(fn: (r) => ({r with _field: \(Self.quoted(prefix)) + r._field}))"
      return """
        points
          |> filter(fn: (r) => contains(value: r._measurement + "." + r._field, set: \(list(fields))))
          |> aggregateWindow(every: \(rollup.every.text), fn: \(function), createEmpty: false)\(rename)
          |> to(bucket: \(Self.quoted(copy)), org: \(Self.quoted(org)))
        """
    }
    return """
      option task = {name: \(Self.quoted("scrape \(copy)")), every: \(rollup.every.text), offset: 30s}

      points = from(bucket: \(Self.quoted(configuration.bucket)))
        |> range(start: -\(back.text))

      \(parts.joined(separator: "\n"))
      """
  }

  /// A string literal in Flux.
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for character in text {
      if character == "\"" || character == "\\" || character == "$" { quoted += "\\" }
      quoted.append(character)
    }
    return quoted + "\""
  }

  private func step(
    _ change: SetupStep.State?, _ what: String, _ method: String, _ path: String, _ body: JSON,
    _ dryRun: Bool, _ steps: inout [SetupStep], on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) {
    guard let change, !dryRun else {
      steps.append(SetupStep(change ?? .isThere, what))
      return
    }
    guard try await ask(method, path, body, on: reactor, by: deadline) != nil else {
      throw DeliveryError(.missing, name, "\(what): \(path) is not there; is this InfluxDB 2.x?")
    }
    steps.append(SetupStep(change == .wouldMake ? .made : .changed, what))
  }

  /// The answer as JSON; nil if the requested object does not exist (404).
  private func ask(
    _ method: String, _ path: String, _ body: JSON?, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) -> JSON? {
    var request = request(method, path)
    if let body {
      request.headers.append(("Content-Type", "application/json"))
      request.body = body.bytes
    }
    let response = try await send(request, on: reactor, by: deadline)
    switch response.code {
    case 200...299:
      guard let answer = JSON(reading: response.body) else {
        throw DeliveryError(
          .protocolError, name, "answered \(method) \(path) with no JSON; is this InfluxDB 2.x?")
      }
      return answer
    case 404: return nil
    case 401, 403:
      throw DeliveryError(
        .unauthorized, name,
        "answered \(response.code): \(InfluxDBAnswers.message(of: response)); buckets and tasks "
          + "need a token that may write them, which the one for points need not")
    default:
      throw DeliveryError(
        .protocolError, name,
        "answered \(response.code) to \(method) \(path): \(InfluxDBAnswers.message(of: response))"
      )
    }
  }
}
