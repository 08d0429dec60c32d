internal import Engine
internal import Metrics
internal import Transfer
internal import Store

// The query by which each sink looks for a canary.

extension InfluxDB: ReadableSink {
  func holds(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool? {
    let query =
      "SELECT \(Canary.field) FROM \(Canary.measurement) WHERE time = \(canary.time.nanoseconds)"
    var request = request(writing: [])
    request.method = "GET"
    // The URL of a query names database and retention policy as that of a write does.
    guard let path = request.url.firstRange(of: "/write?") else { return nil }
    request.url.replaceSubrange(path, with: "/query?epoch=ns&q=\(query.percentEncoded)&")
    request.headers.removeAll { $0.name == "Content-Encoding" || $0.name == "Content-Type" }
    let response = try await send(request, on: reactor, by: deadline)
    guard response.code == 200 else { throw unreadable(response) }
    return String(decoding: response.body, as: UTF8.self).contains("\(canary.number)")
  }
}

extension InfluxDB2: ReadableSink {
  func holds(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool? {
    var request = request(writing: [])
    guard let path = request.url.firstRange(of: "/api/v2/write?"),
      let bucket = request.url.firstRange(of: "bucket=")
    else { return nil }
    let name = request.url[bucket.upperBound...].prefix { $0 != "&" }
    let start = canary.time.seconds
    // Names with characters that would end a Flux string are not queried.
    guard name.utf8.allSatisfy({ $0 != UInt8(ascii: "%") }) else { return nil }
    let flux = """
      from(bucket: "\(name)") |> range(start: \(start - 1), stop: \(start + 2)) \
      |> filter(fn: (r) => r._measurement == "\(Canary.measurement)")
      """
    request.url.replaceSubrange(path, with: "/api/v2/query?")
    request.headers.removeAll {
      ["Content-Encoding", "Content-Type", "Accept"].contains($0.name)
    }
    request.headers += [("Content-Type", "application/vnd.flux"), ("Accept", "application/csv")]
    request.body = Array(flux.utf8)
    let response = try await send(request, on: reactor, by: deadline)
    // VictoriaMetrics, InfluxDB 3 and Telegraf do not support Flux.
    if response.code == 400 || response.code == 404 || response.code == 405 { return nil }
    guard response.code == 200 else { throw unreadable(response) }
    return String(decoding: response.body, as: UTF8.self).contains("\(canary.number)")
  }
}

extension RemoteWrite: ReadableSink {
  func holds(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool? {
    let write = "/api/v1/write"
    guard configuration.url.hasSuffix(write) else { return nil }
    let metric = PrometheusNames.metric(Canary.measurement, Canary.field)
    // A range query returns raw samples at once, without the wait for late ones.
    let query = "\(metric)[1m]"
    var request = request(writing: [])
    request.method = "GET"
    request.url =
      "\(configuration.url.dropLast(write.utf8.count))/api/v1/query?query=\(query.percentEncoded)"
    request.headers.removeAll { $0.name == "Content-Encoding" || $0.name == "Content-Type" }
    let response = try await send(request, on: reactor, by: deadline)
    if response.code == 404 || response.code == 405 { return nil }
    guard response.code == 200 else { throw unreadable(response) }
    return String(decoding: response.body, as: UTF8.self).contains("\"\(canary.number)\"")
  }
}

extension HTTPReceiver {
  fileprivate func unreadable(_ response: TransferAnswer) -> DeliveryError {
    let isDenied = response.code == 401 || response.code == 403
    return DeliveryError(
      isDenied ? .unauthorized : .protocolError, name,
      "answered \(response.code): \(InfluxDBAnswers.message(of: response))")
  }
}

extension LineFile: ReadableSink {
  func holds(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool? {
    let lines = StandardOutput(configuration.format).encode([canary.batch]).first?.body ?? []
    return try await Disk.run(for: name, on: reactor, by: deadline) {
      [configuration] () throws(DiskError) in
      try Disk.tail(configuration.path, count: lines.count) == lines
    }
  }
}

extension PrometheusFile: ReadableSink {
  func holds(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool? {
    let text = try await Disk.run(for: name, on: reactor, by: deadline) {
      [path] () throws(DiskError) in
      try Disk.contents(path, limit: 256 << 20) ?? []
    }
    let metric = PrometheusNames.metric(Canary.measurement, Canary.field)
    return text.split(separator: UInt8(ascii: "\n")).contains { line in
      line.starts(with: "\(metric){".utf8)
        && String(decoding: line, as: UTF8.self).hasSuffix(" \(canary.number)")
    }
  }
}
