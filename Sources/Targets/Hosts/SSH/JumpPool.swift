public import Engine
internal import Glibc
internal import Metrics
public import Inventory

/// The sessions with the jump hosts of one reactor, each opened once and shared by all that is behind.
///
/// All hosts behind a jump host live on its reactor, since libssh2 sessions are not thread-safe. The
/// first that needs a jump host logs in to it, the others wait for that; if it fails, all that is
/// behind gets that failure without another attempt. libssh2 opens one channel at a time, and a server
/// answers only when its connection stands: while targets do not answer, up to `sessionLimit`
/// sessions with the jump host are opened, and closed with the first one.
///
/// Its methods run on its reactor only, hence `@unchecked`.
public final class JumpPool: @unchecked Sendable {
  public nonisolated let reactor: Reactor

  private final class Node {
    var sessions: [JumpSession] = []
    var isConnecting = false
    var waiters: [(number: Int, ticket: Ticket)] = []
    /// Why there is no session with it in this pass.
    var failure: TargetError?
    /// The same as it is to the jump host itself.
    var cause: TargetError?
    /// Failed log-ins in a row, and until when the last one counts where sessions stay.
    var failures = 0
    var pausesUntil = Deadline.now
    /// Whether a log-in succeeded.
    var wasOpen = false
    /// The steps of the log-in, for `--explain`.
    var steps: [ScrapeStep] = []
    var limit = JumpPool.sessionLimit
    /// Sessions that broke, and why the last of them did.
    var losses = 0
    var loss: TargetError?
    /// Channels that are open or being opened, without those of sessions with jump hosts behind.
    var carried = 0
    /// When a channel was last opened or closed.
    var moved = Deadline.now
    /// What was connected to: a later refusal by the server is not its rule.
    var forwarded: Set<String> = []

    func release() {
      carried -= 1
      moved = .now
      wakeOne()
    }
    let commands = CommandTurns()

    /// Drops sessions that broke.
    func sweep() {
      let before = sessions.count
      sessions.removeAll { session in
        if let cause = session.cause { loss = cause }
        return session.isDead
      }
      losses += before - sessions.count
    }

    /// Wakes the one that has waited longest; it waits no more, so that another one is next.
    func wakeOne() {
      if !waiters.isEmpty { waiters.removeFirst().ticket.wake() }
    }
    func wakeAll() {
      for waiter in waiters { waiter.ticket.wake() }
      waiters = []
    }
  }

  private final class Relay {
    let stream: TunnelStream
    let socket: FileDescriptor
    let deadline: Deadline
    let received: ByteCount?

    init(
      _ stream: TunnelStream, _ socket: consuming FileDescriptor, counting received: ByteCount?,
      by deadline: Deadline
    ) {
      self.stream = stream
      self.received = received
      self.socket = socket
      self.deadline = deadline
    }
  }

  /// A relay whose library has not connected yet.
  private final class Door {
    let stream: TunnelStream
    let listener: FileDescriptor
    let received: ByteCount?
    let deadline: Deadline

    init(
      _ stream: TunnelStream, _ listener: consuming FileDescriptor, counting received: ByteCount?,
      by deadline: Deadline
    ) {
      self.stream = stream
      self.listener = listener
      self.received = received
      self.deadline = deadline
    }
  }

  /// Sessions with one jump host at most.
  static let sessionLimit = 8
  /// How long an unanswered channel may hold up others before another session is opened.
  private static let patience: Duration = .milliseconds(200)
  /// How long a failure without a reason is tried again, while others have channels: each lasts a moment.
  private static let vagueLimit: Duration = .seconds(3)
  /// After that time without an opened or a closed channel one more than the limit is opened: those that
  /// hold channels may wait for others.
  private static let stall: Duration = .seconds(1)

  private var nodes: [String: Node] = [:]
  private var lastNumber = 0
  private var relays: [Int: Relay] = [:]
  private var newRelays: [Int] = []
  private var doors: [Int: Door] = [:]
  private var newDoors: [Int] = []
  private var server: Ticket?
  private var isServing = false
  private var isClosed = false

  private let limits: SharedLimits?
  private let staying: Staying?

  /// For how long sessions stay in a pool that lives longer than a pass.
  public struct Staying: Sendable {
    /// How long a session opens channels; with a fifth more or less.
    public var age: Duration = .seconds(3600)
    /// A session that carried nothing for so long is closed.
    public var idle: Duration = .seconds(60)
    /// How long a failure is the answer to all that is behind; it doubles up to the limit, and is half
    /// as long or half as long again by chance.
    public var pause: Duration = .seconds(1)
    public var longestPause: Duration = .seconds(30)
    /// How often idle sessions are tended.
    public var tending: Duration = .seconds(2)
    /// After which time what was learnt of a server's room is forgotten.
    public var memory: Duration = .seconds(300)

    public init() {}
  }

  /// `limits` bounds sessions and channels; without it there are `sessionLimit` sessions at most.
  ///
  /// Without `staying` the pool is one of a pass: a failure lasts as long as the pool.
  public init(on reactor: Reactor, limits: SharedLimits? = nil, staying: Staying? = nil) {
    self.reactor = reactor
    self.limits = limits
    self.staying = staying
  }

  // MARK: Life

  /// Runs the body and closes all sessions at its end: one pass, or one command.
  ///
  /// While it runs, `Tunnel.socket` may be used: its relays are child tasks of this call.
  public func serve<Value: Sendable>(_ body: () async -> Value) async -> Value {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.reactor.open { reactor in await self.relay(on: reactor) } }
      if let staying {
        group.addTask {
          await self.reactor.open { reactor in await self.tend(staying, on: reactor) }
        }
      }
      let value = await body()
      group.cancelAll()
      await group.waitForAll()
      await reactor.open { reactor in self.close(on: reactor) }
      return value
    }
  }

  /// Closes all sessions; nothing can be opened afterwards.
  public func close(on reactor: isolated Reactor) {
    isClosed = true
    for node in nodes.values {
      node.sweep()
      // All broke, and nobody needed another one.
      if let loss = node.loss, node.sessions.allSatisfy(\.isBroken) {
        node.cause = node.cause ?? loss
      }
      for session in node.sessions { session.close() }
      node.sessions = []
      node.wakeAll()
    }
  }

  /// Closes sessions that carried nothing for this long, and forgets failures: between two passes.
  public func closeIdle(for time: Duration, on reactor: isolated Reactor) {
    for node in nodes.values {
      node.failure = nil
      node.cause = nil
      node.limit = Self.sessionLimit
      node.commands.reset()
      node.sessions.removeAll { session in
        guard session.isDead || session.isIdle && Deadline.now.since(session.lastUsed) >= time
        else { return false }
        session.close()
        return true
      }
    }
  }

  /// Tends the sessions while they stay.
  private func tend(_ staying: Staying, on reactor: isolated Reactor) async {
    var forgotten = Deadline.now
    while !Task.isCancelled {
      do { try await reactor.sleep(until: .after(staying.tending)) } catch { return }
      let forgets = Deadline.now.since(forgotten) >= staying.memory
      if forgets { forgotten = .now }
      for node in nodes.values {
        if forgets {
          node.limit = Self.sessionLimit
          node.commands.reset()
        }
        for session in node.sessions { session.tend() }
        node.sessions.removeAll { session in
          guard
            session.isDead
              || session.isIdle
                && (!session.isOpen || Deadline.now.since(session.lastUsed) >= staying.idle)
          else { return false }
          session.close()
          return true
        }
      }
    }
  }

  /// Whether the jump host could be used, since it was made; nil if nothing asked for it.
  public func result(
    of hop: HostTarget, on reactor: isolated Reactor
  ) -> Result<Void, TargetError>? {
    guard let node = nodes[hop.pathKey] else { return nil }
    if let cause = node.cause { return .failure(cause) }
    return node.wasOpen ? .success(()) : nil
  }

  /// How many sessions with the jump host have broken.
  func losses(of hop: HostTarget, on reactor: isolated Reactor) -> Int {
    guard let node = nodes[hop.pathKey] else { return 0 }
    node.sweep()
    return node.losses
  }

  // MARK: Opening

  /// Makes sure that there is a session with the jump host, so that the time that this takes does not
  /// count as the target's.
  func ready(
    _ hop: HostTarget, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> (steps: [ScrapeStep], isNew: Bool) {
    let node = node(of: hop)
    var isNew = false
    while true {
      node.sweep()
      if node.sessions.contains(where: \.isOpen) { return (node.steps, isNew) }
      if let failure = node.failure, staying == nil || !node.pausesUntil.isPast { throw failure }
      if isClosed { throw TargetError(.cancelled, "ended before \(hop.name) was asked") }
      // A call of an async function may be held up at its beginning: what it needs is taken before.
      if node.isConnecting {
        try await turn(enrol(at: node, on: reactor), node, hop, on: reactor, by: deadline)
      } else {
        node.isConnecting = true
        try await connect(node, hop, on: reactor, by: deadline)
        isNew = true
      }
    }
  }

  /// Opens a channel on a session with the jump host, which may take so long once it is its turn.
  func open(
    _ purpose: JumpSession.Purpose, through hop: HostTarget, within limit: Duration,
    isForJumpHost: Bool = false, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> TunnelStream {
    let node = node(of: hop)
    let start = Deadline.now
    var mayReopen = true
    /// Until when it is tried again where the server has no room.
    var patient: Deadline?
    /// Failures that may be for want of room: it was, if the next attempt succeeds.
    var vague: [(error: TargetError, begun: Deadline)] = []
    let isCounted = purpose.isForward && !isForJumpHost
    let channels = Governor.Key(.channels, hop.name)
    while true {
      _ = try await ready(hop, on: reactor, by: deadline)
      if isCounted, let limits, node.carried >= limits.value(channels) {
        let stalled = node.moved.advanced(by: Self.stall)
        if !stalled.isPast {
          limits.wait(for: channels)
          try await turn(
            enrol(at: node, on: reactor), node, hop, on: reactor, by: deadline,
            lookingAt: stalled)
          continue
        }
      }
      if let session = node.sessions.first(where: { !$0.isOpening && $0.isOpen }) {
        session.reserve()
        if isCounted {
          node.carried += 1
          node.moved = .now
          limits?.use(channels, node.carried)
        }
        let begun = Deadline.now
        do {
          defer { node.wakeOne() }
          let waited = begun.since(start)
          let stream = try await session.open(
            purpose, on: reactor, by: min(deadline, .after(limit)))
          stream.waited = waited
          if isCounted {
            stream.released = { node.release() }
            node.forwarded.insert(purpose.place)
            for (error, begun) in vague {
              limits?.refuse(channels, by: hop.name, .own, error, began: begun)
            }
            limits?.raise(channels)
          }
          limits?.raise(.init(.sessions, hop.name))
          return stream
        } catch {
          if isCounted { node.release() }
          let vagueEnd = (vague.first?.begun ?? begun).advanced(by: Self.vagueLimit)
          if isCounted, error.isVague, node.carried > 0, !min(vagueEnd, deadline).isPast {
            vague.append((error, begun))
            try await pause(for: hop, on: reactor, by: deadline)
            continue
          }
          if isCounted, isShortage(error, of: purpose, at: node) {
            limits?.refuse(channels, by: hop.name, .own, error, began: begun)
            let last = patient ?? .after(limit)
            patient = last
            if Deadline.after(Self.patience) < min(last, deadline) {
              try await pause(for: hop, on: reactor, by: deadline)
              continue
            }
            throw error
          }
          // A session that was idle may have ended unnoticed.
          guard session.isDead, mayReopen, !Task.isCancelled, !isClosed else { throw error }
          mayReopen = false
          continue
        }
      }
      let patience = start.advanced(by: Self.patience)
      let mayGrow = !node.isConnecting && mayGrow(node, hop)
      if mayGrow, patience.isPast {
        node.isConnecting = true
        do {
          try await connect(node, hop, on: reactor, by: deadline)
        } catch {
          if error.reason == .cancelled || deadline.isPast { throw error }
          node.limit = max(1, node.sessions.count)
        }
        continue
      }
      try await turn(
        enrol(at: node, on: reactor), node, hop, on: reactor, by: deadline,
        lookingAt: mayGrow ? patience : .never)
    }
  }

  /// Gives the jump host time to close channels.
  private func pause(
    for hop: HostTarget, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    do {
      try await reactor.sleep(until: min(deadline, .after(Self.patience)))
    } catch {
      throw TargetError(error, while: "waiting for room at \(hop.name)")
    }
  }

  /// Whether another session with the jump host may be opened.
  private func mayGrow(_ node: Node, _ hop: HostTarget) -> Bool {
    guard node.sessions.count < node.limit else { return false }
    guard let limits else { return true }
    let key = Governor.Key(.sessions, hop.name)
    if node.sessions.count < limits.value(key) { return true }
    limits.wait(for: key)
    return false
  }

  /// Whether the jump host has no room for another channel now.
  private func isShortage(
    _ error: TargetError, of purpose: JumpSession.Purpose, at node: Node
  ) -> Bool {
    error.reason == .busy
      || error.reason == .forwardingRefused && node.forwarded.contains(purpose.place)
  }

  /// Runs a command when it is its turn.
  ///
  /// A server that refuses one has room for fewer than run, or has not noticed yet that others ended.
  func run(
    _ command: String, in given: CommandTurn?, through hop: HostTarget,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> TunnelStream {
    let node = node(of: hop)
    var refusals = 0
    var given = given
    while true {
      let turn: CommandTurn
      if let first = given {
        turn = first
        given = nil
      } else {
        turn = try await self.turn(at: hop, on: reactor, by: deadline)
      }
      do {
        let stream = try await open(
          .command(command), through: hop, within: .seconds(5), on: reactor, by: deadline)
        stream.turn = turn
        return stream
      } catch {
        guard error.isOfSessions, refusals < 4 else { throw error }
        refusals += 1
        node.commands.lower()
      }
      do { try await reactor.sleep(until: .after(.milliseconds(50 << refusals))) } catch {
        throw TargetError(.cancelled, "ended while waiting for \(hop.name)")
      }
    }
  }

  /// Waits until another command may run on the jump host.
  func turn(
    at hop: HostTarget, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> CommandTurn {
    if let turn = await node(of: hop).commands.next(on: reactor, by: deadline) { return turn }
    throw Task.isCancelled
      ? TargetError(.cancelled, "ended while waiting for \(hop.name)")
      : TargetError(
        .notReached, "via \(hop.name): other commands ran there until the deadline")
  }

  /// Joins those that are woken when a session is free.
  private func enrol(at node: Node, on reactor: isolated Reactor) -> (number: Int, ticket: Ticket) {
    lastNumber += 1
    let place = (lastNumber, reactor.ticket())
    node.waiters.append(place)
    return place
  }

  /// Waits until a session is free, or until the instant.
  private func turn(
    _ place: (number: Int, ticket: Ticket), _ node: Node, _ hop: HostTarget,
    on reactor: isolated Reactor, by deadline: Deadline, lookingAt instant: Deadline = .never
  ) async throws(TargetError) {
    _ = await reactor.wait(on: place.ticket, by: min(deadline, instant))
    node.waiters.removeAll { $0.number == place.number }
    if Task.isCancelled || deadline.isPast {
      node.wakeOne()
      throw Task.isCancelled
        ? TargetError(.cancelled, "ended while waiting for \(hop.name)")
        : TargetError(.timeout, "via \(hop.name): no channel before the deadline")
    }
  }

  private func connect(
    _ node: Node, _ hop: HostTarget, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    defer {
      node.isConnecting = false
      node.wakeAll()
    }
    var opening = HostAnswer(time: .now)
    do throws(TargetError) {
      let session = try await hop.logIn(on: reactor, by: deadline, steps: &opening)
      let jump = JumpSession(
        session, name: hop.name, depth: hop.tunnel?.names.count ?? 0,
        until: staying.map { .after($0.age * Double.random(in: 0.8...1.2)) } ?? .never)
      guard !isClosed else {
        jump.close()
        throw TargetError(.cancelled, "ended while logging in to \(hop.name)")
      }
      node.sessions.append(jump)
      limits?.use(.init(.sessions, hop.name), node.sessions.count)
      node.wasOpen = true
      node.failures = 0
      (node.failure, node.cause) = (nil, nil)
      node.loss = nil
      node.steps = opening.steps
    } catch {
      let failure = TargetError.behind(hop.name, error)
      // What ended this task is no failure of the jump host: the next one tries.
      let isOurs = error.reason == .cancelled || error.reason == .timeout && deadline.isPast
      if !isOurs, !node.sessions.contains(where: \.isOpen) {
        (node.failure, node.cause) = (failure, error)
        if let staying {
          let pause = min(staying.longestPause, staying.pause * (1 << min(node.failures, 16)))
          node.failures += 1
          node.pausesUntil = .after(pause * Double.random(in: 0.5...1.5))
        }
      }
      throw failure
    }
  }

  private func node(of hop: HostTarget) -> Node {
    let key = hop.pathKey
    if let node = nodes[key] { return node }
    let node = Node()
    nodes[key] = node
    return node
  }

  // MARK: Relays

  /// A socket of this process whose bytes go through the channel, for libraries that want one.
  func socket(
    for stream: TunnelStream, counting received: ByteCount? = nil, on reactor: isolated Reactor,
    by deadline: Deadline
  ) throws(TargetError) -> FileDescriptor {
    guard isServing else {
      throw TargetError(.localError, "no relay runs for \(stream.jumpHost)")
    }
    var pair: [Int32] = [0, 0]
    let kind = Int32(
      SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
      throw TargetError(.localError, "\(SystemError("socketpair")); raise `ulimit -n`")
    }
    let near = FileDescriptor(owning: pair[0])
    lastNumber += 1
    relays[lastNumber] = Relay(stream, near, counting: received, by: deadline)
    newRelays.append(lastNumber)
    server?.wake()
    return FileDescriptor(owning: pair[1])
  }

  /// The name of an abstract socket of unix(7) to which this process can connect once; the bytes of that
  /// connection go through the channel. For libraries that insist on connecting themselves.
  func door(
    for stream: TunnelStream, counting received: ByteCount?, on reactor: isolated Reactor,
    by deadline: Deadline
  ) throws(TargetError) -> String {
    guard isServing else {
      throw TargetError(.localError, "no relay runs for \(stream.jumpHost)")
    }
    let kind = Int32(
      SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let listener = FileDescriptor(owning: Glibc.socket(AF_UNIX, kind, 0))
    guard listener.number >= 0 else {
      throw TargetError(.localError, "\(SystemError("socket")); raise `ulimit -n`")
    }
    let name =
      "scrape-" + String(UInt64.random(in: .min ... .max), radix: 36)
      + String(UInt64.random(in: .min ... .max), radix: 36)
    var place = sockaddr_un()
    place.sun_family = sa_family_t(AF_UNIX)
    // An abstract name begins with a zero byte, and is as long as the address says.
    withUnsafeMutableBytes(of: &place.sun_path) { $0[1...].copyBytes(from: name.utf8) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + 1 + name.utf8.count)
    let number = listener.number
    let isOpen = withUnsafePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, size) == 0 && listen(number, 4) == 0
      }
    }
    guard isOpen else { throw TargetError(.localError, "\(SystemError("listen"))") }
    lastNumber += 1
    doors[lastNumber] = Door(stream, listener, counting: received, by: deadline)
    newDoors.append(lastNumber)
    server?.wake()
    return name
  }

  /// Waits for the library's connection, and begins its relay. Other processes are turned away.
  private func admit(_ number: Int, on reactor: isolated Reactor) async {
    guard let door = doors[number] else { return }
    defer { doors[number] = nil }
    while true {
      do { try await reactor.wait(door.listener.number, for: .read, by: door.deadline) } catch {
        return
      }
      let client = FileDescriptor(owning: accept(door.listener.number, nil, nil))
      guard client.number >= 0 else { continue }
      _ = fcntl(client.number, F_SETFD, FD_CLOEXEC)
      _ = fcntl(client.number, F_SETFL, O_NONBLOCK)
      // The process, its user and its group (struct ucred).
      var peer: [Int32] = [0, 0, 0]
      var size = socklen_t(12)
      guard getsockopt(client.number, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0,
        peer[0] == getpid()
      else { continue }
      relays[number] = Relay(door.stream, client, counting: door.received, by: door.deadline)
      newRelays.append(number)
      server?.wake()
      return
    }
  }

  private func relay(on reactor: isolated Reactor) async {
    isServing = true
    await withTaskGroup(of: Void.self) { group in
      while !Task.isCancelled {
        for number in newRelays {
          for isUp in [true, false] {
            group.addTask(executorPreference: reactor.executor) {
              await self.reactor.open { reactor in
                await self.pump(number, up: isUp, on: reactor)
              }
            }
          }
        }
        newRelays = []
        for number in newDoors {
          group.addTask(executorPreference: reactor.executor) {
            await self.reactor.open { reactor in await self.admit(number, on: reactor) }
          }
        }
        newDoors = []
        let ticket = reactor.ticket()
        server = ticket  // Woken before it waits, it does not wait.
        _ = await reactor.wait(on: ticket, by: .never)
        server = nil
      }
      isServing = false
      group.cancelAll()
    }
    relays = [:]
    doors = [:]
  }

  /// Carries the bytes of one direction until its end; the relay is released after both.
  private func pump(_ number: Int, up: Bool, on reactor: isolated Reactor) async {
    guard let relay = relays[number] else { return }
    let socket = relay.socket.number
    // Two waits on one descriptor at a time need a second number for it.
    let own = FileDescriptor(owning: fcntl(socket, F_DUPFD_CLOEXEC, 0))
    defer { if !up { relays[number] = nil } }
    do {
      if up {
        while true {
          try await reactor.wait(own.number, for: .read, by: relay.deadline)
          var buffer = [UInt8](repeating: 0, count: 16 << 10)
          let count = recv(own.number, &buffer, buffer.count, 0)
          if count < 0, errno == EAGAIN { continue }
          guard count > 0 else { break }
          try await relay.stream.write(
            Array(buffer[..<count]), while: "sending", on: reactor, by: relay.deadline)
        }
        relay.stream.finish()
      } else {
        defer {
          // The library reads the end, and a write of it fails.
          shutdown(socket, Int32(SHUT_RDWR))
        }
        while true {
          let bytes = try await relay.stream.read(
            while: "receiving", on: reactor, by: relay.deadline)
          if bytes.isEmpty { break }
          relay.received?.add(bytes.count)
          var done = 0
          while done < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
              Glibc.send(
                own.number, raw.baseAddress.map { $0 + done }, raw.count - done,
                Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
              done += count
            } else if count < 0, errno == EAGAIN {
              try await reactor.wait(own.number, for: .write, by: relay.deadline)
            } else {
              return
            }
          }
        }
      }
    } catch {
      shutdown(socket, Int32(SHUT_RDWR))
    }
  }
}

/// The way to what is behind jump hosts: through the last of them, whose own way leads through the
/// others.
///
///     let stream = try await tunnel.open(to: "10.2.0.5", port: 389, on: reactor, by: deadline)
///     try await stream.write(request, while: "asking", on: reactor, by: deadline)
///     let answer = try await stream.read(while: "reading", on: reactor, by: deadline)
///
/// The body runs on `reactor`, the jump host's. Host keys of all jump hosts are verified and the
/// sessions with them are shared and opened on demand. No key and no password of the target reaches a
/// jump host: it carries bytes.
public final class Tunnel: Sendable {
  /// The last jump host.
  public let hop: HostTarget
  /// The sessions with it and those before it.
  public let pool: JumpPool

  /// The reactor on which all of it runs.
  public var reactor: Reactor { pool.reactor }

  /// The names of the jump hosts, the first reached directly.
  public var names: [String] { (hop.tunnel?.names ?? []) + [hop.name] }

  public init(_ hop: HostTarget, _ pool: JumpPool) {
    self.hop = hop
    self.pool = pool
  }

  /// Logs in to the jump hosts where that was not done before; `isNew` if this call did.
  ///
  /// Throws `unreachable` with `via NAME: …` where a jump host fails.
  @discardableResult
  public func ready(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> (steps: [ScrapeStep], isNew: Bool) {
    try await pool.ready(hop, on: reactor, by: deadline)
  }

  /// How many sessions with the last jump host have broken: what is asked through it while that number grows may
  /// have failed because of it.
  public func losses(on reactor: isolated Reactor) -> Int { pool.losses(of: hop, on: reactor) }

  /// Opens a TCP connection from the last jump host to the address, which is looked up there.
  ///
  /// Throws `connection_refused`, `unreachable`, `timeout` and `name_unknown` as the jump host reports
  /// them, `forwarding_refused` if its sshd_config forbids it, and `unreachable` with `via NAME: …` if
  /// a jump host fails. The connection has `limit` to be made, from when it is its turn: a jump host
  /// makes one after another.
  public func open(
    to address: String, port: UInt16, within limit: Duration = .seconds(5),
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> TunnelStream {
    try await open(
      to: address, port: port, within: limit, isForJumpHost: false, on: reactor, by: deadline)
  }

  func open(
    to address: String, port: UInt16, within limit: Duration, isForJumpHost: Bool,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> TunnelStream {
    try await pool.open(
      .forward(address: address, port: port), through: hop, within: limit,
      isForJumpHost: isForJumpHost, on: reactor, by: deadline)
  }

  /// Runs a command of the shell on the last jump host: its standard input and output are the stream.
  ///
  /// Standard error is dropped; add `2>&1` where it is needed. At most 8 run at a time on a jump host,
  /// the others wait in their order: a server allows 10 by default (MaxSessions). Throws `no_shell`
  /// where the account may run none, and `not_reached` where its turn did not come. `turn` is one that
  /// was waited for before.
  public func run(
    _ command: String, in turn: CommandTurn? = nil, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) -> TunnelStream {
    try await pool.run(command, in: turn, through: hop, on: reactor, by: deadline)
  }

  /// Waits until another command may run on the last jump host, so that the time that this takes does not
  /// count as the target's.
  public func turn(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> CommandTurn {
    try await pool.turn(at: hop, on: reactor, by: deadline)
  }

  /// Opens a TCP connection like `open`, as a socket for libraries that want one (libcurl, libpq,
  /// libmariadb): non-blocking, one end of a pair whose other end is carried through the channel.
  ///
  /// `received` counts the bytes from the peer. The connection ends at the deadline. The caller closes the socket. It works within
  /// `JumpPool.serve` only, whose child tasks carry the bytes.
  public func socket(
    to address: String, port: UInt16, counting received: ByteCount? = nil,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> FileDescriptor {
    let stream = try await open(to: address, port: port, on: reactor, by: deadline)
    return try pool.socket(for: stream, counting: received, on: reactor, by: deadline)
  }

  /// Opens a TCP connection like `socket`, for libraries that insist on connecting themselves: the name of
  /// an abstract socket of unix(7), to which only this process can connect, once.
  public func door(
    to address: String, port: UInt16, counting received: ByteCount? = nil,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> String {
    let stream = try await open(to: address, port: port, on: reactor, by: deadline)
    return try pool.door(for: stream, counting: received, on: reactor, by: deadline)
  }
}

extension TargetError {
  /// A failure of a jump host, as it is to all that is behind it.
  static func behind(_ hop: String, _ error: TargetError) -> TargetError {
    if error.isOfJumpHost { return error }
    let ours: [Reason] = [.cancelled, .notReached, .localError, .notSupported]
    var failure = TargetError(
      ours.contains(error.reason) ? error.reason : .unreachable,
      "via \(hop): \(error.reason == .unreachable ? "" : "\(error.reason.rawValue): ")"
        + error.detail)
    failure.isOfJumpHost = true
    return failure
  }
}
