/// What does a BMC do with a datagram? Sessions, their slots, and what goes wrong on the wire.
struct BMCState: Sendable {
  /// A datagram to send, so many milliseconds later.
  struct Reply: Sendable {
    var bytes: [UInt8]
    var delay: Int
  }

  var configuration: BMC.Configuration
  var board: Board
  private(set) var counts: [BMCCommand: Int] = [:]
  private(set) var requests = 0
  private(set) var refused = 0
  private(set) var sessionsOpened = 0
  private(set) var mostSessions = 0
  /// The latest requests inside sessions: network function, logical unit, command and data.
  private(set) var latest: [[UInt8]] = []
  private var sessions: [UInt32: BMCSession] = [:]
  private var plainSessions: [UInt32: PlainSession] = [:]
  private var generator: SeededGenerator
  private var answersLeft: Int?

  var faults: BMCFaults {
    get { board.faults }
    set {
      board.faults = newValue
      answersLeft = newValue.diesAfter
    }
  }

  init(_ configuration: BMC.Configuration, now: Int) {
    self.configuration = configuration
    board = Board(sensors: configuration.sensors, now: now)
    board.clockOffset = configuration.clockOffset
    board.longestRead = Int(configuration.longestRead)
    generator = SeededGenerator(seed: configuration.seed)
  }

  /// Sessions that are open at an instant (nanoseconds of the monotonic clock).
  mutating func openSessions(now: UInt64) -> Int {
    expire(now)
    return activeSessions
  }

  private var activeSessions: Int {
    sessions.values.count { $0.isActive } + plainSessions.values.count { $0.isActive }
  }

  private var hasSlot: Bool {
    !board.faults.noSlots && sessions.count + plainSessions.count < configuration.sessionLimit
  }

  /// The requests since the last call, at most 1024.
  mutating func takeLatest() -> [[UInt8]] {
    defer { latest = [] }
    return latest
  }

  /// All sessions are forgotten, as when a BMC restarts.
  mutating func dropSessions() {
    sessions = [:]
    plainSessions = [:]
  }

  private mutating func expire(_ now: UInt64) {
    // One that never came to its end holds its slot for a fifth of the time.
    let idle = UInt64(configuration.idleSeconds * 1e9)
    sessions = sessions.filter { now &- $1.lastUse < ($1.isActive ? idle : idle / 5) }
    plainSessions = plainSessions.filter { now &- $1.lastUse < ($1.isActive ? idle : idle / 5) }
  }

  /// The answers to a datagram, faults and all.
  mutating func receive(_ bytes: [UInt8], now: UInt64, clock: Int) -> [Reply] {
    requests += 1
    let faults = board.faults
    guard !faults.silent else { return [] }
    if let left = answersLeft {
      guard left > 0 else { return [] }
      answersLeft = left - 1
    }
    let fate = faults.drop > 0 ? Double.random(in: 0..<1, using: &generator) : 1
    guard fate >= faults.drop / 2, var reply = answer(bytes, now: now, clock: clock) else {
      return []
    }
    guard fate >= faults.drop else { return [] }
    if faults.garbage {
      reply = (0..<Int.random(in: 1...120, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
    }
    if faults.truncated { reply = Array(reply.prefix(reply.count / 2)) }
    if faults.corrupt, reply.count > 3 { reply[reply.count - 3] ^= 0x10 }
    let once = Reply(bytes: reply, delay: faults.slow)
    return faults.duplicates ? [once, once] : [once]
  }

  private mutating func answer(_ bytes: [UInt8], now: UInt64, clock: Int) -> [UInt8]? {
    switch Datagram(bytes) {
    case .ping(let tag): return Datagram.pong(tag)
    case .plain(let packet) where packet.session == 0:
      return outside(packet.message, now: now).map { PlainPacket.packet($0) }
    case .plain(let packet): return inside(packet, now: now, clock: clock)
    case .plus(let packet):
      switch packet.payload {
      case .openSession: return open(packet.body, now: now)
      case .rakp1: return rakp1(packet.body, now: now)
      case .rakp3: return rakp3(packet.body, now: now)
      case .message where packet.session == 0:
        return outside(packet.body, now: now).map { RMCPPlus.packet(.message, $0) }
      case .message: return inside(packet, now: now, clock: clock)
      default: return nil
      }
    default: return nil
    }
  }

  /// A message without a session: what a console asks before it opens one. 13.14, 22.13, 22.15.
  private mutating func outside(_ bytes: [UInt8], now: UInt64) -> [UInt8]? {
    LANMessage(bytes).map { outside($0, now: now) }
  }

  private mutating func outside(_ message: LANMessage, now: UInt64) -> [UInt8] {
    let command = BMCCommand(message.function, message.command)
    counts[command, default: 0] += 1
    switch command {
    case .authenticationCapabilities:
      // No authentication, MD5, the plain password; named users; the group key's status.
      let wantsPlus = (message.body.first ?? 0) & 0x80 != 0
      let status: UInt8 = 0x04 | (configuration.groupKey == nil ? 0 : 0x20)
      return message.answer(
        0, [1, 0x15 | (wantsPlus ? 0x80 : 0), status, wantsPlus ? 3 : 0, 0, 0, 0, 0])
    case .cipherSuites:
      let list = configuration.cipherSuites.sorted().flatMap { number in
        CipherSuite.all.first { $0.identifier == number }?.record ?? []
      }
      let index = Int((message.body.count > 2 ? message.body[2] : 0) & 0x3f) * 16
      return message.answer(0, [1] + list.dropFirst(index).prefix(16))
    case .systemGUID: return message.answer(0, board.guid)
    case .challenge: return challenge(message, now: now)
    default: return message.answer(0xd4, [])
    }
  }

  // The key exchange

  private mutating func open(_ body: [UInt8], now: UInt64) -> [UInt8]? {
    counts[.openSession, default: 0] += 1
    expire(now)
    var reader = PacketReader(body)
    guard let tag = reader.byte(), let wanted = reader.byte(), reader.take(2) != nil,
      let console = reader.number32(), let algorithms = reader.take(24)
    else { return nil }
    func refuse(_ status: UInt8) -> [UInt8] {
      RMCPPlus.packet(.openSessionAnswer, [tag, status, 0, 0] + little(console))
    }
    guard hasSlot else {
      refused += 1
      return refuse(0x01)
    }
    let suite = CipherSuite.all.first {
      $0.authentication.rawValue == algorithms[4] && $0.integrity == algorithms[12]
        && ($0.isEncrypted ? 1 : 0) == algorithms[20]
        && configuration.cipherSuites.contains($0.identifier)
    }
    guard let suite else { return refuse(0x11) }
    let identifier = freshIdentifier()
    sessions[identifier] = BMCSession(
      suite: suite, console: console, identifier: identifier, now: now)
    return RMCPPlus.packet(
      .openSessionAnswer,
      [tag, 0, wanted & 15 == 0 ? 4 : wanted & 15, 0] + little(console) + little(identifier)
        + algorithms)
  }

  private mutating func rakp1(_ body: [UInt8], now: UInt64) -> [UInt8]? {
    counts[.rakp1, default: 0] += 1
    var reader = PacketReader(body)
    guard let tag = reader.byte(), reader.take(3) != nil, let identifier = reader.number32(),
      let random = reader.take(16), let role = reader.byte(), reader.take(2) != nil,
      let length = reader.byte(), let name = reader.take(Int(length))
    else { return nil }
    guard var session = sessions[identifier], !session.isActive else {
      return RMCPPlus.packet(.rakp2, [tag, 0x02, 0, 0, 0, 0, 0, 0])
    }
    func refuse(_ status: UInt8) -> [UInt8] {
      RMCPPlus.packet(.rakp2, [tag, status, 0, 0] + little(session.console))
    }
    guard length <= 16 else { return refuse(0x0c) }
    let user = configuration.users.first { $0.name.utf8.elementsEqual(name) }
    guard let user else {
      sessions[identifier] = nil
      return refuse(0x0d)
    }
    let wanted = role & 15 == 0 ? user.limit : role & 15
    guard wanted <= user.limit else {
      sessions[identifier] = nil
      return refuse(0x0a)
    }
    session.user = user
    session.theirs = random
    session.role = role
    session.rights = Rights(limit: wanted)
    session.lastUse = now
    sessions[identifier] = session
    var code = session.challenge(guid: board.guid)
    if board.faults.wrongRAKP2, !code.isEmpty { code[0] ^= 1 }
    return RMCPPlus.packet(
      .rakp2, [tag, 0, 0, 0] + little(session.console) + session.ours + board.guid + code)
  }

  private mutating func rakp3(_ body: [UInt8], now: UInt64) -> [UInt8]? {
    counts[.rakp3, default: 0] += 1
    var reader = PacketReader(body)
    guard let tag = reader.byte(), let status = reader.byte(), reader.take(2) != nil,
      let identifier = reader.number32()
    else { return nil }
    guard var session = sessions[identifier], session.user != nil else {
      return RMCPPlus.packet(.rakp4, [tag, 0x02, 0, 0, 0, 0, 0, 0])
    }
    // The console gave up: it does not believe our code.
    guard status == 0 else {
      if !session.isActive { sessions[identifier] = nil }
      return nil
    }
    let head = [tag, 0, 0, 0] + little(session.console)
    guard session.proof() == Array(reader.rest) else {
      if !session.isActive { sessions[identifier] = nil }
      return RMCPPlus.packet(.rakp4, [tag, 0x0f, 0, 0] + little(session.console))
    }
    // Sent again because our answer was lost: the same answer, the same keys.
    if !session.isActive {
      session.activate(groupKey: configuration.groupKey)
      sessionsOpened += 1
    }
    session.lastUse = now
    sessions[identifier] = session
    mostSessions = max(mostSessions, activeSessions)
    return RMCPPlus.packet(.rakp4, head + session.confirmation(guid: board.guid))
  }

  // In a session

  private mutating func inside(_ packet: RMCPPlus, now: UInt64, clock: Int) -> [UInt8]? {
    expire(now)
    guard var session = sessions[packet.session], session.isActive,
      let bytes = session.open(packet), let message = LANMessage(bytes)
    else { return nil }
    session.lastUse = now
    let (answer, closes) = execute(
      message, &session.rights, session: session.identifier, now: now, clock: clock)
    let sealed = session.seal(answer)
    sessions[packet.session] = closes ? nil : session
    return sealed
  }

  /// The answer to a message of a session, and whether it was the last.
  private mutating func execute(
    _ message: LANMessage, _ rights: inout Rights, session: UInt32, now: UInt64, clock: Int
  ) -> (answer: [UInt8], closes: Bool) {
    let command = BMCCommand(message.function, message.command)
    switch command {
    case .setPrivilege:
      counts[command, default: 0] += 1
      let wanted = (message.body.first ?? 0) & 15
      guard wanted <= rights.limit else { return (message.answer(0x81, []), false) }
      if wanted > 1 { rights.privilege = wanted }
      return (message.answer(0, [rights.privilege]), false)
    case .closeSession:
      counts[command, default: 0] += 1
      var reader = PacketReader(message.body)
      let closes = reader.number32() == session
      return (message.answer(closes ? 0 : 0x87, []), closes)
    case .authenticationCapabilities, .cipherSuites:
      return (outside(message, now: now), false)
    default:
      counts[command, default: 0] += 1
      if latest.count < 1024 {
        latest.append([message.function, message.unit, message.command] + message.body)
      }
      let (code, body) = board.answer(
        command, message.body, privilege: rights.privilege, now: clock)
      return (message.answer(code, body), false)
    }
  }

  // IPMI 1.5

  private mutating func freshIdentifier() -> UInt32 {
    while true {
      let identifier = UInt32.random(in: 1...UInt32.max, using: &generator)
      if sessions[identifier] == nil, plainSessions[identifier] == nil { return identifier }
    }
  }

  /// Get Session Challenge: a session begins, if there is such a user.
  private mutating func challenge(_ message: LANMessage, now: UInt64) -> [UInt8] {
    expire(now)
    var reader = PacketReader(message.body)
    guard let type = reader.byte(), let name = reader.take(16),
      let authentication = PlainPacket.Authentication(rawValue: type)
    else { return message.answer(0xcc, []) }
    let user = configuration.users.first { user in
      user.name.utf8.elementsEqual(name.prefix { $0 != 0 })
    }
    guard let user else { return message.answer(0x81, []) }
    let session = PlainSession(
      authentication: authentication, identifier: freshIdentifier(), user: user, lastUse: now)
    plainSessions[session.identifier] = session
    return message.answer(0, little(session.identifier) + session.challenge)
  }

  private mutating func inside(_ packet: PlainPacket, now: UInt64, clock: Int) -> [UInt8]? {
    expire(now)
    guard var session = plainSessions[packet.session], session.believes(packet),
      let message = LANMessage(packet.message)
    else { return nil }
    session.lastUse = now
    if BMCCommand(message.function, message.command) == .activateSession {
      return activate(session, message)
    }
    guard session.isActive, session.window.accepts(packet.sequence) else { return nil }
    let (answer, closes) = execute(
      message, &session.rights, session: session.identifier, now: now, clock: clock)
    let sealed = session.seal(answer)
    plainSessions[packet.session] = closes ? nil : session
    return sealed
  }

  private mutating func activate(_ session: PlainSession, _ message: LANMessage) -> [UInt8] {
    counts[.activateSession, default: 0] += 1
    var session = session
    var reader = PacketReader(message.body)
    // What was promised to a challenge is no slot yet.
    plainSessions[session.identifier] = nil
    guard session.isActive || hasSlot else {
      refused += 1
      return session.seal(message.answer(0x81, []))
    }
    guard let type = reader.byte(), type & 15 == session.authentication.rawValue,
      let wanted = reader.byte(), reader.take(16) == session.challenge,
      let first = reader.number32()
    else { return session.seal(message.answer(0xcc, [])) }
    session.sequence = first
    guard wanted & 15 <= session.user.limit else {
      return session.seal(message.answer(0x86, []))
    }
    if !session.isActive { sessionsOpened += 1 }
    session.isActive = true
    session.rights = Rights(limit: wanted & 15)
    session.window = SequenceWindow()
    let answer = session.seal(
      message.answer(
        0,
        [session.authentication.rawValue] + little(session.identifier) + little(UInt32(1))
          + [wanted & 15]))
    plainSessions[session.identifier] = session
    mostSessions = max(mostSessions, activeSessions)
    return answer
  }
}
