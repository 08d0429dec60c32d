internal import Collectors
public import Engine
internal import Inventory
internal import Metrics
internal import Synchronization

/// The sessions with hosts that stay open between scrapes, of one reactor: for `watch`.
///
/// A session holds one channel with a shell, which learns each script once; see `KeptScript`. A further
/// scrape is one line and one round trip. Each answer is framed by a nonce of its own and read to its last
/// frame; a session whose scrape ended in any other way is closed, so that nothing late is taken for
/// fresh. What comes between two scrapes is dropped, and a session that prints too much is closed.
///
/// A session that ended unnoticed, or does not say a word, is replaced in the same scrape. Failed
/// attempts to open one are repeated after a pause that doubles. A host that ends idle sessions again and
/// again is asked one-shot for a while.
///
/// Its methods run on its reactor only, hence `@unchecked`.
public final class KeptSessions: @unchecked Sendable {
  public nonisolated let reactor: Reactor
  public let rules: Rules

  public struct Rules: Sendable {
    /// How long a session stays; with a fifth more or less, so that they do not end together. The
    /// library exchanges no keys by itself, so it bounds the life of a session's keys, too.
    public var age: Duration = .seconds(3600)
    /// Scrapes of one session.
    public var scrapes = 100_000
    /// A session that nobody used for so long is closed. A host that is asked more seldom is asked one-shot.
    public var idle: Duration = .seconds(300)
    /// Sessions with one host: one, and another while that is busy.
    public var perHost = 2
    /// All sessions.
    public var sessions = 10_000
    /// What the SSH library may hold for a session between two scrapes, in bytes.
    public var memory = 256 << 10
    /// Ends of idle sessions in a row after which a host is asked one-shot, and for how long.
    public var idleEnds = 3
    public var oneShot: Duration = .seconds(3600)
    /// The pause after a failed attempt to open a session; it doubles up to the limit, and is half as
    /// long or half as long again by chance.
    public var pause: Duration = .seconds(1)
    public var longestPause: Duration = .seconds(30)
    /// How often idle sessions are tended.
    public var tending: Duration = .seconds(2)

    public init() {}
  }

  /// What the sessions are for.
  enum Kind {
    case ssh(HostTarget)
    case local(LocalTarget)

    /// The host's name; this machine's has none.
    var name: String {
      switch self {
      case .ssh(let target): target.name
      case .local: ""
      }
    }
  }

  private final class Place {
    var kind: Kind
    /// What it shares room with: what is behind the same jump host, or what is reached directly.
    let way: String
    var idle: [KeptShell] = []
    /// When it was last asked.
    var asked: Deadline?
    /// Failed attempts to open a session in a row, the last failure, and until when it is repeated.
    var failures = 0
    var failure: TargetError?
    var pausesUntil = Deadline.now
    /// Ends of idle sessions by the host in a row.
    var idleEnds = 0
    var oneShotUntil: Deadline?
    /// Whether it is in `held`.
    var isHeld = false

    init(_ kind: Kind) {
      self.kind = kind
      way = kind.way
    }
  }

  /// A summary, for people.
  public struct Status: Sendable {
    /// Open sessions, in use or not.
    public var sessions = 0
    /// Log-ins, and scrapes over a session that was there.
    public var opened = 0
    public var reused = 0
    /// Sessions that ended between two scrapes, not by us.
    public var ended = 0
    /// The hosts that are asked one-shot because they end idle sessions.
    public var oneShot: [String] = []

    public init() {}

    public mutating func add(_ other: Status) {
      sessions += other.sessions
      opened += other.opened
      reused += other.reused
      ended += other.ended
      oneShot += other.oneShot
    }
  }

  private var places: [String: Place] = [:]
  private var counts = Status()
  private var isClosed = false
  /// How many sessions of a way may rest, and until when: there was no room for more.
  private var room: [String: (most: Int, until: Deadline)] = [:]
  /// Ways where another failure looked like that, until when that is not believed again.
  private var doubts: [String: Deadline] = [:]
  private let held = Mutex<Set<String>>([])

  public init(on reactor: Reactor, rules: Rules = Rules()) {
    self.reactor = reactor
    self.rules = rules
  }

  // MARK: Life

  /// Runs the body, tends the sessions meanwhile and closes them at its end.
  ///
  /// Without it sessions are tended by scrapes only: a host that asks for signs of life ends them.
  public func serve<Value: Sendable>(_ body: () async -> Value) async -> Value {
    await withTaskGroup(of: Void.self) { group in
      group.addTask(executorPreference: reactor.executor) {
        await self.reactor.open { reactor in await self.tend(on: reactor) }
      }
      let value = await body()
      group.cancelAll()
      await group.waitForAll()
      await reactor.open { reactor in self.close(on: reactor) }
      return value
    }
  }

  /// Closes all sessions; later scrapes are one-shot.
  public func close(on reactor: isolated Reactor) {
    isClosed = true
    for place in places.values { empty(place) }
    places = [:]
  }

  /// Closes the sessions with hosts that are not named: after a change of the inventory.
  public func keep(only names: Set<String>, on reactor: isolated Reactor) {
    for (name, place) in places where !names.contains(name) && !name.isEmpty {
      empty(place)
      places[name] = nil
    }
  }

  /// Whether a session with the host is kept, so that a scrape makes no handshake; from any thread.
  public nonisolated func holds(_ host: String) -> Bool { held.withLock { $0.contains(host) } }

  public func status(on reactor: isolated Reactor) -> Status {
    var status = counts
    status.oneShot = places.values.filter { $0.oneShotUntil?.isPast == false }
      .map(\.kind.name).sorted()
    return status
  }

  /// What the SSH library holds for sessions that are not in use, in bytes.
  public func memory(on reactor: isolated Reactor) -> Int {
    places.values.reduce(0) { sum, place in place.idle.reduce(sum) { $0 + $1.shell.memory } }
  }

  // MARK: Asking

  /// Runs the batches over one session, with `pause` between them; see `HostTarget.ask`.
  func ask(
    _ batches: [Batch], pause: Duration, of kind: Kind, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> [HostAnswer] {
    let place = place(of: kind)
    let last = place.asked
    place.asked = .now
    if isClosed { return await kind.askOnce(batches, pause: pause, on: reactor, by: deadline) }
    if let until = place.oneShotUntil {
      guard until.isPast else {
        var answers = await kind.askOnce(batches, pause: pause, on: reactor, by: deadline)
        if !answers.isEmpty {
          answers[0].steps.append(
            .init(
              name: "one-shot", took: .zero,
              detail: "the host ended \(rules.idleEnds) idle sessions in a row; a session is kept "
                + "again in \(Format.duration(until.remaining))"))
        }
        return answers
      }
      // One more end is enough for another time.
      place.oneShotUntil = nil
      place.idleEnds = max(0, rules.idleEnds - 1)
    }
    var madeRoom = false
    /// A session that was there had ended: it counts as the host's doing if another can be opened.
    var hadEnded = false
    while true {
      if let kept = take(at: place) {
        counts.reused += 1
        if let answers = await run(
          batches, pause: pause, over: kept, from: nil, at: place, seldom: false, on: reactor,
          by: deadline)
        {
          return answers
        }
        counts.reused -= 1
        // What a jump host did is not the host's doing.
        hadEnded = kept.shell.carrierFailure == nil
        continue
      }
      var opening = HostAnswer(time: .now)
      if let failure = place.failure, !place.pausesUntil.isPast {
        opening.failure = failure
        return batches.map { _ in opening }
      }
      do throws(TargetError) {
        let shell = try await kind.open(on: reactor, by: deadline, steps: &opening)
        place.failures = 0
        place.failure = nil
        counts.opened += 1
        counts.sessions += 1
        if madeRoom { room[place.way] = (resting(on: place.way).count, .after(rules.oneShot)) }
        let kept = KeptShell(
          shell, hostKey: opening.hostKey,
          until: .after(rules.age * Double.random(in: 0.8...1.2)))
        if hadEnded { count(endAt: place) }
        // Two scrapes further apart than sessions stay gain nothing by one.
        let seldom = last.map { Deadline.now.since($0) > rules.idle } ?? false
        return await run(
          batches, pause: pause, over: kept, from: opening, at: place, seldom: seldom, on: reactor,
          by: deadline) ?? batches.map { _ in opening }
      } catch {
        if !madeRoom, error.isOfRoom, doubts[place.way]?.isPast ?? true {
          madeRoom = makeRoom(on: place.way, error.isVague ? 1 : nil)
          if madeRoom {
            // A jump host closes connections one after another.
            try? await reactor.sleep(until: min(deadline, .after(.milliseconds(100))))
            continue
          }
        } else if madeRoom {
          doubts[place.way] = .after(rules.oneShot)
        }
        opening.failure = error
        note(error, at: place)
        return batches.map { _ in opening }
      }
    }
  }

  /// Nil if a session that was there before turned out to have ended: nothing was read.
  private func run(
    _ batches: [Batch], pause: Duration, over kept: KeptShell, from opening: HostAnswer?,
    at place: Place, seldom: Bool, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [HostAnswer]? {
    let kind = place.kind
    let shell = kept.shell
    var answers: [HostAnswer] = []
    for (index, batch) in batches.enumerated() {
      if index > 0 { try? await reactor.sleep(until: min(deadline, .after(pause))) }
      let isFirst = index == 0 && opening != nil
      var answer = isFirst ? opening ?? HostAnswer(time: .now) : HostAnswer(time: .now)
      answer.time = .now
      answer.hostKey = kept.hostKey
      answer.isKept = opening == nil
      let before = isFirst ? 0 : shell.received
      let sentBefore = isFirst ? 0 : shell.sent
      let start = Deadline.now
      let nonce = Batch.nonce()
      answer.script = kept.script.text(for: batch, nonce: nonce)
      var frames = Frames(nonce: nonce, limits: batch.limits)
      Activity.step("batch")
      let limit = min(deadline, .after(kind.timeout))
      do throws(TargetError) {
        try await shell.run(
          answer.script, into: &frames, byteLimit: Batch.byteLimit, on: reactor,
          hello: opening == nil && index == 0 ? min(limit, .after(kind.patience)) : limit, by: limit
        )
      } catch {
        // Where the server ended its channel only, there is no shell.
        let hasEnded = [.connectionLost, .timeout, .noShell].contains(error.reason)
        if index == 0, opening == nil, frames.connection == nil, hasEnded, !deadline.isPast,
          !Task.isCancelled
        {
          close(kept, at: place)
          return nil
        }
        answer.failure = shell.carrierFailure ?? error
      }
      kept.scrapes += 1
      answer.session.user = kind.user
      answer.take(frames, of: batch)
      if case .local = kind { answer.session.address = nil }
      answer.received += shell.received - before
      answer.sent += shell.sent - sentBefore
      if opening == nil {
        answer.steps.append(
          .init(name: "session", took: .zero, detail: "kept, scrape \(kept.scrapes)"))
      }
      answer.steps.append(
        .init(
          name: "batch", took: Deadline.now.since(start),
          detail: "\(frames.sections.count) sections"
        ))
      answers.append(answer)
      if let failure = answer.failure {
        close(kept, at: place)
        answers += batches.dropFirst(index + 1).map { _ in
          var missed = HostAnswer(time: .now)
          missed.failure = failure
          return missed
        }
        return answers
      }
    }
    // It has lived from one scrape to the next.
    if opening == nil { place.idleEnds = 0 }
    if seldom { close(kept, at: place) } else { keep(kept, at: place) }
    return answers
  }

  // MARK: Sessions

  private func place(of kind: Kind) -> Place {
    if let place = places[kind.name] {
      if place.kind.isSame(as: kind) {
        place.kind = kind
        return place
      }
      empty(place)
    }
    let place = Place(kind)
    if !isClosed { places[kind.name] = place }
    return place
  }

  /// A session that may be used; those that have lived too long are closed.
  private func take(at place: Place) -> KeptShell? {
    while let kept = place.idle.popLast() {
      if !isSpent(kept) { return kept }
      close(kept, at: place)
    }
    return nil
  }

  private func isSpent(_ kept: KeptShell) -> Bool {
    kept.end.isPast || kept.scrapes >= rules.scrapes || kept.script.isFull
  }

  private func keep(_ kept: KeptShell, at place: Place) {
    guard !isClosed, places[place.kind.name] === place, !isSpent(kept),
      place.idle.count < rules.perHost, counts.sessions <= rules.sessions,
      kept.shell.memory <= rules.memory, !Task.isCancelled, place.oneShotUntil == nil,
      hasRoom(at: place)
    else {
      close(kept, at: place)
      return
    }
    kept.used = .now
    kept.shell.rest()
    place.idle.append(kept)
    if !place.isHeld {
      place.isHeld = true
      held.withLock { _ = $0.insert(place.kind.name) }
    }
  }

  /// Whether a session more may rest on its way.
  private func hasRoom(at place: Place) -> Bool {
    guard let limit = room[place.way] else { return true }
    if limit.until.isPast {
      room[place.way] = nil
      return true
    }
    return resting(on: place.way).count < limit.most
  }

  private func resting(on way: String) -> [(place: Place, kept: KeptShell)] {
    places.values.filter { $0.way == way }.flatMap { place in place.idle.map { (place, $0) } }
  }

  /// Closes that number of the sessions that rest on a way, the longest unused first, or a quarter of them;
  /// false if there are none.
  private func makeRoom(on way: String, _ count: Int?) -> Bool {
    let resting = resting(on: way).sorted { $0.kept.used < $1.kept.used }
    for (place, kept) in resting.prefix(count ?? max(1, resting.count / 4)) {
      place.idle.removeAll { $0 === kept }
      close(kept, at: place)
    }
    return !resting.isEmpty
  }

  private func close(_ kept: KeptShell, at place: Place) {
    counts.sessions -= 1
    kept.shell.close()
    if place.isHeld, place.idle.isEmpty {
      place.isHeld = false
      held.withLock { _ = $0.remove(place.kind.name) }
    }
  }

  private func empty(_ place: Place) {
    while let kept = place.idle.popLast() { close(kept, at: place) }
  }

  /// Counts that the host ended an idle session.
  private func count(endAt place: Place) {
    counts.ended += 1
    place.idleEnds += 1
    if place.idleEnds >= rules.idleEnds {
      place.oneShotUntil = .after(rules.oneShot * Double.random(in: 0.8...1.2))
      empty(place)
    }
  }

  /// Lets the next attempts wait, where the host is what failed.
  private func note(_ error: TargetError, at place: Place) {
    switch error.reason {
    case .cancelled, .notReached, .resting, .localError: return
    default: if error.isOfJumpHost { return }
    }
    let doublings = min(place.failures, 16)
    place.failures += 1
    place.failure = error
    let pause = min(rules.longestPause, rules.pause * (1 << doublings))
    place.pausesUntil = .after(pause * Double.random(in: 0.5...1.5))
  }

  // MARK: Tending

  /// How long it is remembered when a host was asked.
  private static let memory = Duration.seconds(86_400)
  /// Sessions that are tended at once, so that others get their turn in between.
  private static let few = 64

  private func tend(on reactor: isolated Reactor) async {
    while !Task.isCancelled {
      do { try await reactor.sleep(until: .after(rules.tending)) } catch { return }
      var left = Self.few
      for name in Array(places.keys) {
        guard let place = places[name] else { continue }
        left -= max(1, tend(place))
        if left <= 0 {
          left = Self.few
          do { try await reactor.sleep(until: .after(.milliseconds(1))) } catch { return }
        }
      }
    }
  }

  /// Tends the sessions of a host that were not used just now; their number.
  private func tend(_ place: Place) -> Int {
    let now = Deadline.now
    let tended = place.idle.filter { now.since($0.used) >= rules.tending }
    for kept in tended {
      let mayStay = !isSpent(kept) && now.since(kept.used) < rules.idle
      if mayStay, kept.shell.tend(), kept.shell.memory <= rules.memory { continue }
      place.idle.removeAll { $0 === kept }
      let isHosts = mayStay && kept.shell.carrierFailure == nil
      close(kept, at: place)
      if isHosts { count(endAt: place) }
    }
    // What is known of a host that nobody asks for any more.
    if place.idle.isEmpty, place.oneShotUntil == nil || place.oneShotUntil?.isPast == true,
      place.asked.map({ now.since($0) > max(Self.memory, rules.idle * 2) }) ?? false
    {
      places[place.kind.name] = nil
    }
    return tended.count
  }
}

extension TargetError {
  /// Whether there was no room for another connection: here, or at a jump host.
  fileprivate var isOfRoom: Bool {
    reason == .busy || isVague || reason == .localError && detail.contains("ulimit")
  }
}

extension KeptSessions.Kind {
  var way: String {
    if case .ssh(let target) = self { target.tunnel?.hop.pathKey ?? "" } else { "" }
  }

  var user: String? {
    if case .ssh(let target) = self { target.user } else { nil }
  }

  /// How long a batch may take.
  var timeout: Duration {
    switch self {
    case .ssh(let target): target.timeouts.batch
    case .local(let target): target.timeout
    }
  }

  /// How long a shell that was there may be silent before it counts as gone.
  var patience: Duration {
    switch self {
    case .ssh(let target): target.timeouts.connect
    case .local: .seconds(5)
    }
  }

  func isSame(as other: Self) -> Bool {
    switch (self, other) {
    case (.ssh(let one), .ssh(let two)): one.isSame(as: two)
    case (.local, .local): true
    default: false
    }
  }

  func open(
    on reactor: isolated Reactor, by deadline: Deadline, steps: inout HostAnswer
  ) async throws(TargetError) -> any BatchShell {
    switch self {
    case .ssh(let target): try await target.open(on: reactor, by: deadline, steps: &steps)
    case .local: try LocalShell()
    }
  }

  func askOnce(
    _ batches: [Batch], pause: Duration, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [HostAnswer] {
    switch self {
    case .ssh(let target):
      await target.askOnce(batches, pause: pause, on: reactor, by: deadline)
    case .local(let target):
      await target.askOnce(batches, pause: pause, on: reactor, by: deadline)
    }
  }
}
