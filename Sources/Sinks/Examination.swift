public import Engine
public import Metrics
internal import Transfer

/// One thing that was tried with a sink, and what came of it.
public struct SinkFinding: Sendable, Equatable {
  /// What is right or wrong.
  public enum Part: String, Sendable {
    /// Whether its name has an address.
    case name
    /// Whether something answers there.
    case route
    case tls = "TLS"
    /// User, password, token, and what they may do.
    case credential
    /// The place there: a database, bucket, index or file.
    case database
    case clock
    /// Whether it takes a point.
    case write
    /// Whether the point is there.
    case read
  }

  public var part: Part
  /// Nil where it could not be found out.
  public var isFine: Bool?
  /// What was found, and what to do where it is not fine. It may hold a server's words: make it
  /// visible before printing.
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

/// A point by which a sink is tried: measurement `scrape_doctor`, tag `host`, field `canary`.
struct Canary: Sendable {
  static let measurement = "scrape_doctor"
  static let field = "canary"

  /// The machine that asks.
  var host: String
  /// No other canary has it.
  var number: Int64
  var time: Timestamp

  init(host: String, at time: Timestamp = .now) {
    self.host = host
    // In whole milliseconds and few enough digits that every store keeps them.
    self.time = Timestamp(nanoseconds: time.nanoseconds / 1_000_000 * 1_000_000)
    number = .random(in: 1_000_000...999_999_999)
  }

  var batch: PointBatch {
    var point = Point(Self.measurement)
    point.integer(Self.field, number)
    return PointBatch(host: host, tags: [Tag("host", host)], time: time, points: [point])
  }
}

/// A sink of which can be read what was written to it.
protocol ReadableSink: Sink {
  /// Whether the canary is there; nil where it cannot be known.
  func holds(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(SinkError) -> Bool?
}

extension Sink {
  /// Writes a point to the sink and reads it back where it can, and says what is wrong.
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
    do throws(SinkError) {
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
  /// What is written may take a moment to be seen: VictoriaMetrics remembers for ten seconds that a
  /// series was not there.
  private static var patience: Duration { .seconds(12) }

  fileprivate func readBack(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> SinkFinding {
    let start = Deadline.now
    let limit = min(deadline, .after(Self.patience))
    repeat {
      do throws(SinkError) {
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
        // To be allowed to write is enough for a scraper.
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
  /// What is wrong with its name; nil where that has an address.
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
  /// How far the clocks may be apart before graphs look wrong.
  private static var tolerance: Int64 { 5 }

  /// Whether it can be reached, and what time it is there: by the answer to an empty write.
  fileprivate func examineConnection(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [SinkFinding] {
    do throws(HTTPError) {
      let response = try await client.send(
        request(writing: []), on: reactor, by: min(deadline, .after(.seconds(5))))
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
      case .unreachable, .timeout:
        return [
          SinkFinding(
            .route, false,
            "\(error); is \(Self.product) running there, does it listen on this address, and does "
              + "a firewall let us through?")
        ]
      case .untrusted:
        return [
          SinkFinding(
            .tls, false, "\(error); name the server's authority with `ca:` if it is your own")
        ]
      case .malformed:
        return [
          SinkFinding(.route, false, "\(error); is this \(Self.product)'s port, and https right?")
        ]
      case .invalid: return [SinkFinding(.name, false, "\(error); correct `url:`")]
      case .cancelled: return [SinkFinding(.route, nil, "there was no time left")]
      }
    }
  }
}

extension SinkFinding {
  /// What it means that the canary was not taken.
  init(_ error: SinkError, isServer: Bool) {
    let part: Part =
      switch error.reason {
      case _ where !isServer: .write
      case .unreachable, .timeout: .route
      case .unauthorized: .credential
      case .missing: .database
      case .unavailable, .protocolError, .closed, .cancelled: .write
      }
    self.init(part, error.reason == .cancelled ? nil : false, error.message)
  }
}
