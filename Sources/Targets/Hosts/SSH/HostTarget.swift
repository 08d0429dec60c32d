internal import Collectors
public import Engine
internal import Glibc
public import Metrics
public import Inventory

/// A host that is scraped over SSH: its address, the user, and the accepted host keys.
public struct HostTarget: Sendable {
  /// The inventory's name.
  public var name: String
  /// A name or number to connect to.
  public var address: String
  public var port: UInt16
  /// The local addresses to connect from, one of each version of IP; none for the system's choice.
  public var sources: [Dial.Address] = []
  public var user: String
  public var credentials: Credentials
  public var accepted: AcceptedKeys
  /// The limit of each stage; the host's own deadline bounds them all.
  public var timeouts: Timeouts
  /// The way through jump hosts; nil where the host is reached directly.
  public var tunnel: Tunnel?
  /// Keeps the session between scrapes; nil closes it after each.
  public var keeper: KeptSessions?
  /// Whose log-ins were refused; nil counts none.
  public var logins: LoginBook?
  /// What the log-in is made with: see `Rest`.
  public var loginMark: UInt64 = 0
  /// Who learns of refusals; nil is nobody.
  public var limits: SharedLimits?
  /// What it shares with other hosts: its jump hosts and its hypervisor.
  public var shares: [Governor.Key] = []
  /// Whether the account runs signed batches only.
  public var isSigned = false
  /// Whether it is a jump host of others, whose refusals limit the sessions with it.
  public var isJumpHost = false
  /// Whether this is the log-in that carries others: it stays for the pass, and its channel counts for
  /// no limit.
  public var isOnTheWay = false

  public struct Timeouts: Sendable {
    public var connect: Duration = .seconds(5) {
      didSet { exchange = connect + .seconds(1) }
    }
    /// From the first packet to the end of the key exchange, with all tries and pauses: a server that
    /// closes, resets, freezes or drips costs no more.
    public var exchange: Duration = .seconds(6)
    /// The log-in, once the host's key is known.
    public var login: Duration = .seconds(15)
    public var batch: Duration = .seconds(45)

    public init() {}
  }

  public init(
    name: String, address: String, port: UInt16 = 22, user: String, credentials: Credentials,
    knownHosts: KnownHosts, keyAlias: String? = nil, isBehindJumpHost: Bool = false,
    timeouts: Timeouts = .init()
  ) {
    self.name = name
    self.address = address
    self.port = port
    self.user = user
    self.credentials = credentials
    self.timeouts = timeouts
    let names =
      keyAlias.map { [$0.lowercased()] } ?? HostTarget.keyNames(name, address, port)
    // Segments may have the same addresses: behind a jump host the name counts first.
    keyNames = isBehindJumpHost ? names.reversed() : names
    trustNames = isBehindJumpHost ? Array(names.suffix(1)) : names
    accepted = knownHosts.lines(for: keyNames)
  }

  /// The possible names of the host in `known_hosts`.
  public let keyNames: [String]
  /// The names under which a newly accepted key is stored.
  public let trustNames: [String]

  private static func keyNames(_ name: String, _ address: String, _ port: UInt16) -> [String] {
    let names = [address, name].map { KnownHosts.name($0, port: port) }
    return names[0] == names[1] ? [names[0]] : names
  }

  /// What makes a jump host the same one: the account, the address, and the way to it with its begin.
  var pathKey: String {
    "\(tunnel?.hop.pathKey ?? "") \(user)@[\(address)]:\(port) \(name) "
      + sources.map(\.text).joined(separator: ",")
  }

  /// The reactor on which the host must be asked: that of its jump hosts or of its kept session; nil
  /// leaves the choice.
  public var reactor: Reactor? { tunnel?.reactor ?? keeper?.reactor }

  /// Whether a session with the other one is one with this one: the same server, account and accepted keys.
  func isSame(as other: HostTarget) -> Bool {
    guard name == other.name, address == other.address, port == other.port, user == other.user,
      sources == other.sources, loginMark == other.loginMark, accepted == other.accepted,
      isSigned == other.isSigned,
      !isSigned || credentials.signingKeys == other.credentials.signingKeys
    else { return false }
    return tunnel === other.tunnel
      || tunnel?.pool === other.tunnel?.pool
        && tunnel?.hop.pathKey == other.tunnel?.hop.pathKey
  }

  /// Runs one or more batches over one connection, with `pause` between them: over a kept one where
  /// there is a keeper.
  ///
  /// Never throws: an error is the answers' `failure`, and the output until then is kept. There is one
  /// answer per batch; after a failure the later ones are empty.
  public func ask(
    _ batches: [Batch], pause: Duration = .zero, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> [HostAnswer] {
    guard let keeper else {
      return await askOnce(batches, pause: pause, on: reactor, by: deadline)
    }
    return await keeper.ask(batches, pause: pause, of: .ssh(self), on: reactor, by: deadline)
  }

  /// Runs the batches over a connection of their own.
  func askOnce(
    _ batches: [Batch], pause: Duration, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [HostAnswer] {
    var answers: [HostAnswer] = []
    var opening = HostAnswer(time: .now)
    let session: Session
    do {
      session = try await open(on: reactor, by: deadline, steps: &opening)
    } catch {
      opening.failure = error
      return batches.map { _ in opening }
    }
    for (index, batch) in batches.enumerated() {
      var answer = opening
      if index > 0 {
        try? await reactor.sleep(until: min(deadline, .after(pause)))
        answer = HostAnswer(time: .now)
        answer.hostKey = opening.hostKey
      }
      answer.time = .now
      let received = session.transport.received
      let sent = session.transport.sent
      let start = Deadline.now
      let nonce = Batch.nonce()
      let script = batch.script(nonce: nonce, last: index == batches.count - 1)
      answer.script = script
      var frames = Frames(nonce: nonce, limits: batch.limits)
      Activity.step("batch")
      let limit = min(deadline, .after(timeouts.batch))
      do {
        try await session.run(
          script, into: &frames, byteLimit: Batch.byteLimit, on: reactor, hello: limit, by: limit)
      } catch {
        answer.failure = session.transport.carrier.failure ?? error
      }
      answer.session.user = user
      answer.take(frames, of: batch)
      answer.received += session.transport.received - (index == 0 ? 0 : received)
      answer.sent += session.transport.sent - (index == 0 ? 0 : sent)
      answer.steps.append(
        .init(
          name: "batch", took: Deadline.now.since(start),
          detail: "\(frames.sections.count) sections"))
      answers.append(answer)
      if let failure = answer.failure {
        answers += batches.dropFirst(index + 1).map { _ in
          var missed = HostAnswer(time: .now)
          missed.failure = failure
          return missed
        }
        break
      }
    }
    session.close()
    return answers
  }

  /// Reads the host's key without logging in.
  public func hostKey(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> HostKey {
    var steps = HostAnswer(time: .now)
    try await passJumpHosts(on: reactor, by: deadline, steps: &steps)
    let known = accepted.keys
    let (session, key) = try await handshake(
      hostKeys: Algorithms.preference(for: []), on: reactor, by: deadline, steps: &steps)
    session.close()
    // A host may have several keys; request the kind that is accepted already.
    if known.contains(key) || known.isEmpty { return key }
    do {
      let (again, same) = try await handshake(
        hostKeys: Algorithms.preference(for: known), on: reactor, by: deadline, steps: &steps)
      again.close()
      return same
    } catch  where error.reason == .noCommonAlgorithm {
      return key  // it has no key of the known kind any more
    }
  }

  /// Exchanges keys in one connection, compares the host's key, and logs in if requested.
  ///
  /// Returns a summary for people, and the server's version string.
  public func greet(
    logIn: Bool, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> (summary: String, banner: String?) {
    if logIn { try logins?.enter(account, mark: loginMark) }
    var steps = HostAnswer(time: .now)
    try await passJumpHosts(on: reactor, by: deadline, steps: &steps)
    var end = deadline
    let (session, key) = try await handshakeOnce(
      hostKeys: Algorithms.preference(for: accepted.keys), on: reactor, by: &end,
      atMost: deadline, steps: &steps)
    defer { session.close() }
    guard try await acceptable(key, on: reactor, by: deadline, steps: &steps) == key else {
      throw uncertified(key)
    }
    let banner = session.banner
    guard logIn else { return ("host key \(key.type) \(key.fingerprint) as accepted", banner) }
    let method = try await authenticate(session, on: reactor, by: deadline)
    return ("\(user) logs in by \(method)", banner)
  }

  /// Logs in and starts a shell.
  func open(
    on reactor: isolated Reactor, by deadline: Deadline, steps: inout HostAnswer
  ) async throws(TargetError) -> Session {
    let session = try await logIn(on: reactor, by: deadline, steps: &steps)
    do {
      let limit = min(deadline, .after(timeouts.login))
      if isSigned {
        try await session.startGate(of: self, on: reactor, by: limit)
      } else {
        try await session.startShell(on: reactor, by: limit)
      }
      return session
    } catch {
      steps.count(session)
      throw session.transport.carrier.failure ?? error
    }
  }

  /// Connects, verifies the host's key and proves the user's identity.
  func logIn(
    on reactor: isolated Reactor, by deadline: Deadline, steps: inout HostAnswer
  ) async throws(TargetError) -> Session {
    try logins?.enter(account, mark: loginMark)
    try await passJumpHosts(on: reactor, by: deadline, steps: &steps)
    let known = accepted.keys
    var (session, key): (Session, HostKey)
    do {
      (session, key) = try await handshake(
        hostKeys: Algorithms.preference(for: known), on: reactor, by: deadline, steps: &steps)
    } catch  where error.reason == .noCommonAlgorithm && !known.isEmpty {
      // A host without a key of the accepted kind has changed its key: request any other.
      (session, key) = try await handshake(
        hostKeys: Algorithms.preference(for: []), on: reactor, by: deadline, steps: &steps)
    }
    do throws(TargetError) {
      // No credential is shown before the host's key has been accepted.
      let right = try await acceptable(key, on: reactor, by: deadline, steps: &steps)
      if right != key {
        // The certificate is for a key of another kind.
        steps.count(session)
        session.close()
        (session, key) = try await handshake(
          hostKeys: Algorithms.preference(for: [right]), on: reactor, by: deadline, steps: &steps)
        guard key == right else { throw uncertified(key) }
      }
      Activity.step("log-in")
      let login = min(deadline, .after(timeouts.login))
      let start = Deadline.now
      let method = try await authenticate(session, on: reactor, by: login)
      steps.steps.append(
        .init(name: "log-in", took: Deadline.now.since(start), detail: "\(user) by \(method)"))
      return session
    } catch {
      steps.count(session)
      throw session.transport.carrier.failure ?? error
    }
  }

  private var account: Rest.Account { Rest.Account(host: name, user: user) }

  /// Proves the user's identity, and records whether it was accepted.
  private func authenticate(
    _ session: Session, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> String {
    do {
      let method = try await session.authenticate(
        user, with: credentials, at: self, on: reactor, by: deadline)
      logins?.accepted(account)
      return method
    } catch {
      throw logins?.refused(error, account, mark: loginMark) ?? error
    }
  }

  /// Logs in to the jump hosts on the way, one step for each.
  private func passJumpHosts(
    on reactor: isolated Reactor, by deadline: Deadline, steps: inout HostAnswer
  ) async throws(TargetError) {
    guard let tunnel else { return }
    Activity.step("jump hosts")
    let start = Deadline.now
    let (hops, isNew) = try await tunnel.ready(on: reactor, by: deadline)
    let names = hops.filter { $0.name.hasPrefix("via ") }
    steps.steps += names
    let own = hops.filter { !$0.name.hasPrefix("via ") }
    steps.steps.append(
      .init(
        name: "via \(tunnel.hop.name)",
        took: isNew ? own.reduce(.zero) { $0 + $1.took } : Deadline.now.since(start),
        detail: own.map(\.detail).joined(separator: ", ")
          + (isNew ? "" : ", a session that others opened")))
  }

  /// Connects and exchanges keys; tries again, after a pause, where the server sheds load.
  private func handshake(
    hostKeys: String, on reactor: isolated Reactor, by deadline: Deadline,
    steps: inout HostAnswer
  ) async throws(TargetError) -> (Session, HostKey) {
    var pause = Duration.milliseconds(200)
    var end = min(deadline, .after(timeouts.exchange))
    while true {
      let begun = Deadline.now
      do {
        return try await handshakeOnce(
          hostKeys: hostKeys, on: reactor, by: &end, atMost: deadline, steps: &steps)
      } catch {
        report(error, begun: begun)
        guard (error.reason == .refusedByProtection && !error.isPenalty) || error.isWordless else {
          throw error
        }
        // MaxStartups drops connections at random while others log in: after a random pause of a
        // second or two there is room.
        let wait = pause * Double.random(in: 0.5...1.5)
        guard Deadline.after(wait) < end else { throw error }
        do { try await reactor.sleep(until: .after(wait)) } catch {
          throw TargetError(error, while: "waiting to try again")
        }
        pause = pause * 1.5
      }
    }
  }

  /// Tells the governor of a refusal: by a protection, or by a closed port. A host that is silent or
  /// unreachable is down, and refuses nothing.
  private func report(_ error: TargetError, begun: Deadline) {
    guard let limits, !error.isOfJumpHost else { return }
    let isShed = error.reason == .refusedByProtection || error.isWordless
    guard isShed || error.reason == .connectionRefused else { return }
    for key in shares {
      limits.refuse(key, by: name, isShed ? .shed : .closed, error, began: begun)
    }
    if isJumpHost, isShed {
      limits.refuse(.init(.sessions, name), by: name, .own, error, began: begun)
    }
  }

  /// The time in the queue of a jump host is not the target's: `end` moves by it, up to `whole`.
  private func handshakeOnce(
    hostKeys: String, on reactor: isolated Reactor, by end: inout Deadline,
    atMost whole: Deadline, steps: inout HostAnswer
  ) async throws(TargetError) -> (Session, HostKey) {
    let connecting = Deadline.now
    Activity.step("connect")
    let (carrier, place) = try await connect(on: reactor, by: &end, atMost: whole)
    let connected = Deadline.now
    Activity.step("key exchange")
    steps.steps.append(
      .init(name: "connect", took: connected.since(connecting), detail: place))
    let session = try Session(over: Transport(over: carrier))
    let key: HostKey
    do {
      key = try await session.handshake(
        hostKeys: hostKeys, on: reactor, by: min(end, .after(timeouts.exchange)))
    } catch {
      steps.count(session)
      throw session.transport.carrier.failure ?? error
    }
    steps.steps.append(
      .init(
        name: "key exchange", took: Deadline.now.since(connected),
        detail: "\(key.type) \(key.fingerprint)"))
    steps.hostKey = key
    return (session, key)
  }

  private func connect(
    on reactor: isolated Reactor, by end: inout Deadline, atMost whole: Deadline
  ) async throws(TargetError) -> (carrier: any Carrier, place: String) {
    if let tunnel {
      let stream = try await tunnel.open(
        to: address, port: port, within: min(timeouts.connect, end.remaining),
        isForJumpHost: isOnTheWay, on: reactor, by: whole)
      end = min(whole, end.advanced(by: stream.waited))
      return (stream, "\(address) port \(port) from \(tunnel.hop.name)")
    }
    let limit = min(end, .after(timeouts.connect))
    let addresses = try await Connect.resolve(address, port: port, on: reactor, by: limit)
    let socket = try await Connect.tcp(to: addresses, from: sources, on: reactor, by: limit)
    return (SocketCarrier(owning: socket), "\(addresses.first?.text ?? address) port \(port)")
  }

  // MARK: The host's key

  /// Whether a certificate of an accepted authority is for this key, which no line accepts.
  public func isCertified(
    _ key: HostKey, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Bool {
    guard !accepted.authorities.isEmpty, !accepted.keys.contains(key) else { return false }
    var steps = HostAnswer(time: .now)
    let right = try? await acceptable(key, on: reactor, by: deadline, steps: &steps)
    return right == key
  }

  /// The key that the host must have: the shown one, or that of its certificate, which may be of
  /// another kind. Throws where neither is accepted.
  private func acceptable(
    _ key: HostKey, on reactor: isolated Reactor, by deadline: Deadline, steps: inout HostAnswer
  ) async throws(TargetError) -> HostKey {
    let verdict = accepted.verdict(on: key)
    guard verdict != .accepted, verdict != .revoked, !accepted.authorities.isEmpty else {
      try check(key)
      return key
    }
    do throws(TargetError) {
      return try await certified(on: reactor, by: deadline, steps: &steps)
    } catch {
      if error.isOfJumpHost || error.reason == .cancelled || verdict == .needsCertificate {
        throw error
      }
      try check(key)  // Another key than the accepted one, and no certificate for it.
      throw error
    }
  }

  /// The key for which an accepted authority vouches, by the certificate that the host shows on a
  /// connection of its own.
  private func certified(
    on reactor: isolated Reactor, by deadline: Deadline, steps: inout HostAnswer
  ) async throws(TargetError) -> HostKey {
    Activity.step("certificate")
    let start = Deadline.now
    var limit = min(deadline, .after(timeouts.exchange))
    let (carrier, _) = try await connect(on: reactor, by: &limit, atMost: deadline)
    var exchange = CertificateExchange(over: carrier)
    guard let certificate = try await exchange.fetch(on: reactor, by: limit) else {
      throw TargetError(
        .hostKeyUnknown,
        "only a @cert-authority line is known for it, and its server has no certificate; set "
          + "HostCertificate there, or `scrape trust \(name)`")
    }
    try certificate.verify(with: accepted, at: .now)
    steps.steps.append(
      .init(
        name: "certificate", took: Deadline.now.since(start),
        detail: "\"\(certificate.name)\" of authority \(certificate.authority.fingerprint)"))
    return certificate.key
  }

  private func uncertified(_ key: HostKey) -> TargetError {
    TargetError(
      .hostKeyUnknown,
      "it shows \(key.type) \(key.fingerprint), and its certificate is for another key")
  }

  private func check(_ key: HostKey) throws(TargetError) {
    let shown = "\(key.type) \(key.fingerprint)"
    switch accepted.verdict(on: key) {
    case .accepted: return
    case .unknown:
      throw TargetError(
        .hostKeyUnknown, "it shows \(shown), which nobody has accepted; `scrape trust \(name)`")
    case .changed(let accepted):
      let before = accepted.map { "\($0.type) \($0.fingerprint)" }.joined(separator: ", ")
      throw TargetError(
        .hostKeyChanged,
        "it shows \(shown), accepted is \(before); no credential was sent. If the host was "
          + "reinstalled: `scrape trust \(name)`")
    case .revoked:
      throw TargetError(.hostKeyRevoked, "it shows \(shown), which is marked @revoked")
    case .needsCertificate:
      throw TargetError(
        .hostKeyUnknown,
        "it shows \(shown) without a certificate of an accepted authority; `scrape trust \(name)`")
    }
  }
}

extension HostAnswer {
  /// Adds the bytes of a failed session.
  fileprivate mutating func count(_ session: Session) {
    received += session.transport.received
    sent += session.transport.sent
  }
}
