internal import CLinux
public import Engine
internal import Glibc
internal import Metrics
internal import Probes

/// Prevents a second pass while one runs.
///
/// The lock is flock(2) on a file beside the store: the kernel releases it when the process ends. The
/// file names the holder, its deadline, and how the last holder ended.
public struct Lock: ~Copyable {
  private let descriptor: FileDescriptor
  private var record: LockRecord
  /// The last pass if it did not end in order.
  public let unfinished: Unfinished?

  /// Who takes it: one pass, or the watch.
  public enum Command: Sendable {
    case run, watch
  }

  /// The holder of the lock.
  public struct Held: Error {
    /// Nil if unreadable.
    var record: LockRecord?
    /// Why an overdue holder could not be ended.
    var obstacle: String?

    /// The message for the pass that did not get the lock.
    public var text: String {
      let holder =
        record.map { "process \($0.process), since \(Format.time($0.since))" } ?? "not readable"
      if let record, record.command == .watch, record.overdue == .zero {
        return "`scrape watch` is running (\(holder)); leaving it alone"
      }
      guard let record, record.overdue > .zero else {
        return "another pass is running (\(holder)); leaving it alone"
      }
      let overdue = "\(Format.duration(record.overdue)) past its deadline"
      guard let obstacle else {
        return
          "another pass is running (\(holder)), \(overdue); it is ended when that is more than "
          + Format.duration(Lock.patience)
      }
      return "another pass (\(holder)) is \(overdue) and holds the lock; \(obstacle)"
    }
  }

  /// A pass that was ended by force.
  public struct Unfinished: Sendable, Equatable {
    enum End: Sendable {
      /// By its own watchdog.
      case overdue
      /// By this pass: it was past its deadline and held the lock.
      case killed
      /// By something else: the OOM killer, kill(1), a crash.
      case vanished

      var reason: Reason {
        switch self {
        case .overdue: .overdue
        case .killed: .killed
        case .vanished: .vanished
        }
      }
    }
    var record: LockRecord
    var end: End
  }

  /// The time after its deadline at which the next pass ends a pass. Its own watchdog ends it earlier,
  /// after `PassWatchdog.patience`.
  static let patience = Duration.seconds(60)

  /// Takes the lock, or returns the holder.
  init(beside store: String, until deadline: Deadline, as command: Command = .run) throws {
    try self.init(beside: store, until: deadline, as: command, killed: nil)
  }

  private init(
    beside store: String, until deadline: Deadline, as command: Command, killed: LockRecord?
  ) throws {
    let path = store + ".lock"
    let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard number >= 0 else { throw SystemError("open \(path)") }
    let descriptor = FileDescriptor(owning: number)
    let isFree = flock(number, LOCK_EX | LOCK_NB) == 0
    var text = [UInt8](repeating: 0, count: 16 << 10)
    let count = pread(number, &text, text.count, 0)
    let before = LockRecord(String(decoding: text.prefix(max(0, count)), as: UTF8.self))
    guard isFree else { throw Held(record: before) }
    self.descriptor = descriptor
    unfinished = Self.unfinished(before, killed: killed)
    record = LockRecord(until: deadline, as: command == .watch ? .watch : .run)
    Self.write(record, to: number)
  }

  private static func unfinished(_ before: LockRecord?, killed: LockRecord?) -> Unfinished? {
    if let killed { return Unfinished(record: killed, end: .killed) }
    guard let before else { return nil }
    switch before.state {
    case .ended, .interrupted: return nil
    case .overdue: return Unfinished(record: before, end: .overdue)
    // A pass of an earlier boot ended with that boot.
    case .running:
      return before.boot == OwnClock.boot ? Unfinished(record: before, end: .vanished) : nil
    }
  }

  /// Takes the lock; ends a holder that exceeds its deadline by more than `patience`.
  public static func take(
    beside store: String, until deadline: Deadline, as command: Command = .run
  ) async throws -> Lock {
    do {
      return try Lock(beside: store, until: deadline, as: command)
    } catch var held as Held {
      guard let record = held.record, record.state == .running || record.state == .interrupted,
        record.overdue > patience
      else { throw held }
      // SIGTERM first: the holder may still close its store in order.
      for (signal, wait) in [(SIGTERM, 3.0), (SIGKILL, 2.0)] {
        if let obstacle = end(record, with: signal) {
          held.obstacle = obstacle
          throw held
        }
        let limit = Deadline.after(.seconds(wait))
        while !limit.isPast {
          do {
            return try Lock(beside: store, until: deadline, as: command, killed: record)
          } catch is Held {
            try? await Task.sleep(for: .milliseconds(50))
          }
        }
      }
      held.obstacle =
        LockRecord.beginning(of: record.process) == record.began
        ? "it does not end by SIGKILL either: it waits for the kernel, as for a disk"
        : "its process is gone, but one that it began holds the lock: `fuser \(store).lock`"
      throw held
    }
  }

  /// Sends a signal to the holder if it is still that process; else returns why not.
  private static func end(_ record: LockRecord, with signal: Int32) -> String? {
    let process = FileDescriptor(owning: scrape_process_descriptor(record.process))
    guard process.number >= 0 else { return nil }
    // The descriptor now refers to one process; check that this wrote the record.
    guard let began = LockRecord.beginning(of: record.process) else { return nil }
    guard began == record.began else {
      return "process \(record.process) is another one by now; who holds the lock is not known"
    }
    if scrape_process_signal(process.number, signal) != 0, errno != ESRCH {
      return "it cannot be ended: \(SystemError("kill").message)"
    }
    return nil
  }

  /// The means of the watchdog to write into the lock, valid as long as the process lives.
  public var note: Note { Note(descriptor: descriptor.number, record: record) }

  public struct Note: Sendable {
    fileprivate let descriptor: Int32
    fileprivate let record: LockRecord

    /// The same of a holder that goes on; written at once.
    func extended(to deadline: Deadline) -> Note {
      var record = record
      record.deadline = deadline.nanoseconds
      Lock.write(record, to: descriptor)
      return Note(descriptor: descriptor, record: record)
    }

    func callAsFunction(_ state: LockRecord.State, waits: [String] = []) {
      var record = record
      record.state = state
      record.waits = waits.map { String($0.unicodeScalars.filter { $0.value >= 0x20 }) }
      Lock.write(record, to: descriptor)
    }
  }

  private static func write(_ record: LockRecord, to descriptor: Int32) {
    let text = record.text
    // One write, then truncation: a concurrent reader sees a whole record.
    _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    ftruncate(descriptor, off_t(text.utf8.count))
  }

  /// Releases the lock.
  public consuming func release() {}

  // Not reached by a killed process.
  deinit { note(.ended) }
}
