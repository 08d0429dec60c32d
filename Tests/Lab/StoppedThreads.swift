import CLab
import Foundation
import Synchronization

/// Threads of another process that stand still, as under a debugger, until this is let go of.
public final class StoppedThreads: Sendable {
  private let release = DispatchSemaphore(value: 0)
  /// How many were stopped.
  public let count: Int

  /// Stops those that bear the name: `reactor`.
  public init(named name: String, of process: Int32) {
    let done = DispatchSemaphore(value: 0)
    final class Box: Sendable { let count = Atomic<Int>(0) }
    let box = Box()
    Thread.detachNewThread { [release] in
      var stopped = Self.threads(of: process, named: name)
      stopped.removeAll { lab_stop_thread($0) != 0 }
      box.count.store(stopped.count, ordering: .relaxed)
      done.signal()
      // The kernel lets them run when the one that stopped them ends.
      while release.wait(timeout: .now() + .milliseconds(20)) == .timedOut {
        stopped.removeAll { lab_reap_thread($0) != 0 }
      }
    }
    done.wait()
    count = box.count.load(ordering: .relaxed)
  }

  deinit { release.signal() }

  /// The threads of a process with that name.
  public static func threads(of process: Int32, named name: String) -> [Int32] {
    let folder = "/proc/\(process)/task"
    let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return all.filter {
      let name = name + "\n"
      return (try? String(contentsOfFile: "\(folder)/\($0)/comm", encoding: .utf8)) == name
    }.compactMap { Int32($0) }
  }
}
