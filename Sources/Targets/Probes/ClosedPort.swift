internal import Engine
internal import Metrics

/// Checks that nothing answers: the `closed` of any probe.
struct ClosedPort {
  func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    let start = Deadline.now
    endpoint.byHand("nc -zv \(endpoint.number) \(endpoint.port)")
    do throws(Verdict) {
      _ = try await ByteStream.open(endpoint, on: reactor, by: deadline)
    } catch {
      let took = Deadline.now.since(start)
      switch error.reason {
      case .connectionRefused:
        return Self.closed(took, "closed, as it should be")
      case .timeout, .unreachable:
        // A jump host that fails says nothing about the port.
        guard error.isUp == false else { return error }
        return Self.closed(nil, "closed, as it should be: \(error.message)")
      case .connectionLost:
        return Verdict(.critical, .open, "open, and it should be closed", latency: took)
      default: return error
      }
    }
    return Verdict(
      .critical, .open, "port \(endpoint.port) is open, and it should be closed",
      latency: Deadline.now.since(start))
  }

  /// The verdict of a probe without connections if no answer is expected.
  static func turned(_ verdict: Verdict) -> Verdict {
    switch (verdict.isUp, verdict.reason) {
    case (true, _):
      Verdict(
        .critical, .open, "it answers, and should not: \(verdict.message)",
        latency: verdict.latency)
    case (false, .nameUnknown), (nil, _): verdict
    case (false, _): closed(verdict.latency, "closed, as it should be: \(verdict.message)")
    }
  }

  /// The service does not answer, as expected; it is not up.
  private static func closed(_ latency: Duration?, _ message: String) -> Verdict {
    Verdict(.ok, nil, message, isUp: false, latency: latency)
  }
}
