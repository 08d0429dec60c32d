internal import CLinux
internal import Glibc
internal import Synchronization

/// A program that runs on this machine in its own process group.
///
/// Releasing the object kills the whole group. The program is always reaped: one that takes long to die (in an
/// uninterruptible disk wait, or on a busy machine) when a later one starts or ends.
public final class ChildProcess {
  /// Killed programs that had not died yet when their objects were released.
  private static let left = Mutex<[pid_t]>([])

  private let process: pid_t
  private var isReaped = false
  public let input: FileDescriptor
  public let output: FileDescriptor
  public let errors: FileDescriptor
  /// Becomes readable when the program has ended.
  public let end: FileDescriptor

  /// Starts the program; without variables it inherits those of this process. Standard error is
  /// discarded unless requested. The corresponding C function is `posix_spawn`.
  public init(
    _ program: String, _ words: [String], environment: [String]? = nil, wantsErrors: Bool = false
  ) throws(SystemError) {
    Self.reapLeft()
    let (nearInput, farInput) = try Self.pair()
    input = FileDescriptor(owning: nearInput)
    let childInput = FileDescriptor(owning: farInput)
    let (nearOutput, farOutput) = try Self.pair()
    output = FileDescriptor(owning: nearOutput)
    let childOutput = FileDescriptor(owning: farOutput)
    let (nearErrors, farErrors) = try Self.pair()
    errors = FileDescriptor(owning: nearErrors)
    let childErrors = FileDescriptor(owning: farErrors)
    for descriptor in [nearInput, nearOutput, nearErrors] {
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, childInput.number, 0)
    posix_spawn_file_actions_adddup2(&actions, childOutput.number, 1)
    if wantsErrors {
      posix_spawn_file_actions_adddup2(&actions, childErrors.number, 2)
    } else {
      posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The reactor's thread blocks all signals; the program and its children must not.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    // Ignored signals of this process would be ignored in the child, too.
    var usual = sigset_t()
    sigemptyset(&usual)
    sigaddset(&usual, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &usual)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var arguments = words.map { strdup($0) } + [nil]
    var variables = (environment ?? []).map { strdup($0) } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var process: pid_t = 0
    let code =
      environment == nil
      ? posix_spawn(&process, program, &actions, &attributes, &arguments, environ)
      : posix_spawn(&process, program, &actions, &attributes, &arguments, &variables)
    guard code == 0 else {
      throw SystemError("posix_spawn", code)
    }
    let descriptor = scrape_process_descriptor(process)
    guard descriptor >= 0 else {
      let error = SystemError("pidfd_open")
      kill(-process, SIGKILL)
      waitpid(process, nil, 0)
      throw error
    }
    end = FileDescriptor(owning: descriptor)
    self.process = process
  }

  private static func pair() throws(SystemError) -> (near: Int32, far: Int32) {
    var pair: [Int32] = [0, 0]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
      throw SystemError("socketpair")
    }
    return (pair[0], pair[1])
  }

  deinit {
    guard !isReaped else { return }
    kill(-process, SIGKILL)
    Self.left.withLock { $0.append(process) }
    for _ in 0..<100 where Self.reapLeft().contains(process) { usleep(1_000) }
  }

  /// Reaps what has died meanwhile, and returns the others.
  @discardableResult
  private static func reapLeft() -> [pid_t] {
    left.withLock { left in
      left.removeAll { waitpid($0, nil, WNOHANG) != 0 }
      return left
    }
  }

  /// Kills the rest of the group and returns the program's exit status; nil if a signal ended it or
  /// it still runs.
  public func reap() -> Int32? {
    guard !isReaped else { return nil }
    kill(-process, SIGKILL)
    var status: Int32 = 0
    guard waitpid(process, &status, WNOHANG) == process else { return nil }
    isReaped = true
    return status & 0x7f == 0 ? status >> 8 & 0xff : nil
  }
}
