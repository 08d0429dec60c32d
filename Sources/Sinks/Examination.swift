public import Engine
public import Metrics
internal import Transfer

/// One step of a sink's check, and its result.
public struct SinkFinding: Sendable, Equatable {
  /// The subject of a step.
  public enum Part: String, Sendable {
    /// Whether the server's name has an address.
    case name
    /// Whether the server answers.
    case route
    case tls = "TLS"
    /// User, password, token and their permissions.
    case credential
    /// The destination on the server: a database, bucket, index or file.
    case database
    case clock
    /// Whether the sink accepts a point.
    case write
    /// Whether the point can be read back.
    case read
  }

  public var part: Part
  /// Nil if the step could not be completed.
  public var isFine: Bool?
  /// The result, and what to do if it is not fine. May hold a server's words: make it visible
  /// before printing.
  public var message: String

  init(_ part: Part, _ isFine: Bool?, _ message: String) {
    self.part = part
    self.isFine = isFine
    self.message = message
  }
}

extension Measurement {
  public static let canary = Measurement(
    Canary.measurement,
    """
    Test point that `scrape doctor` writes to each sink and reads back; a pass writes none. \
    The tag `host` is the machine that runs it.
    """,
    isOurs: true,
    fields: [
      .integer(Canary.field, means: "A random number that identifies the point")
    ])
}

/// The test point of a sink's check: measurement `scrape_doctor`, tag `host`, field `canary`.
struct Canary: Sendable {
  static let measurement = "scrape_doctor"
  static let field = "canary"

  /// The machine that runs the check.
  var host: String
  /// A value that no other canary has.
  var number: Int64
  var time: Timestamp

  init(host: String, at time: Timestamp = .now) {
    self.host = host
    // Whole milliseconds, with few enough digits for every database.
    self.time = Timestamp(nanoseconds: time.nanoseconds / 1_000_000 * 1_000_000)
    number = .random(in: 1_000_000...999_999_999)
  }

  var batch: PointBatch {
    var point = Point(Self.measurement)
    point.integer(Self.field, number)
    return PointBatch(host: host, tags: [Tag("host", host)], time: time, points: [point])
  }
}

/// A sink whose points can be read back.
protocol ReadableSink: Sink {
  /// Whether the canary is there; nil if that cannot be determined.
  func holds(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool?
}

extension Sink {
  /// Writes a point to the sink, reads it back if possible, and reports faults.
  public func examine(
    as host: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [SinkFinding] {
    var findings: [SinkFinding] = []
    if let receiver = self as? any HTTPReceiver {
      findings += await receiver.examineConnection(on: reactor, by: deadline)
      if findings.contains(where: { $0.part != .clock && $0.isFine == false }) { return findings }
    }
    if let carbon = self as? Graphite,
      let finding = await carbon.examineName(on: reactor, by: deadline)
    {
      return [finding]
    }
    let canary = Canary(host: host)
    do throws(DeliveryError) {
      for payload in encode([canary.batch]) {
        let receipt = try await deliver(payload, on: reactor, by: deadline)
        guard receipt.refused == 0 else {
          findings.append(
            SinkFinding(.write, false, receipt.messages.first ?? "the point was refused"))
          return findings
        }
      }
    } catch {
      return findings + [
        SinkFinding(error, isServer: !(self is LineFile || self is PrometheusFile))
      ]
    }
    findings.append(SinkFinding(.write, true, "a point was taken"))
    guard let readable = self as? any ReadableSink else {
      return findings + [SinkFinding(.read, nil, "nothing can be read back from it")]
    }
    return findings + [await readable.readBack(canary, on: reactor, by: deadline)]
  }
}

extension ReadableSink {
  /// A written point may take a moment to appear: VictoriaMetrics caches a missing series for ten
  /// seconds.
  private static var patience: Duration { .seconds(12) }

  fileprivate func readBack(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> SinkFinding {
    let start = Deadline.now
    let limit = min(deadline, .after(Self.patience))
    repeat {
      do throws(DeliveryError) {
        switch try await holds(canary, on: reactor, by: min(deadline, .after(Self.patience))) {
        case true?:
          let took = Deadline.now.since(start)
          let milliseconds =
            took.components.seconds * 1000 + took.components.attoseconds / 1_000_000_000_000_000
          return SinkFinding(.read, true, "it was there after \(milliseconds) ms")
        case nil: return SinkFinding(.read, nil, "nothing can be read back from it here")
        case false?: break
        }
      } catch {
        // A scraper needs only the permission to write.
        let mayNot = error.reason == .unauthorized || error.reason == .missing
        return SinkFinding(
          .read, mayNot ? nil : false, "it cannot be read back: \(error.message)")
      }
      if (try? await reactor.sleep(until: .after(.milliseconds(100)))) == nil { break }
    } while !limit.isPast
    return SinkFinding(
      .read, false,
      "the point was taken and is not there; does it drop or rename what is written to it?")
  }
}

extension Graphite {
  /// The fault of the server's name; nil if it has an address.
  fileprivate func examineName(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> SinkFinding? {
    do throws(DialError) {
      _ = try await Dial.resolve(
        configuration.host, port: configuration.port, on: reactor,
        by: min(deadline, .after(.seconds(5))))
      return nil
    } catch {
      return SinkFinding(.name, false, "\(error); correct `host:`, or ask the name server")
    }
  }
}

extension HTTPReceiver {
  /// The limit of clock skew before graphs look wrong.
  private static var tolerance: Int64 { 5 }

  /// Whether the server can be reached, and its time, both from the answer to an empty write.
  fileprivate func examineConnection(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [SinkFinding] {
    do throws(TransferError) {
      let response = try await client.answer(
        to: request(writing: []), on: reactor, by: min(deadline, .after(.seconds(5))))
      var findings = [SinkFinding(.route, true, "it answers")]
      if let date = response[header: "date"], let there = httpDate(date) {
        let ahead = there - Timestamp.now.seconds
        let isFine = ahead.magnitude <= UInt64(Self.tolerance)
        let apart = "its clock is \(ahead.magnitude) s \(ahead < 0 ? "behind" : "ahead of") ours"
        findings.append(
          SinkFinding(
            .clock, isFine,
            isFine
              ? "the same as ours" : apart + "; let both follow an NTP server (chronyc tracking)"))
      }
      return findings
    } catch {
      switch error.reason {
      case .unresolved:
        return [SinkFinding(.name, false, "\(error); correct `url:`, or ask the name server")]
      case .refused, .unreachable, .forbidden, .cutOff, .lost, .timeout:
        return [
          SinkFinding(
            .route, false,
            "\(error); is \(Self.product) running there, does it listen on this address, and does "
              + "a firewall let us through?")
        ]
      case .untrusted, .insecure:
        return [
          SinkFinding(
            .tls, false, "\(error); name the server's authority with `ca:` if it is your own")
        ]
      case .malformed, .failed, .denied, .blocked:
        return [
          SinkFinding(.route, false, "\(error); is this \(Self.product)'s port, and https right?")
        ]
      case .invalid, .local: return [SinkFinding(.name, false, "\(error); correct `url:`")]
      case .cancelled: return [SinkFinding(.route, nil, "there was no time left")]
      }
    }
  }
}

extension SinkFinding {
  /// The fault that a refused canary shows.
  init(_ error: DeliveryError, isServer: Bool) {
    let part: Part =
      switch error.reason {
      case _ where !isServer: .write
      case .unreachable, .timeout: .route
      case .unauthorized: .credential
      case .missing: .database
      case .forbidden, .busy, .unavailable, .refused, .protocolError, .closed, .failed, .cancelled:
        .write
      }
    self.init(part, error.reason == .cancelled ? nil : false, error.message)
  }
}
