internal import Engine
internal import Glibc
internal import Metrics
internal import Synchronization

/// The SSH penalties of this machine at servers, for connections without a login, kept across
/// processes.
///
/// OpenSSH 9.8 and later count a second of penalty for each, and from 15 s on they refuse the
/// address until all of it has expired (sshd_config(5), PerSourcePenalties). The same account is
/// kept here: a connection that would raise it above half of that waits until enough has expired.
/// After a refusal the back-off grows each time.
///
/// The file has 512 buckets of eight records and never more. If it is not writable, the account is
/// limited to this process.
final class ContactBook: Sendable {
  /// The penalties at one server; instants in nanoseconds since 1970.
  struct Account: Sendable, Equatable {
    var key: UInt64 = 0
    /// The time at which all penalties have expired.
    var clear: Int64 = 0
    /// The end of the back-off.
    var leftUntil: Int64 = 0
    /// The number of refusals in a row.
    var refusals: Int64 = 0
  }

  /// The result of a connection, as the server counts it.
  enum Cost {
    /// A login, or a connection that the server did not see.
    case nothing
    case contact
    case failedLogin
    case refusal
  }

  /// A second, plus a margin for clocks and the network.
  static let contact = Duration.milliseconds(1_100)
  /// `authfail`, with the same margin.
  static let failedLogin = Duration.milliseconds(5_100)
  /// Half of OpenSSH's limit: others may connect from this address, too.
  static let most = Duration.milliseconds(7_500)
  /// OpenSSH's minimum penalty, plus a second; it doubles with each refusal in a row.
  static let rest = Duration.seconds(16)
  /// OpenSSH's maximum penalty.
  static let longestRest = Duration.seconds(600)

  private static let files = BlockingPool(name: "contacts", threads: 1)
  private static let buckets: UInt64 = 512
  private static let perBucket = 8

  private let path: String?
  private let own = Mutex<[UInt64: Account]>([:])

  /// Nil keeps the account in this process only.
  init(path: String?) { self.path = path }

  /// Waits until a connection is allowed, at most half of the remaining time, and counts it.
  ///
  /// Throws the probe's verdict if it is not.
  func enter(
    _ server: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) {
    let patience = (deadline.remaining / 2).nanoseconds
    let turn = await update(server, on: reactor) { account, now in
      account.enter(at: now, patience: patience)
    }
    switch turn {
    case .now: return
    case .after(let wait):
      do throws(WaitError) { try await reactor.sleep(until: .after(wait)) } catch {
        throw Verdict(error, while: "an SSH server forgets earlier contacts")
      }
      // Another process may have been refused meanwhile.
      let left = await update(server, on: reactor) { account, now in account.rest(at: now) }
      if let left { throw Self.leftAlone(left) }
    case .crowded(let wait):
      throw Verdict(
        .unknown, .notReached,
        "not asked: this machine contacted it so often that it might be refused; in "
          + "\(wait.secondsForPeople) s it may again (PerSourcePenalties)")
    case .left(let wait): throw Self.leftAlone(wait)
    }
  }

  private static func leftAlone(_ wait: Duration) -> Verdict {
    Verdict(
      .minor, .refusedByProtection,
      "the server turned us away before, and is left alone for \(wait.secondsForPeople) s; exempt this "
        + "machine (PerSourcePenaltyExemptList)")
  }

  /// Counts the result of an allowed connection.
  func leave(_ server: String, _ cost: Cost, on reactor: isolated Reactor) async {
    await update(server, on: reactor) { account, now in account.leave(cost, at: now) }
  }

  /// Counts a connection that was made without being allowed: its protocol was not known before.
  func count(_ server: String, _ cost: Cost, on reactor: isolated Reactor) async {
    await update(server, on: reactor) { account, now in
      _ = account.enter(at: now, patience: .max)
      account.leave(cost, at: now)
    }
  }

  // MARK: File

  @discardableResult
  private func update<Value: Sendable>(
    _ server: String, on reactor: isolated Reactor,
    _ change: @escaping @Sendable (inout Account, Int64) -> Value
  ) async -> Value {
    let key = Self.key(server)
    if let path {
      let done = await Self.files.finish(on: reactor) { () -> Value? in
        Self.update(key, in: path, change)
      }
      if let done { return done }
    }
    return own.withLock { change(&$0[key, default: Account(key: key)], Timestamp.now.nanoseconds) }
  }

  /// Nil if the file is unusable.
  private static func update<Value>(
    _ key: UInt64, in path: String, _ change: (inout Account, Int64) -> Value
  ) -> Value? {
    if let slash = path.lastIndex(of: "/") { mkdir(String(path[..<slash]), 0o700) }
    let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard number >= 0 else { return nil }
    let file = FileDescriptor(owning: number)
    // Held for microseconds. A process that was stopped with it must not stop the others.
    for _ in 0..<100 where flock(file.number, LOCK_EX | LOCK_NB) != 0 { usleep(2_000) }
    let size = perBucket * MemoryLayout<Account>.stride
    let place = off_t(key % buckets) * off_t(size)
    var bucket = [Account](repeating: Account(), count: perBucket)
    // New parts of the file are zero.
    _ = bucket.withUnsafeMutableBytes { pread(file.number, $0.baseAddress, size, place) }
    let now = Timestamp.now.nanoseconds
    let index =
      bucket.firstIndex { $0.key == key }
      ?? bucket.indices.min { bucket[$0].end < bucket[$1].end } ?? 0
    if bucket[index].key != key { bucket[index] = Account(key: key) }
    let value = change(&bucket[index], now)
    let written = bucket.withUnsafeBytes { pwrite(file.number, $0.baseAddress, size, place) }
    return written == size ? value : nil
  }

  /// FNV-1a of the server's name: two servers with one key only wait for each other.
  static func key(_ server: String) -> UInt64 {
    max(1, server.utf8.fnv1a)
  }
}

extension ContactBook.Account {
  enum Turn: Sendable, Equatable {
    case now
    case after(Duration)
    /// The wait would be too long.
    case crowded(Duration)
    /// The server refused this machine lately.
    case left(Duration)
  }

  /// Whether nothing is left to store.
  var end: Int64 { max(clear, leftUntil) }

  /// Takes the next slot, if it comes soon enough.
  mutating func enter(at now: Int64, patience: Int64) -> Turn {
    if let left = rest(at: now) { return .left(left) }
    let counted = max(clear, now) + ContactBook.contact.nanoseconds
    let wait = max(0, counted - ContactBook.most.nanoseconds - now)
    guard wait <= patience else { return .crowded(.nanoseconds(wait)) }
    clear = counted
    return wait == 0 ? .now : .after(.nanoseconds(wait))
  }

  /// The remaining back-off; nil if there is none.
  mutating func rest(at now: Int64) -> Duration? {
    mend(at: now)
    return leftUntil > now ? .nanoseconds(leftUntil - now) : nil
  }

  mutating func leave(_ cost: ContactBook.Cost, at now: Int64) {
    mend(at: now)
    switch cost {
    case .nothing:
      clear = max(now, clear - ContactBook.contact.nanoseconds)
      refusals = 0
    case .contact: refusals = 0
    case .failedLogin:
      clear = max(now, clear) + (ContactBook.failedLogin - ContactBook.contact).nanoseconds
      refusals = 0
    case .refusal:
      refusals = min(refusals + 1, 7)
      let rest = ContactBook.rest.nanoseconds << (refusals - 1)
      leftUntil = now + min(rest, ContactBook.longestRest.nanoseconds)
    }
  }

  /// A clock that was set back, or a foreign file, must not cause a wait of days.
  private mutating func mend(at now: Int64) {
    if clear < now || clear > now + 60_000_000_000 { clear = now }
    if leftUntil > now + ContactBook.longestRest.nanoseconds { leftUntil = 0 }
    if refusals < 0 || leftUntil < now - 2 * ContactBook.longestRest.nanoseconds { refusals = 0 }
    refusals = min(refusals, 7)
  }
}

extension Duration {
  /// Whole seconds, rounded up, for people.
  fileprivate var secondsForPeople: Int64 { (nanoseconds + 999_999_999) / 1_000_000_000 }
}
