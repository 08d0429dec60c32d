public import Engine
internal import Glibc
internal import Parsers
internal import Transfer
public import Inventory

/// What the scraper asks to learn whether it is itself cut off. None takes longer than two seconds.
public enum OwnQuestions {
  /// How long a question may take.
  public static let limit: Duration = .seconds(2)

  /// The address that a text stands for, without a name server; nil where it is a name.
  public static func number(_ text: String) -> Connect.Address? { Connect.number(text) }

  /// Whether an address answers an echo request, asked up to three times; nil where that could not be
  /// found out: this user may not ask, or the question was broken off.
  public static func echo(_ address: String, on reactor: isolated Reactor) async -> Bool? {
    guard let number = Connect.number(address) else { return nil }
    let end = Deadline.after(limit)
    let endpoint = Endpoint(
      host: address, address: address, addresses: [number], source: nil, port: 0,
      authorities: nil, ssh: nil, target: nil, kit: ProbeKit(reserved: []), trace: nil)
    // One after the other, so that the first reply ends it.
    for _ in 0..<3 where !end.isPast {
      let verdict = await ICMPProbe(count: 1, wait: .milliseconds(600)).run(
        against: endpoint, on: reactor, by: end)
      if Task.isCancelled { return verdict.isUp == true ? true : nil }
      switch verdict.reason {
      case .notPermitted, .localError: return nil
      // The system itself knows that there is no way.
      case .unreachable: return false
      default: if verdict.isUp == true { return true }
      }
    }
    return false
  }

  /// Whether somebody is still there: an echo request is answered, or a connection to a port of which it
  /// is known that it was just now, or refused.
  public static func isThere(
    _ address: Connect.Address, port: UInt16?, on reactor: isolated Reactor
  ) async -> Bool {
    if await echo(address.text, on: reactor) == true { return true }
    guard let port else { return false }
    do throws(TargetError) {
      _ = try await Connect.tcp(
        to: [address.with(port: port)], on: reactor, by: .after(.seconds(1)))
      return true
    } catch { return error.reason == .connectionRefused }
  }

  /// The name servers of /etc/resolv.conf, in numbers, and the domains that a bare name is sought in.
  public static func nameServers() -> (servers: [String], search: [String]) {
    let bytes = (try? SmallFile.read("/etc/resolv.conf", limit: 64 << 10)) ?? []
    let reading = try? ResolvConf.parse(bytes.span)
    return (reading?.servers ?? [], reading?.search ?? [])
  }

  /// Whether a name server answers a question for a name, whatever it says but SERVFAIL: that is what
  /// a server says that itself reaches nobody. Nil where the question was broken off.
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
