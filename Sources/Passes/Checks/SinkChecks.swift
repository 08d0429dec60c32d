internal import Configuration
public import Engine
internal import Glibc
internal import Metrics
public import Sinks
internal import Transfer

/// The check of each sink: a point written and read back.
public struct SinkChecks: Sendable {
  public private(set) var checks: [Check] = []
  /// The comparison of our clock with those of servers.
  public private(set) var clocks: [DoctorChecks.ClockEvidence] = []

  public init(_ sinks: [any Sink], on reactor: Reactor, by deadline: Deadline) async {
    let host = Self.hostName
    var found: [Int: [SinkFinding]] = [:]
    await withTaskGroup(of: (Int, [SinkFinding]).self) { group in
      for (index, sink) in sinks.enumerated() where !(sink is StandardOutput) {
        group.addTask {
          let findings = await reactor.open { reactor in
            await sink.examine(as: host, on: reactor, by: deadline)
          }
          sink.close()
          return (index, findings)
        }
      }
      for await (index, findings) in group { found[index] = findings }
    }
    if sinks.isEmpty {
      checks.append(Check(.sink, "sinks", nil, "none in scrape.yml: points stay in the store"))
    }
    for (index, sink) in sinks.enumerated() {
      guard let findings = found[index] else { continue }
      if let clock = findings.first(where: { $0.part == .clock }), let isFine = clock.isFine {
        clocks.append(
          DoctorChecks.ClockEvidence(source: sink.name, isFine: isFine, message: clock.message))
      }
      if let wrong = findings.first(where: { $0.isFine == false }) {
        checks.append(
          Check(.sink, sink.name, false, "\(wrong.part.rawValue): \(wrong.message)"))
      } else {
        let messages = findings.filter { $0.part == .write || $0.part == .read }.map(\.message)
        checks.append(Check(.sink, sink.name, true, messages.joined(separator: ", ")))
      }
    }
  }

  /// The checks of `retention:` for sinks whose servers delete old points: fine if they keep them for `length`.
  public static func retention(
    of sinks: [any Sink], atLeast length: Duration, on reactor: Reactor, by deadline: Deadline
  ) async -> [Check] {
    var checks: [Check] = []
    for case let sink as any ExpiringSink in sinks {
      let found = await reactor.open { reactor in
        do throws(DeliveryError) {
          return Result<KeptLength, DeliveryError>.success(
            try await sink.retention(on: reactor, by: min(deadline, .after(.seconds(5)))))
        } catch { return .failure(error) }
      }
      checks.append(check(found, of: sink.name, atLeast: length))
    }
    return checks
  }

  private static func check(
    _ found: Result<KeptLength, DeliveryError>, of name: String, atLeast length: Duration
  ) -> Check {
    let subject = "\(name) retention"
    switch found {
    case .failure(let error):
      let isMissing = error.reason == .missing
      return Check(
        .sink, subject, isMissing ? false : nil, "it cannot be found out: \(error.message)")
    case .success(let kept) where kept.length == .zero:
      return Check(.sink, subject, true, "\(kept.place) keeps points for ever")
    case .success(let kept):
      let text = "\(kept.place) keeps points \(Format.age(kept.length))"
      guard kept.length < length else { return Check(.sink, subject, true, text) }
      return Check(
        .sink, subject, false,
        "\(text), and they are needed for \(Format.age(length)); write `retention: {keep: "
          + "\(length.text)}` at the sink, then scrape setup influxdb")
    }
  }

  private static var hostName: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { name in
      guard let base = name.baseAddress, gethostname(base, 255) == 0 else { return "scraper" }
      base[255] = 0
      return String(cString: base)
    }
  }
}
