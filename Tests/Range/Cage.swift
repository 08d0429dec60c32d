import Foundation
import Lab

/// A process namespace around the range: when this program ends, however it does, the kernel ends every
/// daemon with it. All files of theirs lie in one folder.
enum Cage {
  private static let mark = "LAB_RANGE_FOLDER"

  /// Begins this program again inside of one. It returns inside, and where none can be made.
  static func enter() {
    if let folder = ProcessInfo.processInfo.environment[mark] {
      watch(folder)
      return
    }
    let options = ["--pid", "--fork", "--kill-child", "--mount-proc"]
    guard (try? run("/usr/bin/unshare", options + ["/bin/true"]).status) == 0,
      let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    else { return }
    let folder = NSTemporaryDirectory() + "range-" + UUID().uuidString.prefix(8)
    // Daemons of other users look into it.
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    setenv(mark, folder, 1)
    setenv("TMPDIR", folder, 1)
    // The shell is the first process, which must fetch what others left behind.
    let words =
      ["unshare"] + options + ["/bin/sh", "-c", "\"$0\" \"$@\"; exit $?", own]
      + CommandLine.arguments.dropFirst()
    var pointers = words.map { strdup($0) } + [nil]
    execv("/usr/bin/unshare", &pointers)
  }

  /// Ends with its folder when a person or the system ends it.
  private static func watch(_ folder: String) {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        leave()
        exit(128 + number)
      }
      source.activate()
      sources.withLock { $0.append(source) }
    }
  }

  /// Removes the folder.
  static func leave() {
    guard let folder = ProcessInfo.processInfo.environment[mark] else { return }
    try? FileManager.default.removeItem(atPath: folder)
  }

  private static let sources = Kept()

  private final class Kept: @unchecked Sendable {
    private let lock = NSLock()
    private var all: [any DispatchSourceSignal] = []
    func withLock(_ body: (inout [any DispatchSourceSignal]) -> Void) {
      lock.withLock { body(&all) }
    }
  }
}
