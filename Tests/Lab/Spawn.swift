import CLab
import Foundation

/// A child process in a process group of its own.
///
/// Foundation's `Process` is not used: it reaps through a run loop, which a test's thread has not.
final class Child: @unchecked Sendable {
  let identifier: pid_t
  private let lock = NSLock()
  private var status: Int32?

  init(
    _ program: String, _ arguments: [String], environment: [String: String], input: String?,
    output: String, errors: String
  ) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
    let flags = O_WRONLY | O_CREAT | O_APPEND
    posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errors, flags, 0o600)
    // Nothing of what tests hold open: some daemons count the descriptors that they begin with.
    lab_inherit_nothing(&actions)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // What this process ignores, its children must not.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    // What it blocks, they must not: busybox's sh waits for SIGCHLD.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var words = ([program] + arguments).map { strdup($0) } + [nil]
    var variables =
      ProcessInfo.processInfo.environment.merging(environment) { $1 }
      .filter { !$0.value.isEmpty }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (words + variables).forEach { free($0) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, program, &actions, &attributes, &words, &variables)
    guard code == 0 else {
      throw Unavailable(description: "\(program): \(String(cString: strerror(code)))")
    }
    identifier = pid
  }

  /// The exit status as a shell gives it, once the child has ended.
  var exit: Int32? {
    lock.withLock {
      if status == nil {
        var word: Int32 = 0
        if waitpid(identifier, &word, WNOHANG) == identifier {
          status = word & 0x7f == 0 ? word >> 8 & 0xff : 128 + word & 0x7f
        }
      }
      return status
    }
  }

  /// Signals the whole group and waits until the child has ended, and for two seconds for those that it
  /// began: a daemon under timeout(1) outlives that by a moment, with its port.
  func stop(_ signal: Int32) {
    while exit == nil {
      kill(-identifier, signal)
      usleep(5_000)
    }
    for _ in 0..<400 {
      guard groupLives else { return }
      kill(-identifier, signal)
      usleep(5_000)
    }
  }

  /// Whether anything of the group still runs. What has ended and was not fetched by init yet does not.
  private var groupLives: Bool {
    guard kill(-identifier, 0) == 0 else { return false }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.contains { name in
      guard name.first?.isNumber == true,
        let stat = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
        // The name in brackets may hold anything; behind it stand state, parent and group.
        let end = stat.lastIndex(of: ")")
      else { return false }
      let words = stat[end...].split(separator: " ")
      return words.count > 3 && words[1] != "Z" && words[3] == "\(identifier)"
    }
  }
}

/// Why a daemon or a tool cannot be used here.
public struct Unavailable: Error, CustomStringConvertible {
  public var description: String

  public init(description: String) { self.description = description }
}
