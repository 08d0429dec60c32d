internal import Configuration
internal import Engine
internal import Glibc
internal import Metrics
internal import Parsers
internal import Inventory

/// One poll of a BMC, on a thread that may block.
///
/// The most important parts come first: chassis, power, sensors, event log. All parts read before the
/// deadline are kept.
struct BMCPoll {
  private let target: BMCTarget
  private let address: String
  private let deadline: Deadline
  private let isStopped: () -> Bool
  private var answer: BMCAnswer
  /// Names of sensors by number, for the event log.
  private var sensorNames: [UInt8: String] = [:]

  init(
    _ target: BMCTarget, at address: String, answer: BMCAnswer, by deadline: Deadline,
    isStopped: @escaping () -> Bool
  ) {
    self.target = target
    self.address = address
    self.answer = answer
    self.deadline = deadline
    self.isStopped = isStopped
  }

  mutating func run() -> BMCAnswer {
    let lock: BMCLock?
    do {
      lock = try BMCLock(target, at: address, by: deadline, isStopped: isStopped)
    } catch {
      answer.failure = error
      return answer
    }
    defer { withExtendedLifetime(lock) {} }
    if let kept = target.keeper?.take(target, at: address), poll(over: kept) { return answer }
    do {
      var session = try open(patience: target.settings.timeout)
      answer.isOpen = true
      while let silence = read(session) {
        answer.commands += session.commands
        // It answered in this pass, so packets were lost: it is retried until its own deadline, in a
        // session with that timeout.
        guard silence.isSilence, sessions < Self.mostSessions, !isStopped(),
          deadline.remaining > target.settings.retransmit * 2
        else { return answer }
        sessions += 1
        answer.failure = nil
        session = try open(patience: deadline.remaining)
      }
      answer.commands += session.commands
      if answer.failure == nil { target.keeper?.keep(session, of: target, at: address) }
    } catch {
      answer.failure = error
    }
    // The session has ended: no second one is open beside it.
    if target.findsPrivilege, answer.failure == nil { findPrivilege() }
    return answer
  }

  /// Asks for sessions of more privilege than ours, each of which is closed at once.
  ///
  /// A session that asks for USER has no more, whatever the user may (IPMI v2.0, 22.18), and may not ask for
  /// the user's limits: only another session shows them.
  private mutating func findPrivilege() {
    let own = target.settings.privilege
    var asking = target
    var most = own
    let suite = answer.memory["suite"]?.first.map { UInt8(truncatingIfNeeded: $0) } ?? 0
    for level in BMCSettings.Privilege.allCases where level.code > own.code {
      let start = Deadline.now
      asking.settings.privilege = level
      do {
        let session = try BMCSession(
          asking, at: address, suite: suite, patience: target.settings.timeout, by: deadline,
          isStopped: isStopped)
        withExtendedLifetime(session) { most = level }
        step("privilege", start, "a session of privilege \(level.rawValue) is granted")
      } catch {
        step("privilege", start, "\(level.rawValue): \(error.error)")
        // Silence says nothing of the user.
        guard error.error.reason == .permission else { return }
        break
      }
    }
    answer.mostPrivilege = most
  }

  /// Polls over a session of an earlier poll; false if it had ended, and another one is to be opened.
  private mutating func poll(over session: BMCSession) -> Bool {
    let start = Deadline.now
    session.resume(by: deadline, isStopped: isStopped)
    step("open", start, "kept, \(start.since(session.opened).text) old")
    let failure = read(session)
    answer.commands += session.commands
    guard let failure, failure.endsSession, !failure.isLate, !isStopped() else {
      answer.isOpen = true
      if failure == nil, answer.failure == nil {
        target.keeper?.keep(session, of: target, at: address)
      }
      return true
    }
    answer.failure = nil
    // In the middle of its parts it was there.
    if finished.isEmpty { target.keeper?.lost(target, at: address) }
    return false
  }

  /// The limit of sessions per poll: a BMC has about four, and frees a broken one after a minute.
  private static let mostSessions = 3
  private var sessions = 1
  /// The finished parts; a further session continues after them.
  private var finished: Set<String> = []

  /// Opens a session with the first cipher suite that the BMC has; a missing suite counts as no failed
  /// password.
  ///
  /// A BMC that answered and then fell silent gets one more try, with all the time that is left.
  private mutating func open(patience: Duration) throws(TargetError) -> BMCSession {
    do throws(BMCSession.Unopened) { return try attempt(patience: patience) } catch {
      guard error.hasAnswered, sessions < Self.mostSessions, !isStopped(),
        deadline.remaining > target.settings.retransmit * 2
      else { throw error.error }
    }
    sessions += 1
    do throws(BMCSession.Unopened) { return try attempt(patience: deadline.remaining) } catch {
      throw error.error
    }
  }

  private mutating func attempt(patience: Duration) throws(BMCSession.Unopened) -> BMCSession {
    let settings = target.settings
    let start = Deadline.now
    var suites: [UInt8] = settings.cipherSuite.map { [$0] } ?? [17, 3]
    if settings.cipherSuite == nil, let known = answer.memory["suite"]?.first {
      // The suite of the last session comes first.
      suites.sort { a, _ in UInt64(a) == known }
    }
    if settings.driver == .lan { suites = [0] }
    var last = BMCSession.Unopened(
      error: TargetError(.noCommonAlgorithm, "no cipher suite to try"))
    for suite in suites {
      do {
        let session = try BMCSession(
          target, at: address, suite: suite, patience: patience, by: deadline,
          isStopped: isStopped)
        answer.memory["suite"] = [UInt64(suite)]
        let how = settings.driver == .lan ? "IPMI 1.5" : "cipher suite \(suite)"
        step(
          "open", start,
          "\(address) port \(settings.port)/udp\(target.way), \(how), user \(settings.userText), "
            + "privilege \(settings.privilege.rawValue)")
        return session
      } catch {
        last = error
        // Only after a missing suite the next one is tried: a wrong password must not be tried twice.
        guard error.error.reason == .noCommonAlgorithm || error.error.reason == .protocolError
        else { break }
      }
    }
    if settings.cipherSuite == nil, settings.driver == .lan20,
      last.error.reason == .noCommonAlgorithm
    {
      last.error.detail += " (17 and 3 were tried)"
    }
    step("open", start, last.error.description)
    throw last
  }

  /// Reads the unfinished parts; returns the failure that ended the session early, or nil.
  private mutating func read(_ session: BMCSession) -> BMCSession.Failure? {
    do throws(BMCSession.Failure) {
      let device = try device(session)
      try part("chassis") { poll throws(BMCSession.Failure) in try poll.chassis(session) }
      try part("power") { poll throws(BMCSession.Failure) in try poll.dcmi(session) }
      try part("sensors") { poll throws(BMCSession.Failure) in
        try poll.sensors(session, of: device)
      }
      if answer.power == nil { answer.power = PowerReading.sensors(answer.sensors) }
      try part("events") { poll throws(BMCSession.Failure) in
        try poll.events(session, of: device)
      }
      try part("identity") { poll throws(BMCSession.Failure) in
        try poll.identity(session, of: device)
      }
      return nil
    } catch {
      // A slow BMC is not down: the parts beyond its deadline are missing.
      if !error.isLate || answer.chassis == nil { answer.failure = error.error }
      if answer.power == nil { answer.power = PowerReading.sensors(answer.sensors) }
      return error
    }
  }

  /// Runs one part; a failure that ends the session ends all parts.
  private mutating func part(
    _ name: String, _ body: (inout BMCPoll) throws(BMCSession.Failure) -> String
  ) throws(BMCSession.Failure) {
    guard !finished.contains(name) else { return }
    let start = Deadline.now
    do throws(BMCSession.Failure) {
      let summary = try body(&self)
      finished.insert(name)
      step(name, start, summary)
    } catch {
      if !error.endsSession { finished.insert(name) }
      step(name, start, error.detail)
      if !error.endsSession || error.isLate {
        answer.problems.append(.init(part: name, reason: error.reason, detail: error.detail))
      }
      if error.endsSession { throw error }
    }
  }

  private mutating func step(_ name: String, _ start: Deadline, _ detail: String) {
    answer.steps.append(.init(name: name, took: Deadline.now.since(start), detail: detail))
  }

  // MARK: Parts

  private mutating func device(
    _ session: BMCSession
  ) throws(BMCSession.Failure) -> BMCDevice {
    let start = Deadline.now
    let device = try BMCDevice(asking: session)
    step("device", start, device.summary)
    return device
  }

  private mutating func chassis(_ session: BMCSession) throws(BMCSession.Failure) -> String {
    let bytes = try session.ask(0x00, 0x01, for: "the chassis status")
    guard let status = ChassisStatus(bytes) else {
      throw .init(reason: .protocolError, detail: "a chassis status of \(bytes.count) bytes")
    }
    answer.chassis = status
    // Some BMCs do not count hours; that is no problem to report.
    do throws(BMCSession.Failure) {
      let bytes = Array(try session.ask(0x00, 0x0f, for: "the power-on hours"))
      if bytes.count >= 5, bytes[0] > 0 {
        let count = bytes[1...4].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        answer.chassis?.hoursOn = Double(count) * Double(bytes[0]) / 60
      }
    } catch  where !error.endsSession {}
    return status.isOn ? "on" : "off"
  }

  private mutating func dcmi(_ session: BMCSession) throws(BMCSession.Failure) -> String {
    let now = UInt64(max(0, answer.time.nanoseconds / 1_000_000_000))
    // A BMC without DCMI is asked again after 6 hours: new firmware may have it.
    if let until = answer.memory["no_dcmi"]?.first, until > now, until < now + 86_400 {
      return "no DCMI, as it said before"
    }
    let bytes: ArraySlice<UInt8>
    do throws(BMCSession.Failure) {
      bytes = try session.ask(0x2c, 0x02, [0xdc, 0x01, 0x00, 0x00], for: "the DCMI power reading")
    } catch  where error.reason == .notSupported {
      // Only an unknown command is permanent; other codes mean no reading while the machine is off.
      let isUnknown = error.code == 0xc1 || error.code == 0xc2
      answer.memory["no_dcmi"] = isUnknown ? [now + 6 * 3600] : nil
      return "no DCMI\(isUnknown ? "" : " now"): \(error.detail)"
    }
    answer.memory["no_dcmi"] = nil
    return try answer.take(power: bytes)
  }

  private mutating func sensors(
    _ session: BMCSession, of device: BMCDevice
  ) throws(BMCSession.Failure) -> String {
    let start = Deadline.now
    // The sensors that an earlier session of this poll read.
    answer.sensors = []
    answer.unreadable = []
    let repository = try SDRRepository.load(of: device, target, at: address, asking: session)
    step("records", start, repository.summary)
    if let problem = repository.problem {
      answer.problems.append(
        .init(part: "sensors", reason: problem.reason, detail: problem.detail))
    }
    let reader = SensorReader(session, device: device, target.settings.workarounds)
    var busy = 0
    var refusals: [String] = []
    for sensor in repository.sensors where sensor.owner == 0x20 {
      sensorNames[sensor.number] = sensor.name
    }
    for sensor in repository.sensors where sensor.reading != nil {
      switch try reader.read(sensor) {
      case .reading(let reading): answer.sensors.append(reading)
      case .none: answer.unreadable.append(sensor.name)
      case .busy: busy += 1
      case .refused(let why): refusals.append("\(sensor.name): \(why)")
      }
    }
    if busy > 0 {
      answer.problems.append(
        .init(
          part: "sensors", reason: .busy,
          detail: "the BMC was too busy for \(busy) of \(repository.sensors.count) sensors"))
    }
    if let first = refusals.first {
      answer.problems.append(
        .init(
          part: "sensors", reason: .protocolError,
          detail: "\(refusals.count) sensors could not be read, for example \(first)"))
    }
    let unreadable = answer.unreadable.count
    return "\(answer.sensors.count) read, \(unreadable) without a reading"
  }

  private mutating func events(
    _ session: BMCSession, of device: BMCDevice
  ) throws(BMCSession.Failure) -> String {
    var reader = EventLogReader(
      session, device: device, sensors: sensorNames, remembered: answer.memory["sel"])
    defer { answer.memory["sel"] = reader.remembered }
    let log = try reader.read(at: answer.time)
    answer.log = log
    if let problem = log.problem {
      answer.problems.append(.init(part: "events", reason: .protocolError, detail: problem))
    }
    return log.summary
  }

  private mutating func identity(
    _ session: BMCSession, of device: BMCDevice
  ) throws(BMCSession.Failure) -> String {
    let now = UInt64(max(0, answer.time.nanoseconds / 1_000_000_000))
    // Serial numbers change only with the board, which changes the key.
    if let known = answer.memory["identity"], known.count == 2, known[0] == device.key,
      known[1] <= now, now - known[1] < 86_400
    {
      return "read less than a day ago"
    }
    // After a slow reading of sensor records the identity waits for the next poll.
    if deadline.remaining < target.settings.deadline / 3 { return "left for the next turn" }
    let identity = try BMCIdentity(of: device, asking: session)
    answer.identity = identity
    answer.memory["identity"] = [device.key, now]
    return identity.summary
  }
}
