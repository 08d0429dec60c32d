public import Configuration
public import Engine
internal import Hosts
internal import Inventory
internal import Metrics

/// `udp`: a datagram, and the answer to it.
///
/// Options: `send` (a text with `\r`, `\n`, `\t`, `\\` and `\xNN`; else one empty line), `expect` (a
/// text that the answer holds), `tries` (2). Writes Telegraf's `net_response`.
///
/// Silence is unknown, and critical with `expect`: UDP does not show whether a process listens. The
/// host may report a closed port (ICMP port unreachable), but at most about once a second.
public struct UDPProbe: Probe {
  public static let name = "udp"
  public static let summary = "A datagram is answered; silence is unknown, not ok."
  public static let canBind = true
  public static let carrier = Carrier.udp

  private let send: [UInt8]
  private let expect: [UInt8]?
  private let tries: Int

  public init(_ options: inout Fields) {
    send = options.take("send", .escaped, otherwise: "a line break", "Text to send.") ?? [10]
    expect = options.take("expect", .escaped, "Text that the answer contains.", example: "PONG")
    tries = options.take("tries", .integer(1...10), default: 2, "Number of attempts.", example: "5")
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand("nc -u -v \(endpoint.number) \(endpoint.port)")
    var verdict: Verdict
    do throws(Verdict) {
      let answer = try await exchange(
        send, with: endpoint, tries: tries, on: reactor, by: deadline
      ) { _ in true }
      let got = answer.bytes.isEmpty ? "an empty datagram" : shown(answer.bytes)
      if let expect, answer.bytes.firstRange(of: expect) == nil {
        throw Verdict(
          .critical, .wrongAnswer, "expected \(shown(expect)), got \(got)", latency: answer.took)
      }
      verdict = .ok(answer.took, "answered \(got)")
    } catch {
      verdict = error
      // With an expected answer, there must be one.
      if let expect, error.reason == .noAnswer {
        verdict = Verdict(.critical, .timeout, "\(error.message), expected \(shown(expect))")
      }
    }
    verdict.points.append(
      netResponse(endpoint, .udp, verdict, connected: nil, expects: true))
    return verdict
  }
}

/// The answer to a datagram, and the send and receive times in nanoseconds of CLOCK_REALTIME.
struct Exchange {
  var bytes: [UInt8]
  var sent: Int64
  var arrived: Int64

  var took: Duration { .nanoseconds(max(0, arrived &- sent)) }
}

/// Sends a datagram, and repeats it without a reply, until a matching answer arrives.
///
/// Other datagrams are ignored, at most 64. The attempts share the time.
func exchange(
  _ request: [UInt8], with endpoint: Endpoint, tries: Int, on reactor: isolated Reactor,
  by deadline: Deadline, isAnswer: ([UInt8]) -> Bool
) async throws(Verdict) -> Exchange {
  if let bridge = endpoint.bridge {
    return try await exchange(
      request, through: bridge, with: endpoint, tries: tries, on: reactor, by: deadline,
      isAnswer: isAnswer)
  }
  guard let address = endpoint.addresses.first else {
    throw Verdict(.critical, .nameUnknown, "\(endpoint.address) has no address")
  }
  let socket: DatagramSocket
  do throws(SystemError) { socket = try DatagramSocket(address, from: endpoint.source) } catch {
    throw Verdict(error, endpoint)
  }
  var others = 0
  for left in stride(from: tries, to: 0, by: -1) {
    let until = min(deadline, .after(deadline.remaining / left))
    do throws(SystemError) {
      let sent = try socket.send(request)
      endpoint.note("sent", shown(request))
      while others < 64, await waits(socket, on: reactor, by: until) {
        while others < 64, let datagram = try socket.receive() {
          endpoint.note("received", shown(datagram.bytes))
          if isAnswer(datagram.bytes) {
            return Exchange(
              bytes: datagram.bytes, sent: sent, arrived: datagram.time ?? realtime())
          }
          others += 1
        }
      }
    } catch {
      endpoint.note("error", "\(error)")
      throw Verdict(error, endpoint)
    }
    if Task.isCancelled { throw Verdict(.unknown, .cancelled, "ended while waiting for an answer") }
  }
  throw unanswered(endpoint, others)
}

private func unanswered(_ endpoint: Endpoint, _ others: Int) -> Verdict {
  if others > 0 {
    return Verdict(
      .critical, .protocolError,
      "\(others) \(others == 1 ? "answer" : "answers") came, none fits the question")
  }
  return Verdict(
    .unknown, .noAnswer, "\(endpoint.number): no answer on UDP port \(endpoint.port)")
}

/// The same through a jump host; the times of an `Exchange` are those of this machine.
private func exchange(
  _ request: [UInt8], through bridge: DatagramBridge, with endpoint: Endpoint, tries: Int,
  on reactor: isolated Reactor, by deadline: Deadline, isAnswer: ([UInt8]) -> Bool
) async throws(Verdict) -> Exchange {
  var others = 0
  for left in stride(from: tries, to: 0, by: -1) {
    let until = min(deadline, .after(deadline.remaining / left))
    do throws(TargetError) {
      let sent = realtime()
      try await bridge.send(request, on: reactor, by: until)
      endpoint.note("sent", shown(request))
      while others < 64, let arrival = try await bridge.receive(on: reactor, by: until) {
        let arrived = realtime()
        guard case .datagram(let bytes) = arrival else {
          endpoint.note("refused", "ICMP port unreachable")
          throw TargetError(
            .connectionRefused, "\(endpoint.number): nothing takes datagrams on that port")
        }
        endpoint.note("received", shown(bytes))
        if isAnswer(bytes) { return Exchange(bytes: bytes, sent: sent, arrived: arrived) }
        others += 1
      }
    } catch {
      throw Verdict(error)
    }
  }
  throw unanswered(endpoint, others)
}

/// Whether a datagram arrived by the deadline.
private func waits(
  _ socket: DatagramSocket, on reactor: isolated Reactor, by deadline: Deadline
) async -> Bool {
  (try? await socket.wait(on: reactor, by: deadline)) ?? false
}
