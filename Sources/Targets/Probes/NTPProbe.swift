public import Configuration
public import Engine
public import Metrics

/// `ntp`: compares the time of a server with this machine's, as an SNTP client (RFC 5905).
///
/// Options: `offset` either way (minor 100ms, critical 1s), `delay` (no limit), `stratum` (critical
/// 16), each a number for critical or `{minor: …, major: …, critical: …}`; `tries` (3).
///
/// Writes `ntp` next to its service: offset, delay and the server's report of its own source.
public struct NTPProbe: Probe {
  public static let name = "ntp"
  public static let summary = "The server's clock is set, and agrees with this machine's."
  public static let measurements = [
    Measurement(
      "ntp", "Clock of a time server.", isOurs: true,
      tags: ["server": "the address as configured", "port": ""],
      fields: [
        .state("stratum", "leap", means: "As reported by the server; stratum 0 is a refusal"),
        .float(
          "offset_ms", unit: .milliseconds,
          means: "The server's clock minus the monitor's; absent if the server's clock is not set"),
        .float(
          "delay_ms", unit: .milliseconds,
          means: "Round trip, without the server's own time; with the way through jump hosts"),
        .float(
          "uncertainty_ms", unit: .milliseconds,
          means: "Largest error of the offset: half of `delay_ms` and of `root_delay_ms`, and "
            + "`root_dispersion_ms`"),
        .float(
          "root_delay_ms", "root_dispersion_ms", unit: .milliseconds,
          means: "Delay and error to the server's own source, as it reports them"),
      ])
  ]
  public static let canBind = true
  public static let carrier = Carrier.udp
  public static let defaultPort: UInt16? = 123

  private let offset: Limits<Duration>
  private let delay: Limits<Duration>
  private let stratum: Limits<Int>
  private let tries: Int

  public init(_ options: inout Fields) {
    offset =
      options.limits(
        "offset", .duration(), otherwise: "minor 100ms, critical 1s",
        "Limit of the offset from this machine's clock, in either direction.",
        example: "{minor: 50ms, critical: 1s}")
      ?? Limits(minor: .milliseconds(100), critical: .seconds(1))
    delay =
      options.limits("delay", .duration(), "Limit of the round trip.", example: "{minor: 200ms}")
      ?? Limits()
    stratum =
      options.limits(
        "stratum", .integer(1...16), otherwise: "critical 16", "Limit of the server's stratum.",
        example: "{minor: 5, critical: 16}") ?? Limits(critical: 16)
    tries = options.take("tries", .integer(1...10), default: 3, "Number of attempts.", example: "5")
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand("chronyd -Q -t 5 'server \(endpoint.number) port \(endpoint.port) iburst'")
    // A server repeats the transmit time of the request: a random one cannot be guessed by hosts
    // that do not see the packets, and does not reveal this machine's clock.
    let cookie = UInt64.random(in: .min ... .max)
    var request = [UInt8](repeating: 0, count: 48)
    request[0] = 4 << 3 | 3  // version 4, client
    request.put(cookie, at: 40)
    do throws(Verdict) {
      let answer: Exchange
      do throws(Verdict) {
        answer = try await exchange(
          request, with: endpoint, tries: tries, on: reactor, by: deadline
        ) { $0.count >= 48 && $0.long(at: 24) == cookie }
      } catch {
        // A time server that does not answer is down, unlike any other UDP port.
        throw error.reason == .noAnswer
          ? Verdict(.critical, .timeout, error.message) : error
      }
      guard let reply = NTPReply(answer) else {
        throw Verdict(
          .critical, .protocolError, "no answer of a time server: \(shown(answer.bytes))")
      }
      return evaluate(reply, answer.took, endpoint)
    } catch {
      return error
    }
  }

  private func evaluate(_ reply: NTPReply, _ took: Duration, _ endpoint: Endpoint) -> Verdict {
    endpoint.note("reply", "\(reply.summary), leap \(reply.leap), version \(reply.version)")
    var point = Point("ntp")
    point.tag("server", endpoint.address)
    point.tag("port", String(endpoint.port))
    point.integer("stratum", Int64(reply.stratum))
    point.integer("leap", Int64(reply.leap))
    // RATE asks for fewer requests, DENY and RSTR for none; other kisses mean that the clock is not
    // set.
    if reply.stratum == 0, ["\"RATE\"", "\"DENY\"", "\"RSTR\""].contains(reply.reference) {
      let isRate = reply.reference == "\"RATE\""
      var verdict = Verdict(
        isRate ? .minor : .major, .refusedByProtection,
        "the server refuses this machine: \(reply.reference); "
          + (isRate ? "ask it less often" : "its access list must let this machine in"),
        latency: took)
      verdict.points = [point]
      return verdict
    }
    var verdict: Verdict
    let summary = reply.summary(withUncertainty: endpoint.bridge != nil)
    // The ways there and back may differ by the whole round trip, which is long through a jump host: only
    // what is an offset in any case counts there.
    let isBehind = endpoint.bridge != nil
    let certain = max(.zero, reply.offset.magnitude - (isBehind ? reply.delay / 2 : .zero))
    let far = offset.severity(certain)
    let slow = delay.severity(reply.delay)
    let deep = stratum.severity(reply.stratum)
    let worst = max(far, slow, deep)
    if reply.leap == 3 || reply.stratum == 0 || reply.stratum >= 16 {
      verdict = Verdict(
        .critical, .notSynchronized, "its clock is not set: \(reply.summary)", latency: took)
    } else {
      point.float("offset_ms", reply.offset.milliseconds)
      point.float("delay_ms", reply.delay.milliseconds)
      point.float("uncertainty_ms", reply.uncertainty.milliseconds)
      point.float("root_delay_ms", reply.rootDelay.milliseconds)
      point.float("root_dispersion_ms", reply.rootDispersion.milliseconds)
      if worst == .ok {
        verdict = .ok(took, summary)
      } else {
        let what = far == worst ? "offset" : slow == worst ? "delay" : "stratum"
        verdict = Verdict(worst, .beyondLimit, "\(what): \(summary)", latency: took)
      }
    }
    verdict.points = [point]
    return verdict
  }
}

/// A time server's reply, evaluated against this machine's clock.
struct NTPReply {
  var leap: Int
  var version: Int
  var stratum: Int
  /// The kiss code or the source's name, if it is text; else in hexadecimal.
  var reference: String
  var offset: Duration
  var delay: Duration
  var rootDelay: Duration
  var rootDispersion: Duration

  /// Nil if it is not a server's reply: the mode is another, or its times are missing.
  init?(_ answer: Exchange) {
    let bytes = answer.bytes
    guard bytes.count >= 48, bytes[0] & 7 == 4 else { return nil }
    leap = Int(bytes[0] >> 6)
    version = Int(bytes[0] >> 3 & 7)
    guard version >= 1, version <= 4 else { return nil }
    stratum = Int(bytes[1])
    let name = bytes[12..<16].filter { $0 != 0 }
    reference = shown(Array(name))
    rootDelay = Self.short(bytes.long(at: 0) & 0xffff_ffff)
    rootDispersion = Self.short(bytes.long(at: 8) >> 32)
    (offset, delay) = (.zero, .zero)
    if stratum == 0 { return }
    let (received, sent) = (bytes.long(at: 32), bytes.long(at: 40))
    guard received != 0, sent != 0 else { return nil }
    let start = Self.since1900(answer.sent)
    // Differences of the 64-bit times wrap around as the era does, in 2036.
    let there = Self.nanoseconds(received &- start)
    let back = Self.nanoseconds(sent &- Self.since1900(answer.arrived))
    offset = .nanoseconds(there / 2 &+ back / 2)
    delay = .nanoseconds(max(0, there &- back))
  }

  /// The largest error of the offset: half of the round trip, and the distance of the server to its root
  /// (RFC 5905, 11.2).
  var uncertainty: Duration { delay / 2 + rootDelay / 2 + rootDispersion }

  /// `offset +0.3 ms, delay 0.2 ms, stratum 3`
  var summary: String { summary(withUncertainty: false) }

  /// The same, with `± 4.1 ms` after the offset.
  func summary(withUncertainty: Bool) -> String {
    let sign = offset < .zero ? "-" : "+"
    let more = withUncertainty ? " ± \(text(uncertainty))" : ""
    return "offset \(sign)\(text(offset.magnitude))\(more), delay \(text(delay)), "
      + "stratum \(stratum)"
  }

  private func text(_ duration: Duration) -> String {
    let tenths = Int64((duration.milliseconds * 10).rounded())
    if tenths < 10_000 { return "\(tenths / 10).\(tenths % 10) ms" }
    let seconds = duration.components.seconds
    return seconds < 100 ? "\(seconds).\(tenths / 1000 % 10) s" : "\(seconds) s"
  }

  /// Seconds in the upper half, parts of them in the lower; from 1900.
  private static func since1900(_ nanoseconds: Int64) -> UInt64 {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let upper = UInt64(truncatingIfNeeded: seconds &+ 2_208_988_800) & 0xffff_ffff
    return upper << 32 | (UInt64(truncatingIfNeeded: max(0, rest)) << 32) / 1_000_000_000
  }

  /// A difference of two such times; beyond 68 years the sign is reversed.
  private static func nanoseconds(_ difference: UInt64) -> Int64 {
    let signed = Int64(bitPattern: difference)
    let seconds = signed >> 32
    let part = ((signed & 0xffff_ffff) &* 1_000_000_000) >> 32
    return seconds &* 1_000_000_000 &+ part
  }

  /// 16 bits of seconds and 16 of parts.
  private static func short(_ value: UInt64) -> Duration {
    .nanoseconds(
      Int64(value >> 16) * 1_000_000_000 + Int64(((value & 0xffff) * 1_000_000_000) >> 16))
  }
}

extension Duration {
  var magnitude: Duration { self < .zero ? .zero - self : self }
}
