public import Metrics
import Parsers

/// Number of processes in each state, under Telegraf's `processes`, and those that use the most,
/// under `procstat`.
public enum ProcessesCollector: Collector {
  public static let name = "processes"
  public static let summary = "processes by state, and those that use the most CPU and memory"
  public static let measurements = [
    Measurement(
      "processes",
      """
      Processes by state. Nothing is written where `/proc` hides the processes of others \
      (`hidepid`).
      """,
      source: "`/proc/*/stat`",
      fields: [
        .integer(
          "running", "sleeping", "blocked", "zombies", "stopped", "idle", "paging", "dead",
          "parked", "unknown", means: "Processes in that state"),
        .integer("total", "total_threads", means: "All processes, and their threads"),
      ]),
    // Telegraf has the name in a tag; but here a participant chooses it, and a program that renames
    // itself at every run would fill the database with series.
    Measurement(
      "procstat",
      """
      The processes that used the most CPU since the previous run, and those that hold the \
      most memory: five of each, or as many as the option `top` sets.
      """,
      source: "`/proc/*/stat`", tags: ["by": "`cpu`, `memory`", "rank": "1 is the most"],
      fields: [
        .string("process", means: "Its name, which its user may choose"),
        .integer("pid", "ppid", "num_threads", means: "Its number, its parent's, and its threads"),
        .string(
          "status",
          means: "`running`, `sleep`, `blocked`, `idle`, `stop`, `zombie`, `wait`, `lock`"),
        .float("cpu_usage", unit: .percent, means: "Share of one CPU (rate)"),
        .float(
          "cpu_time_user", "cpu_time_system", unit: .seconds, means: "CPU time since it was started"
        ),
        .integer("memory_rss", "memory_vms", unit: .bytes, means: "Resident and virtual memory"),
        .float("memory_usage", unit: .percent, means: "Share of all memory"),
      ]),
  ]
  public static let files = ["/proc/meminfo", "/proc/vmstat"]
  public static let byteLimit = 1 << 20
  public static let options = [
    CollectorOption(
      "top", .integer, default: "5", "Processes to name, at most 20, those that use most first.")
  ]

  /// Those that end while `cat` walks over them are not missed. cat's own complaints about them, and
  /// its status, mean nothing.
  public static func script(_ options: CollectorOptions) -> String? {
    "exec cat /proc/[0-9]*/stat 2>/dev/null"
  }

  /// proc(5): times are in ticks of USER_HZ, a hundredth of a second on all but long-gone machines.
  private static let ticksPerSecond = 100.0

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let processes = try host.parseOutput(as: Processes.self).processes
    guard processes.contains(where: { $0.pid == 1 }) else {
      throw CollectorError(.permission, "/proc hides the processes of others (hidepid)")
    }
    sample.points.append(counts(of: processes))

    var used: [(process: Processes.Process, ticks: UInt64?)] = []
    used.reserveCapacity(processes.count)
    let before = host.previous?.values["processes"].map(Kept.init)
    var kept: [UInt64] = []
    for process in processes {
      let ticks = process.userTime.addingReportingOverflow(process.systemTime).partialValue
      // A process that has used nothing needs no record: its absence means zero.
      if ticks > 0 {
        kept.append(process.pid)
        kept.append(process.startTime)
        kept.append(ticks)
      }
      used.append((process, before?.ticks(process, now: ticks)))
    }
    sample.memory["processes"] = kept

    let top = max(0, min(20, host.options.integer("top", default: 5)))
    let memory = try? host.parse("/proc/meminfo", as: Meminfo.self)
    var pageSize: UInt64?
    if let memory, let pages = try? host.parse("/proc/vmstat", as: Vmstat.self) {
      pageSize = PageSize.infer(memory, pages)
    }
    let total = memory?["MemTotal"]
    func add(by: String, rank: Int, _ use: (process: Processes.Process, ticks: UInt64?)) {
      var point = point(of: use.process, pageSize: pageSize, total: total)
      point.tag("by", by)
      point.tag("rank", "\(rank)")
      if let ticks = use.ticks, let elapsed = host.elapsed {
        point.percent("cpu_usage", 100 * Double(ticks) / (ticksPerSecond * elapsed))
      }
      sample.points.append(point)
    }
    if before != nil, host.elapsed != nil {
      let busy = used.filter { ($0.ticks ?? 0) > 0 }
      for (index, use) in greatest(top, of: busy, by: { $0.ticks ?? 0 }).enumerated() {
        add(by: "cpu", rank: index + 1, use)
      }
    }
    let resident = used.filter { ($0.process.residentPages ?? 0) > 0 }
    let large = greatest(top, of: resident, by: { $0.process.residentPages ?? 0 })
    for (index, use) in large.enumerated() { add(by: "memory", rank: index + 1, use) }
  }

  private static func counts(of processes: [Processes.Process]) -> Point {
    let states: [(field: String, letters: [UInt8])] = [
      ("running", [UInt8(ascii: "R")]), ("sleeping", [UInt8(ascii: "S")]),
      ("blocked", [UInt8(ascii: "D")]), ("zombies", [UInt8(ascii: "Z")]),
      ("stopped", [UInt8(ascii: "T"), UInt8(ascii: "t")]), ("idle", [UInt8(ascii: "I")]),
      ("paging", [UInt8(ascii: "W")]), ("dead", [UInt8(ascii: "X"), UInt8(ascii: "x")]),
      ("parked", [UInt8(ascii: "P")]),
    ]
    var counts: [256 of Int64] = .init(repeating: 0)
    var threads: UInt64? = 0
    for process in processes {
      counts[Int(process.state)] += 1
      let sum = threads?.addingReportingOverflow(process.threads ?? 0)
      threads = sum.flatMap { $0.overflow || process.threads == nil ? nil : $0.partialValue }
    }
    var point = Point("processes")
    var known: Int64 = 0
    for (field, letters) in states {
      let count = letters.reduce(0) { $0 + counts[Int($1)] }
      known += count
      point.integer(field, count)
    }
    let total = Int64(processes.count)
    point.integer("unknown", total - known)
    point.integer("total", total)
    point.integer("total_threads", threads)
    return point
  }

  private static func point(
    of process: Processes.Process, pageSize: UInt64?, total: UInt64?
  ) -> Point {
    var point = Point("procstat")
    point.string("process", process.name)
    point.integer("pid", process.pid)
    point.integer("ppid", process.parent)
    point.string("status", status(process.state))
    point.integer("num_threads", process.threads)
    point.integer("memory_vms", process.virtualSize)
    if let pages = process.residentPages, let pageSize {
      let (resident, overflow) = pages.multipliedReportingOverflow(by: pageSize)
      if !overflow {
        point.integer("memory_rss", resident)
        if let total, total > 0, resident <= total {
          point.percent("memory_usage", 100 * Double(resident) / Double(total))
        }
      }
    }
    point.float("cpu_time_user", Double(process.userTime) / ticksPerSecond)
    point.float("cpu_time_system", Double(process.systemTime) / ticksPerSecond)
    return point
  }

  /// Telegraf's word for the kernel's letter.
  private static func status(_ letter: UInt8) -> String? {
    switch letter {
    case UInt8(ascii: "R"): "running"
    case UInt8(ascii: "S"): "sleep"
    case UInt8(ascii: "D"): "blocked"
    case UInt8(ascii: "I"): "idle"
    case UInt8(ascii: "T"), UInt8(ascii: "t"): "stop"
    case UInt8(ascii: "Z"): "zombie"
    case UInt8(ascii: "W"): "wait"
    case UInt8(ascii: "L"): "lock"
    default: nil
    }
  }

  /// The greatest few, the greatest first; of equals, the one that came first.
  private static func greatest<T>(_ count: Int, of all: [T], by size: (T) -> UInt64) -> [T] {
    var found: [(item: T, size: UInt64)] = []
    guard count > 0 else { return [] }
    for item in all {
      let own = size(item)
      if found.count == count, let least = found.last, own <= least.size { continue }
      let place = found.firstIndex { $0.size < own } ?? found.count
      found.insert((item, own), at: place)
      if found.count > count { found.removeLast() }
    }
    return found.map(\.item)
  }

  /// The use of each process at the last run: triples of pid, start time and ticks.
  private struct Kept {
    private var ticks: [UInt64: (start: UInt64, ticks: UInt64)] = [:]

    init(_ values: [UInt64]) {
      ticks.reserveCapacity(values.count / 3)
      for index in stride(from: 0, to: values.count - 2, by: 3) {
        ticks[values[index]] = (values[index + 1], values[index + 2])
      }
    }

    /// Ticks that the process used since; nil where they run backwards.
    func ticks(_ process: Processes.Process, now: UInt64) -> UInt64? {
      guard let before = ticks[process.pid], before.start == process.startTime else { return now }
      let (difference, backwards) = now.subtractingReportingOverflow(before.ticks)
      return backwards ? nil : difference
    }
  }
}
