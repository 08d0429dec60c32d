public import Configuration
public import Engine
internal import Glibc
public import Metrics
internal import Inventory

/// `icmp`: echo requests (RFC 792, RFC 4443), the number of replies, and their round trip.
///
/// Options: `count` (3), `interval` (100ms), `wait` for the last reply (1s), `size` of the payload in
/// bytes (56), `loss` in percent (minor 1, major 50, critical 100), `rtt` on average (no limit).
/// Writes Telegraf's `ping`, with `jitter_ms`.
///
/// First tries an unprivileged ping socket (icmp(7), `net.ipv4.ping_group_range`), then a raw one.
/// Behind a jump host, its ping(8) sends them.
public struct ICMPProbe: Probe {
  public static let name = "icmp"
  public static let summary = "Answers to echo requests: loss, round trip, jitter."
  public static let measurements = [
    Measurement(
      "ping", "Echo requests and their replies.",
      tags: ["url": "the address as configured"],
      fields: [
        .sum(
          "packets_transmitted", "packets_received", means: "Requests sent, replies received"),
        .float("percent_packet_loss", unit: .percent, means: "Requests without a reply"),
        .integer("ttl", means: "Time to live of the last reply"),
        .float(
          "minimum_response_ms", "average_response_ms", "maximum_response_ms",
          "standard_deviation_ms", unit: .milliseconds,
          means: "Round trip; absent without a reply"),
        .float(
          "jitter_ms", unit: .milliseconds,
          means: """
            Mean difference between consecutive replies; absent with fewer than two; not in \
            Telegraf
            """),
        .state("result_code", means: "0 success, 1 no reply, 2 not sent"),
      ])
  ]
  public static let canBind = true
  public static let carrier = Carrier.icmp

  /// The jump host has a ping of its own.
  public var obstacle: String? { nil }

  private let count: Int
  private let interval: Duration
  private let wait: Duration
  private let size: Int
  private let loss: Limits<Int>
  private let rtt: Limits<Duration>

  /// Sends that many requests, and waits at most that long for the last reply.
  init(count: Int, wait: Duration) {
    self.count = count
    self.wait = wait
    interval = .milliseconds(100)
    size = 56
    loss = Limits(minor: 1, major: 50, critical: 100)
    rtt = Limits()
  }

  public init(_ options: inout Fields) {
    count = options.take("count", .integer(1...100), default: 3, "Number of requests.")
    interval = options.take(
      "interval", .duration(.milliseconds(1) ... .seconds(10)), default: .milliseconds(100),
      "Time between two requests.", example: "200ms")
    wait = options.take(
      "wait", .duration(.milliseconds(1) ... .seconds(60)), default: .seconds(1),
      "Time to wait for the last reply.", example: "2s")
    size = options.take(
      "size", .integer(16...1400, unit: "bytes"), default: 56, "Size of the payload.",
      example: "56")
    loss =
      options.limits(
        "loss", .integer(1...100, unit: "%"), otherwise: "minor 1, major 50, critical 100",
        "Limit of lost requests.", example: "{minor: 10, critical: 50}")
      ?? Limits(minor: 1, major: 50, critical: 100)
    rtt =
      options.limits(
        "rtt", .duration(), "Limit of the mean round trip.",
        example: "{minor: 50ms, critical: 500ms}") ?? Limits()
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    var echoes = Echoes()
    var verdict: Verdict
    do throws(Verdict) {
      if let tunnel = endpoint.tunnel {
        echoes = try await RemotePing(count: count, interval: interval, wait: wait, size: size)
          .run(endpoint, through: tunnel, on: reactor, by: deadline)
      } else {
        endpoint.byHand("ping -n -c \(count) -s \(size) \(endpoint.number)")
        try await ask(&echoes, endpoint, on: reactor, by: deadline)
      }
      verdict = evaluate(echoes, endpoint)
    } catch {
      verdict = error
    }
    verdict.latency = verdict.latency ?? echoes.average
    verdict.points.append(point(echoes, verdict, endpoint))
    return verdict
  }

  /// The requests and the replies.
  struct Echoes {
    var sent = 0
    /// Round trips by number; nil without a reply.
    var times: [Int64?] = []
    var hops: Int?

    var received: [Double] { times.compactMap { $0.map(Double.init) } }
    var average: Duration? {
      let all = received
      return all.isEmpty ? nil : .nanoseconds(Int64(all.reduce(0, +) / Double(all.count)))
    }
    var lossPercent: Double {
      sent == 0 ? 100 : 100 * Double(sent - received.count) / Double(sent)
    }
  }

  // MARK: Requests

  private func ask(
    _ echoes: inout Echoes, _ endpoint: Endpoint, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) {
    guard let address = endpoint.addresses.first else {
      throw Verdict(.critical, .nameUnknown, "\(endpoint.address) has no address")
    }
    let (socket, isRaw) = try open(address, endpoint)
    let identifier = UInt16.random(in: .min ... .max)
    // A secret in the payload: a host that cannot read the packets cannot answer for this one.
    let secret = UInt64.random(in: .min ... .max)
    var sentAt: [Int64] = []
    var next = Deadline.now
    var end = Deadline.never
    while true {
      if echoes.sent < count, next.isPast {
        let packet = request(
          address.version, identifier: identifier, number: echoes.sent, secret: secret)
        do throws(SystemError) {
          sentAt.append(try socket.send(packet))
        } catch {
          throw Verdict(error, endpoint)
        }
        echoes.sent += 1
        echoes.times.append(nil)
        next = next.advanced(by: interval)
        if echoes.sent == count { end = .after(wait) }
      }
      // A peer that floods the socket keeps it ready: the deadline must not depend on it.
      if deadline.isPast || echoes.sent == count && end.isPast { return }
      let until = min(deadline, echoes.sent < count ? next : end)
      guard try await socket.wait(on: reactor, by: until) else {
        if echoes.sent == count || deadline.isPast { return }
        continue
      }
      // A flood of packets must not hold the reactor: other tasks run after 64.
      for _ in 0..<64 {
        let datagram: DatagramSocket.Datagram?
        do throws(SystemError) { datagram = try socket.receive() } catch {
          endpoint.note("error", "\(error)")
          // A lost packet among replies is loss; a router's error before any reply is an answer.
          if echoes.received.isEmpty { throw Verdict(error, endpoint) }
          continue
        }
        guard let datagram else { break }
        let arrived = datagram.time ?? realtime()
        guard
          let number = reply(
            datagram.bytes, isRaw && address.version == 4,
            address.version, isRaw ? identifier : nil, secret),
          number < sentAt.count, echoes.times[number] == nil
        else { continue }
        let time = max(0, arrived &- sentAt[number])
        echoes.times[number] = time
        echoes.hops = datagram.hops ?? echoes.hops
        endpoint.note(
          "reply",
          "\(number + 1) of \(count) after \(milliseconds(Double(time))) ms"
            + (datagram.hops.map { ", ttl \($0)" } ?? ""))
      }
      if echoes.sent == count, !echoes.times.contains(nil) { return }
    }
  }

  private func open(
    _ address: Dial.Address, _ endpoint: Endpoint
  ) throws(Verdict) -> (DatagramSocket, isRaw: Bool) {
    let number = Int32(address.version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)
    do throws(SystemError) {
      return (
        try DatagramSocket(address, from: endpoint.source, kind: SOCK_DGRAM, number: number), false
      )
    } catch {
      guard error.call == "socket" else { throw Verdict(error, endpoint) }
    }
    do throws(SystemError) {
      let socket = try DatagramSocket(
        address, from: endpoint.source, kind: SOCK_RAW, number: number)
      // A raw socket receives all ICMP of this peer: only echo replies are let through.
      if address.version == 4 {
        socket.set(255, 1, [0xfe, 0xff, 0xff, 0xff])  // ICMP_FILTER: bits of types kept out
      } else {
        var blocked = [UInt8](repeating: 0xff, count: 32)  // ICMP6_FILTER, RFC 3542
        blocked[16] = 0xfd  // 129 is bit 1 of the fifth word
        socket.set(58, 1, blocked)
      }
      return (socket, true)
    } catch {
      guard error.call == "socket", error.code == EPERM || error.code == EACCES else {
        throw Verdict(error, endpoint)
      }
      throw Verdict(
        .unknown, .notPermitted,
        "this user may not send ICMP: sysctl net.ipv4.ping_group_range=\"0 2147483647\", "
          + "or give scrape the capability cap_net_raw")
    }
  }

  /// Type, code, checksum, identifier, number; then the secret, the number again, and padding.
  private func request(
    _ version: Int, identifier: UInt16, number: Int, secret: UInt64
  ) -> [UInt8] {
    var packet = [UInt8](repeating: 0, count: 8 + size)
    packet[0] = version == 4 ? 8 : 128
    packet.put(identifier, at: 4)
    packet.put(UInt16(truncatingIfNeeded: number), at: 6)
    packet.put(secret, at: 8)
    for index in 16..<packet.count { packet[index] = UInt8(truncatingIfNeeded: index) }
    // The ICMPv6 checksum includes addresses, and the kernel computes it.
    if version == 4 { packet.put(checksum(packet), at: 2) }
    return packet
  }

  /// The number of the request to which this replies; nil if it is not a reply to this probe.
  private func reply(
    _ bytes: [UInt8], _ hasHeader: Bool, _ version: Int, _ identifier: UInt16?, _ secret: UInt64
  ) -> Int? {
    var packet = bytes[...]
    if hasHeader {
      guard let first = packet.first, first >> 4 == 4 else { return nil }
      packet = packet.dropFirst(Int(first & 15) * 4)
    }
    let message = Array(packet)
    guard message.count >= 16, message[0] == (version == 4 ? 0 : 129), message[1] == 0,
      identifier == nil || message.word(at: 4) == identifier,
      message.long(at: 8) == secret
    else { return nil }
    return Int(message.word(at: 6))
  }

  /// RFC 1071.
  private func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
      let low = index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0
      sum &+= UInt32(bytes[index]) << 8 | low
    }
    while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
    return ~UInt16(truncatingIfNeeded: sum)
  }

  // MARK: Evaluation

  func evaluate(_ echoes: Echoes, _ endpoint: Endpoint) -> Verdict {
    let replies = echoes.received
    guard let average = echoes.average else {
      return Verdict(
        .critical, .timeout, "\(endpoint.number): no reply to \(echoes.sent) echo requests")
    }
    let percent = Int(echoes.lossPercent.rounded(.up))
    var summary = "\(replies.count) of \(echoes.sent) replies"
    if let least = replies.min(), let most = replies.max() {
      summary +=
        ", \(milliseconds(least))/\(milliseconds(average.inSeconds * 1e9))/"
        + "\(milliseconds(most)) ms"
    }
    let lossy = loss.severity(percent)
    let slow = rtt.severity(average)
    if max(lossy, slow) == .ok { return .ok(average, summary) }
    return lossy >= slow
      ? Verdict(lossy, .packetLoss, summary, isUp: true, latency: average)
      : Verdict(slow, .beyondLimit, summary, isUp: true, latency: average)
  }

  private func point(_ echoes: Echoes, _ verdict: Verdict, _ endpoint: Endpoint) -> Point {
    var point = Point("ping")
    point.tag("url", endpoint.address)
    let replies = echoes.received.map { $0 / 1e6 }
    guard echoes.sent > 0, verdict.isUp != nil else {
      point.integer("result_code", Int64(2))
      return point
    }
    point.integer("packets_transmitted", Int64(echoes.sent))
    point.integer("packets_received", Int64(replies.count))
    point.percent("percent_packet_loss", echoes.lossPercent)
    point.integer("result_code", replies.isEmpty ? Int64(1) : 0)
    guard !replies.isEmpty else { return point }
    let mean = replies.reduce(0, +) / Double(replies.count)
    let variance = replies.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(replies.count)
    point.integer("ttl", echoes.hops.map(Int64.init))
    point.float("minimum_response_ms", replies.min())
    point.float("average_response_ms", mean)
    point.float("maximum_response_ms", replies.max())
    point.float("standard_deviation_ms", variance.squareRoot())
    if replies.count > 1 {
      let steps = zip(replies, replies.dropFirst()).map { abs($0 - $1) }
      point.float("jitter_ms", steps.reduce(0, +) / Double(steps.count))
    }
    return point
  }

  private func milliseconds(_ nanoseconds: Double) -> String {
    let hundredths = Int64((nanoseconds / 10_000).rounded())
    let part = hundredths % 100
    return "\(hundredths / 100).\(part < 10 ? "0" : "")\(part)"
  }
}

extension [UInt8] {
  /// Writes a number, its high byte first.
  mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
    let size = value.bitWidth / 8
    for index in 0..<size where offset + index < count {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> ((size - 1 - index) * 8))
    }
  }

  /// A number of two bytes, the high one first; zero beyond the end.
  func word(at offset: Int) -> UInt16 {
    offset >= 0 && offset + 2 <= count ? UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) : 0
  }

  /// A number of eight bytes, the high one first; zero beyond the end.
  func long(at offset: Int) -> UInt64 {
    guard offset >= 0, offset + 8 <= count else { return 0 }
    return self[offset..<offset + 8].reduce(0) { $0 << 8 | UInt64($1) }
  }
}
