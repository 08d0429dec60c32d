internal import Engine
internal import Metrics

/// Sees to it that nothing answers where nothing should: the `closed` of any probe.
struct ClosedPort {
  let carrier: Carrier

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
        return closed(took, "closed, as it should be")
      case .timeout, .unreachable:
        return closed(nil, "closed, as it should be: \(error.message)")
      case .refusedByProtection:
        return Verdict(.critical, .open, "open, and it should be closed", latency: took)
      default: return error
      }
    }
    return Verdict(
      .critical, .open, "port \(endpoint.port) is open, and it should be closed",
      latency: Deadline.now.since(start))
  }

  /// What should not answer does not: it is as it should be, and not up.
  private func closed(_ latency: Duration?, _ message: String) -> Verdict {
    Verdict(.ok, nil, message, isUp: false, latency: latency)
  }
}
