internal import Metrics
public import Engine
internal import Glibc
internal import Parsers
internal import Transfer
internal import Inventory

/// The self-checks that show whether the scraper itself is cut off. None takes longer than two
/// seconds.
public enum OwnQuestions {
  /// The limit of a self-check in time.
  public static let limit: Duration = .seconds(2)

  /// Whether an address answers an echo request, tried up to three times; nil if that cannot be
  /// determined: this user may not send it, or it was cancelled.
  public static func echo(_ address: String, on reactor: isolated Reactor) async -> Bool? {
    guard let number = Dial.number(address) else { return nil }
    let end = Deadline.after(limit)
    let endpoint = Endpoint(
      host: address, address: address, addresses: [number], source: nil, port: 0,
      authorities: nil, ssh: nil, kit: ProbeKit(reserved: []), trace: nil)
    // One after the other, so that the first reply ends it.
    for _ in 0..<3 where !end.isPast {
      let verdict = await ICMPProbe(count: 1, wait: .milliseconds(600)).run(
        against: endpoint, on: reactor, by: end)
      if Task.isCancelled { return verdict.isUp == true ? true : nil }
      switch verdict.reason {
      case .notPermitted, .localError: return nil
      // The system has no route.
      case .unreachable: return false
      default: if verdict.isUp == true { return true }
      }
    }
    return false
  }

  /// Whether a peer still answers: an echo reply, or an accepted or refused connection to a port
  /// that answered recently.
  public static func isThere(
    _ address: Dial.Address, port: UInt16?, on reactor: isolated Reactor
  ) async -> Bool {
    if await echo(address.text, on: reactor) == true { return true }
    guard let port else { return false }
    do throws(TargetError) {
      _ = try await Connect.tcp(
        to: [address.with(port: port)], on: reactor, by: .after(.seconds(1)))
      return true
    } catch { return error.reason == .connectionRefused }
  }

  /// The numeric name servers of /etc/resolv.conf, and the search domains of bare names.
  public static func nameServers() -> (servers: [String], search: [String]) {
    let bytes = (try? SmallFile.read("/etc/resolv.conf", limit: 64 << 10)) ?? []
    let reading = try? ResolvConf.parse(bytes.span)
    return (reading?.servers ?? [], reading?.search ?? [])
  }

  /// Whether a name server answers a query with anything but SERVFAIL, which a server sends if it
  /// is itself cut off. Nil if the query was cancelled.
  public static func answers(
    _ server: String, name: String, on reactor: isolated Reactor
  ) async -> Bool? {
    do throws(TransferError) {
      let query = try DNSQuery(server: server, port: 53, overTCP: false)
      let message = try await query.ask(
        name, type: 1, recursive: true, on: reactor, by: .after(limit))
      // RFC 1035, 4.1.1: the code is in the lower half of the fourth byte.
      return message.count >= 12 && message[3] & 15 != 2
    } catch {
      return Task.isCancelled || error.reason == .cancelled || error.reason == .local ? nil : false
    }
  }
}
