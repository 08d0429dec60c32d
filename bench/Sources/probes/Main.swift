import Configuration
import Engine
import Glibc
import Probes

/// Measures what one question to a service costs; `bench/run` calls it.
///
///     probes SPEC COUNT ADDRESS...   asks COUNT times, the addresses in turn, all at the same time
///
/// Prints: CPU in µs per probe, wall in ms, how many were ok.
@main
struct Main {
  static func main() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.count >= 3, let count = Int(words[1]), count > 0 else {
      print("usage: probes SPEC COUNT ADDRESS...")
      exit(2)
    }
    var findings = Findings()
    let reader = ProbeReader(modules: nil, &findings)
    let node = try YAML.read(Source("SPEC", text: words[0], isFile: false))
    let plan = reader.plan(node, &findings)
    try findings.finish()
    guard let plan else { exit(2) }
    let kit = ProbeKit(reserved: [])
    let contexts = (0..<count).map { index in
      ProbeContext(host: "host\(index)", address: words[2 + index % (words.count - 2)], kit: kit)
    }
    let reactor = Reactor()
    // Once for what is made once.
    _ = await reactor.ask(plan, contexts[0])
    let (cpu, start) = (cpuSeconds(), Deadline.now)
    let oks = await withTaskGroup(of: Bool.self) { group in
      for context in contexts {
        group.addTask(executorPreference: reactor.executor) {
          await reactor.ask(plan, context)
        }
      }
      var oks = 0
      while let isOK = await group.next() { oks += isOK ? 1 : 0 }
      return oks
    }
    let used = (cpuSeconds() - cpu) / Double(count) * 1e6
    let wall = Deadline.now.since(start).components
    let milliseconds = wall.seconds * 1000 + wall.attoseconds / 1_000_000_000_000_000
    print("\((used * 10).rounded() / 10) µs CPU, \(milliseconds) ms, \(oks) of \(count) ok")
  }

  static func cpuSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}

extension Reactor {
  func ask(_ plan: ProbePlan, _ context: ProbeContext) async -> Bool {
    let results = await Probes.run([plan], of: context, on: self, by: .after(.seconds(20)))
    return results.first?.verdict.severity == .ok
  }
}
