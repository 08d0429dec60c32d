public import Configuration
public import Engine
internal import Metrics
internal import Hosts
internal import Inventory

/// `ssh`: checks an SSH server as far as that does not trigger its protections.
///
/// If the collectors had a session with this port in the same pass, its result is the answer, and
/// no connection is made. Otherwise the probe reads the server's banner and its list of algorithms
/// (RFC 4253), or, with login settings, exchanges keys and compares the host's key.
///
/// Options: `expect` (a text that the banner holds), `login` (yes: log in, too), `strong` (yes: the list of
/// algorithms is read in any case, and holds none that is weak).
///
/// A server counts connections without a login (OpenSSH's PerSourcePenalties: a second of penalty
/// each), so there is one per pass: later callers get the same answer. `ContactBook` limits the
/// connections across passes and commands.
public struct SSHProbe: Probe {
  public static let canBind = true
  public static let name = "ssh"
  public static let summary = "The host speaks SSH and shows the accepted key."
  public static let defaultPort: UInt16? = 22

  private let expect: String?
  private let login: Bool
  private let strong: Bool

  public init(_ options: inout Fields) {
    expect = options.take("expect", .text, "Text that the banner contains.", example: "OpenSSH")
    login = options.take(
      "login", .boolean, default: false, "Logs in as the collectors do.")
    strong = options.take(
      "strong", .boolean, default: false,
      "Refuses a server that offers algorithms which the policy `sshd` calls weak.")
  }

  public func cautions(port: UInt16) -> [Caution] { login ? [] : [.openSSH] }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    if let ssh = endpoint.ssh, ssh.port == endpoint.port, expect == nil, !strong {
      endpoint.note("session", "the collectors' own, of this pass")
      guard let failure = ssh.failure else {
        return .ok(ssh.latency, "the collectors logged in")
      }
      return Verdict(failure)
    }
    do throws(Verdict) {
      // The same address behind another jump host is another server.
      let way = endpoint.tunnel.map { " via \($0.names.joined(separator: ","))" } ?? ""
      let place = "\(endpoint.number) \(endpoint.port)\(way)"
      let greeting = try await endpoint.kit.ssh.once(
        login ? "\(place) log-in" : strong ? "\(place) algorithms" : place, on: reactor,
        by: deadline
      ) { reactor in
        do throws(Verdict) {
          try await endpoint.kit.contacts.enter(place, on: reactor, by: deadline)
        } catch { return SSHGreeting(error) }
        let greeting = await contact(endpoint, on: reactor, by: deadline)
        await endpoint.kit.contacts.leave(place, greeting.cost, on: reactor)
        return greeting
      }
      return evaluate(greeting)
    } catch { return error }
  }

  /// The answer, if the banner is the expected one.
  private func evaluate(_ greeting: SSHGreeting) -> Verdict {
    if strong, greeting.verdict.severity == .ok, let weak = greeting.offer?.weak, !weak.isEmpty {
      return Verdict(
        .minor, .wrongAnswer, "offers weak algorithms: \(weak.joined(separator: ", "))",
        latency: greeting.verdict.latency)
    }
    guard let expect, let banner = greeting.banner, greeting.verdict.severity == .ok,
      banner.utf8.firstRange(of: expect.utf8) == nil
    else { return greeting.verdict }
    return Verdict(
      .critical, .wrongAnswer, "expected \"\(expect)\", got \"\(banner)\"",
      latency: greeting.verdict.latency)
  }

  private func contact(
    _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> SSHGreeting {
    do throws(Verdict) {
      // Another port or address is another server: no accepted key is known for it.
      if !strong, let target = endpoint.target, target.port == endpoint.port,
        target.address == endpoint.address
      {
        return try await exchange(target, endpoint, on: reactor, by: deadline)
      }
      return try await greet(endpoint, on: reactor, by: deadline)
    } catch {
      return SSHGreeting(error)
    }
  }

  /// Exchanges keys as the collectors do, and logs in if requested.
  private func exchange(
    _ target: HostTarget, _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> SSHGreeting {
    let start = Deadline.now
    do throws(TargetError) {
      let (summary, banner) = try await target.greet(logIn: login, on: reactor, by: deadline)
      endpoint.note("key exchange", summary)
      var greeting = SSHGreeting(.ok(Deadline.now.since(start), summary), banner: banner)
      greeting.isLoggedIn = login
      return greeting
    } catch {
      endpoint.note("failed", error.detail)
      throw Verdict(error)
    }
  }

  /// Reads the banner and the list of algorithms.
  private func greet(
    _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> SSHGreeting {
    endpoint.byHand("ssh-keyscan -p \(endpoint.port) \(endpoint.number)")
    let start = Deadline.now
    let stream = try await ByteStream.open(
      endpoint, limit: 128 << 10, on: reactor, by: deadline)
    let greeting = try await Self.greet(stream, since: start, on: reactor, by: deadline)
    greeting.offer?.note(to: endpoint)
    return greeting
  }

  /// The same on a connection that was made before.
  static func greet(
    _ stream: ByteStream, since start: Deadline, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) -> SSHGreeting {
    stream.doing = "waiting for the banner"
    let banner = try await banner(stream, on: reactor, by: deadline)
    let latency = Deadline.now.since(start)
    try await stream.send("SSH-2.0-scrape\r\n", on: reactor, by: deadline)
    stream.doing = "waiting for the list of algorithms"
    let head = try await stream.read(exactly: 6, on: reactor, by: deadline)
    // Length, padding, then the first byte of the message: 20 is KEXINIT.
    let length = Int(head.long32(at: 0))
    guard length >= 22, length <= 64 << 10, head[5] == 20 else {
      throw Verdict(
        .critical, .protocolError, "\(banner), and then no list of algorithms: \(shown(head))")
    }
    let list = try await stream.read(exactly: length - 2, on: reactor, by: deadline)
    guard let offer = SSHOffer(list) else {
      throw Verdict(.critical, .protocolError, "\(banner), and then an empty list of algorithms")
    }
    await goodbye(stream, on: reactor, by: min(deadline, .after(.milliseconds(200))))
    var greeting = SSHGreeting(.ok(latency, "\(banner), \(offer.first)"), banner: banner)
    greeting.offer = offer
    return greeting
  }

  /// The line that begins with `SSH-`; others may stand before it (RFC 4253, section 4.2).
  private static func banner(
    _ stream: ByteStream, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> String {
    for _ in 0..<64 {
      let bytes = try await stream.line(limit: 1024, on: reactor, by: deadline)
      let line = String(decoding: bytes, as: UTF8.self)
      if line.hasPrefix("SSH-2.0-") || line.hasPrefix("SSH-1.99-") {
        return String(line.dropFirst(line.hasPrefix("SSH-2") ? 8 : 9))
      }
      if line.hasPrefix("SSH-") {
        throw Verdict(.critical, .protocolError, "it speaks an old SSH: \(line)")
      }
      let lower = line.lowercased()
      if lower.contains("not allowed at this time") || lower.contains("maxstartups") {
        throw Verdict(
          .minor, .refusedByProtection,
          "the server refuses this machine: \(line); exempt this machine (PerSourcePenaltyExemptList)"
        )
      }
    }
    throw Verdict(.critical, .protocolError, "64 lines came, and no banner of SSH")
  }

  /// Sends SSH_MSG_DISCONNECT, reason 11, by application (RFC 4253, section 11.1).
  private static func goodbye(
    _ stream: ByteStream, on reactor: isolated Reactor, by deadline: Deadline
  ) async {
    var packet: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 11, 0, 0, 0, 4]
    packet += Array("done".utf8) + [0, 0, 0, 0]
    let padding = 8 - packet.count % 8 + (8 - packet.count % 8 < 4 ? 8 : 0)
    packet += [UInt8](repeating: 0, count: padding)
    packet.put(UInt32(packet.count - 4), at: 0)
    packet[4] = UInt8(padding)
    try? await stream.send(packet, on: reactor, by: deadline)
    await stream.end(on: reactor, by: deadline)
  }
}

/// The result of one connection to an SSH server.
struct SSHGreeting: Sendable {
  var verdict: Verdict
  /// The server's version string; nil if it was not received.
  var banner: String?
  var isLoggedIn = false
  /// The algorithms of the server, where its list was read.
  var offer: SSHOffer?

  init(_ verdict: Verdict, banner: String? = nil) {
    self.verdict = verdict
    self.banner = banner
  }

  /// The result as the server counts it.
  var cost: ContactBook.Cost {
    switch verdict.reason {
    case .refusedByProtection: .refusal
    case .authFailed: .failedLogin
    case .connectionRefused, .unreachable, .nameUnknown, .localError: .nothing
    default: isLoggedIn ? .nothing : .contact
    }
  }
}

extension [UInt8] {
  /// A number of four bytes, the high one first; zero beyond the end.
  func long32(at offset: Int) -> UInt32 {
    guard offset >= 0, offset + 4 <= count else { return 0 }
    return self[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// A number of two or four bytes, the low one first; zero beyond the end.
  func little(at offset: Int, count size: Int) -> UInt32 {
    guard offset >= 0, offset + size <= count, size <= 4 else { return 0 }
    return self[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
