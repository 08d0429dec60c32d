import CClock
import Engine
import Foundation
import Lab
import Synchronization
import Testing

@testable import Metrics
@testable import Passes
@testable import Scraper
@testable import Store

/// A watch in this process, whose clock the test moves: as soon as nobody is being asked, it is later.
///
/// All clocks of the process move, so that a suite that uses it must not have a time limit.
final class SimulatedWatch: Sendable {
  let scratch = Scratch()
  let store: Store
  private let voice = Voice()
  private let watchdog: PassWatchdog
  private let watch: Watch

  /// What the watch said.
  var lines: [String] { voice.lines.withLock { $0 } }

  private final class Voice: WatchVoice {
    let lines = Mutex<[String]>([])
    let ticks = Atomic(0)
    func say(_ notable: Notable) {
      lines.withLock { $0.append("\(notable.kind.rawValue) \(notable.text)") }
    }
    func isReady() {}
    func status(_ text: String) {}
    func isAlive() { ticks.add(1, ordering: .sequentiallyConsistent) }
    func isStopping() {}
  }

  /// Begins at that time of the day; all later times follow from it.
  init(hosts: String, settings: String, at start: Date) async throws {
    scratch.write("inventory/hosts.yml", hosts)
    scratch.write("inventory/scrape.yml", settings)
    Self.ahead.store(1, ordering: .sequentiallyConsistent)
    clock_set_ahead(1)
    clock_set_wall(0)
    clock_set_wall(Int64((start.timeIntervalSince1970 - Date().timeIntervalSince1970) * 1e9))
    let site = try Site(
      Arguments(
        [
          "--inventory", "\(scratch.path)/inventory", "--store", "\(scratch.path)/state/scrape.db",
        ], options: Site.options))
    store = site.store()
    try await store.open()
    watchdog = try PassWatchdog(by: .after(.seconds(600)), isWatch: true)
    watch = Watch(
      WatchSetup(site: site, hosts: site.inventory.hosts, sinks: [], fanout: 100), store: store,
      watchdog: watchdog, note: nil, unfinished: nil, spool: nil, voice: voice
    ) { .failure(WatchError(text: "the files do not change", line: "")) }
  }

  deinit {
    clock_set_ahead(0)
    clock_set_wall(0)
  }

  private static let ahead = Atomic<Int64>(0)

  /// Nanoseconds of the clock that nobody moves.
  private static var real: Int64 { Deadline.now.nanoseconds - ahead.load(ordering: .relaxed) }

  /// Runs for that time, in steps; the body is called after each step with the time since the begin.
  func run(
    for length: Duration, step: Duration, _ body: @escaping @Sendable (Duration) -> Void = { _ in }
  ) async -> Watch.End {
    var watch = watch
    watch.companions.append { [self] _ in
      await withCheckedContinuation { done in
        Thread {
          self.move(length, step, body)
          done.resume()
        }.start()
      }
      return true
    }
    return await watchdog.activities.run("watch") { [watch] in await watch.run() }
  }

  /// On a thread of its own.
  private func move(_ length: Duration, _ step: Duration, _ body: (Duration) -> Void) {
    var passed = Duration.zero
    settle()
    while passed < length {
      passed += step
      let sum = Self.ahead.add(step.nanoseconds, ordering: .sequentiallyConsistent).newValue
      clock_set_ahead(sum)
      settle()
      body(passed)
    }
  }

  /// Waits until the loop has seen the time, and nobody is being asked any more.
  private func settle() {
    let limit = Self.real + 60_000_000_000
    let before = voice.ticks.load(ordering: .sequentiallyConsistent)
    var quiet = 0
    while quiet < 2, Self.real < limit {
      usleep(400)
      // Its own activity is the watch.
      let isIdle =
        voice.ticks.load(ordering: .sequentiallyConsistent) > before
        && watchdog.activities.descriptions.count <= 1
      quiet = isIdle ? quiet + 1 : 0
    }
  }
}

/// What a process holds.
struct Holdings: CustomStringConvertible {
  /// Bytes that malloc(3) gave out.
  var heap = Int(clock_heap_bytes())
  var descriptors = Holdings.count("/proc/self/fd")
  var threads = Holdings.count("/proc/self/task")
  var children: Int

  init() {
    let list = try? String(
      contentsOfFile: "/proc/self/task/\(getpid())/children", encoding: .utf8)
    children = (list ?? "").split(separator: " ").count
  }

  private static func count(_ folder: String) -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: folder))?.count ?? 0
  }

  var description: String {
    "\(heap) bytes, \(descriptors) descriptors, \(threads) threads, \(children) children"
  }
}
