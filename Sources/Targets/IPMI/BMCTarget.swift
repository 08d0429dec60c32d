public import Configuration
public import Engine
internal import Glibc
public import Hosts
internal import Metrics
internal import Synchronization
public import Inventory

/// A host's BMC: address, settings, secrets and cache.
public struct BMCTarget: Sendable {
  /// The host of the BMC.
  public var host: String
  public var settings: BMCSettings
  var user: String? { settings.user }
  var password: [UInt8]?
  var key: [UInt8]?
  /// The folder for sensor records; nil stores none.
  public var cache: String?
  /// Whether a poll also finds out how much privilege the user has: see `BMCAnswer.mostPrivilege`.
  public var findsPrivilege = false
  /// Keeps the session between polls; nil closes it after each.
  public var keeper: KeptBMCs?
  /// The way through the jump hosts before it; nil for one that is asked directly.
  public var tunnel: Tunnel?
  /// The addresses of this machine from which one is asked directly; empty for that of the route.
  public var sources: [Dial.Address] = []
  /// The port of loopback to which FreeIPMI talks in place of the BMC's address.
  var door: UInt16?

  /// Looks up the secrets.
  public init(_ settings: BMCSettings, of host: String, cache: String?)
    throws(ConfigurationError)
  {
    self.host = host
    self.settings = settings
    self.cache = cache
    if let secret = settings.password {
      let bytes = try secret.reveal().clearBytes
      guard bytes.count <= 20 else {
        throw secret.fault("a BMC's password has at most 20 bytes")
      }
      password = bytes
    }
    if let secret = settings.key {
      guard let bytes = Self.keyBytes(try secret.reveal().clearBytes), bytes.count <= 20 else {
        throw secret.fault("k_g is at most 20 bytes, as text or as hexadecimal after 0x")
      }
      key = bytes
    }
  }

  /// A key as text, or as hexadecimal digits after `0x`.
  private static func keyBytes(_ text: [UInt8]) -> [UInt8]? {
    guard text.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")]) else { return text }
    let digits = text.dropFirst(2).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count % 2 == 0, digits.count == text.count - 2 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  /// Threads for FreeIPMI's blocking calls, one for each BMC that is asked at the same time: few for BMCs that
  /// answer at once, whose calls take processor time only.
  private static let threads = BlockingPool(name: "bmc", threads: 256, first: 8)

  /// Polls all due parts of the BMC in one session.
  ///
  /// Never throws: an error is the answer's `failure`, and the parts read until then are kept. `memory` is
  /// that of the last answer; a BMC that rests is not contacted unless `ignoringRest`.
  public func ask(
    remembering memory: [String: [UInt64]], ignoringRest: Bool = false,
    on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> BMCAnswer {
    var answer = BMCAnswer(time: .now)
    answer.server = settings.address
    answer.memory = memory
    if !ignoringRest,
      let error = BMCBackOff.error(memory, mark: settings.loginMark, at: answer.time)
    {
      answer.failure = error
      answer.isResting = true
      return answer
    }
    if let tunnel {
      return await ask(through: tunnel, answer, on: reactor, by: deadline)
    }
    let start = Deadline.now
    do throws(TargetError) {
      let addresses = try await Connect.resolve(
        settings.address, port: UInt16(clamping: settings.port), on: reactor,
        by: limit(since: start, by: deadline))
      guard sources.isEmpty else {
        return try await ask(addresses, from: sources, answer, on: reactor, by: deadline)
      }
      let address = addresses.first?.text ?? settings.address
      note(address, since: start, in: &answer)
      return await poll(nil, at: address, answer, since: start, on: reactor, by: deadline)
    } catch {
      answer.failure = error
      return answer
    }
  }

  /// Adds the step of looking up the name, if it is one.
  private func note(_ address: String, since start: Deadline, in answer: inout BMCAnswer) {
    guard address != settings.address else { return }
    answer.steps.append(.init(name: "name", took: Deadline.now.since(start), detail: address))
  }

  /// Asks a BMC from an address of this machine: FreeIPMI talks to a port of loopback, whose datagrams a socket
  /// with that address sends on.
  private func ask(
    _ addresses: [Dial.Address], from sources: [Dial.Address], _ given: BMCAnswer,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> BMCAnswer {
    var answer = given
    let start = Deadline.now
    for address in addresses {
      guard let source = sources.first(where: { $0.version == address.version }) else { continue }
      let relay = try BMCRelay(try BoundSocket(to: address, from: source))
      note(address.text, since: start, in: &answer)
      answer.steps.append(
        .init(name: "source", took: Deadline.now.since(start), detail: source.text))
      var target = self
      target.door = relay.door.port
      return await target.poll(
        relay, at: address.text, answer, since: start, on: reactor, by: deadline)
    }
    throw TargetError(
      .localError,
      "source address \(sources.map(\.text).joined(separator: ", ")) and "
        + "\(addresses.map(\.text).joined(separator: ", ")) are of different versions of IP")
  }

  /// Asks a BMC behind jump hosts: FreeIPMI talks to a port of loopback, whose datagrams the last jump host
  /// sends on.
  private func ask(
    through tunnel: Tunnel, _ given: BMCAnswer, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> BMCAnswer {
    var answer = given
    do throws(TargetError) {
      let opening = try await tunnel.ready(on: reactor, by: deadline)
      if opening.isNew { answer.steps += opening.steps }
      let start = Deadline.now
      let bridge = try await DatagramBridge.open(
        to: settings.address, port: UInt16(clamping: settings.port), through: tunnel,
        on: reactor, by: deadline)
      let way = try await bridge.roundTrip(on: reactor, by: min(deadline, .after(.seconds(10))))
      answer.steps.append(
        .init(
          name: "via", took: Deadline.now.since(start),
          detail:
            "\(tunnel.names.joined(separator: ", ")), \(bridge.tool), \(way.text) there and back"))
      let relay = try BMCRelay(bridge)
      var target = self
      target.door = relay.door.port
      // The library drops an answer to what it has sent again meanwhile.
      target.settings.retransmit += max(way * 3, .milliseconds(250))
      target.settings.timeout += max(way * 6, .milliseconds(500))
      return await target.poll(
        relay, at: settings.address, answer, since: .now, on: reactor, by: deadline)
    } catch {
      answer.failure = error
      return answer
    }
  }

  /// A running call cannot be interrupted: it ends by its own timeout, and then the session is closed in one more
  /// try.
  private var grace: Duration { settings.timeout + settings.retransmit * 2 + .seconds(1) }

  /// The end of a poll, which leaves time for that before the end of the pass.
  private func limit(since begun: Deadline, by deadline: Deadline) -> Deadline {
    min(
      deadline.advanced(by: .zero - min(grace, deadline.remaining / 2)),
      begun.advanced(by: settings.deadline))
  }

  private func poll(
    _ relay: BMCRelay?, at address: String, _ given: BMCAnswer, since begun: Deadline,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async -> BMCAnswer {
    var answer = given
    let limit = limit(since: begun, by: deadline)
    let poll = Poll()
    // It carries the end of the session of a pass that is interrupted, too: no child task.
    let carrying = relay.map { relay in
      Task(executorPreference: reactor.executor) { [reactor = reactor as Reactor] in
        await reactor.open { reactor in await relay.run(on: reactor) { poll.stop() } }
      }
    }
    let done = await withTaskCancellationHandler {
      await Self.threads.run(by: min(deadline, limit.advanced(by: grace)), on: reactor) {
        [answer, address, door = relay?.door] in
        defer { withExtendedLifetime(door) {} }
        var work = BMCPoll(
          self, at: address, answer: answer, by: limit, isStopped: { poll.isStopped })
        let answer = work.run()
        poll.end(with: answer)
        return answer
      }
    } onCancel: {
      poll.stop()
    }
    if done == nil {
      poll.stop()
      // The process may end with the pass: the session of a BMC that still answers is closed before.
      if Task.isCancelled { await Task { await poll.end(on: reactor) }.value }
    }
    carrying?.cancel()
    await carrying?.value
    if var done = done ?? poll.answer {
      if let relay { done.failure = settle(done.failure, relay) }
      BMCBackOff.note(
        done.isOpen ? nil : done.failure, in: &done.memory, mark: settings.loginMark, at: done.time)
      return done
    }
    answer.failure =
      Task.isCancelled
      ? TargetError(.cancelled, "the pass was interrupted")
      : relay?.failure ?? TargetError(.timeout, silence("no end at the deadline"))
    return answer
  }

  /// The part of a memory that says whether the BMC rests, for a poll that reads all else anew.
  public static func restMemory(of memory: [String: [UInt64]]) -> [String: [UInt64]] {
    BMCBackOff.part(of: memory)
  }

  /// The failure of a poll, or what the way to the BMC knows of it.
  private func settle(_ failure: TargetError?, _ relay: BMCRelay) -> TargetError? {
    guard var failure, failure.reason == .timeout || failure.reason == .cancelled else {
      return failure
    }
    if let broken = relay.failure, !Task.isCancelled { return broken }
    if relay.isRefused, relay.received == 0, failure.reason == .timeout {
      failure.detail += "; nothing takes datagrams on that port there"
    }
    return failure
  }

  /// Where it is reached from, for messages.
  var way: String { tunnel.map { " via \($0.hop.name)" } ?? "" }

  /// The message for a silent BMC, with the timeout.
  func silence(_ what: String) -> String {
    "\(what) within \(settings.timeout.text) from \(settings.address) port \(settings.port)/udp\(way), "
      + "sent again each \(settings.retransmit.text); if it is only slow, raise `retransmit` and "
      + "`timeout`"
  }

  /// A poll on another thread, which stops between two commands on request and reports its end.
  private final class Poll: Sendable {
    private let flag = Atomic<Bool>(false)
    private let outcome = Mutex<BMCAnswer?>(nil)

    var isStopped: Bool { flag.load(ordering: .relaxed) }
    var answer: BMCAnswer? { outcome.withLock { $0 } }
    func stop() { flag.store(true, ordering: .relaxed) }
    func end(with answer: BMCAnswer) { outcome.withLock { $0 = answer } }

    /// Waits for its end, but not for a silent BMC.
    func end(on reactor: isolated Reactor) async {
      let limit = Deadline.after(.seconds(1))
      while answer == nil, !limit.isPast {
        try? await reactor.sleep(until: .after(.milliseconds(20)))
      }
    }
  }
}
