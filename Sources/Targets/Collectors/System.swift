public import Metrics
import Parsers

/// Load, uptime and the number of CPUs, under Telegraf's `system`; and which kind of host it is, as
/// facts.
public enum SystemCollector: Collector {
  public static let name = "system"
  public static let summary = "load, uptime, number of CPUs, kernel and distribution"
  public static let measurements = [
    Measurement(
      "system", "Load, uptime and number of CPUs.",
      source: "`/proc/loadavg`, `/proc/uptime`, `/proc/stat`",
      fields: [
        .float("load1", "load5", "load15", means: "Load average of 1, 5 and 15 minutes"),
        .float("load5_per_cpu", means: "`load5` divided by `n_cpus`; not in Telegraf"),
        .integer("n_cpus", means: "CPUs that are online"),
        .integer("uptime", unit: .seconds, means: "Time since the boot"),
        .string("uptime_format", means: "The same as `uptime` prints it: `12 days,  3:14`"),
      ])
  ]
  public static let files = ["/proc/loadavg", "/proc/uptime", "/proc/stat"] + facts.map(\.file)

  /// Files that hold one line, which is the fact.
  private static let oneLiners = [
    (fact: "kernel", file: "/proc/sys/kernel/osrelease"),
    (fact: "hostname", file: "/proc/sys/kernel/hostname"),
    (fact: "boot_id", file: "/proc/sys/kernel/random/boot_id"),
    (fact: "arch", file: "/proc/sys/kernel/arch"),  // since Linux 6.1
  ]
  private static let facts = [(fact: "os", file: "/etc/os-release")] + oneLiners

  /// The longest fact, in bytes.
  static let longestFact = 200

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    if let bytes = host.files["/etc/os-release"], let os = try? OSRelease.parse(bytes.span) {
      sample.facts["os"] = (os.prettyName ?? os.id).map { text(Array($0.utf8).span) }
    }
    for (fact, file) in oneLiners {
      guard let bytes = host.files[file] else { continue }
      var lines = Scanner(bytes.span)
      guard let line = lines.line()?.trimmed, !line.isEmpty else { continue }
      sample.facts[fact] = text(line)
    }

    var point = Point("system", room: 12)
    let load = try host.parse("/proc/loadavg", as: Loadavg.self)
    point.float("load1", load.load1)
    point.float("load5", load.load5)
    point.float("load15", load.load15)
    if let stat = try? host.parse("/proc/stat", as: ProcStat.self) {
      let cpus = stat.cpus.count - 1
      point.integer("n_cpus", cpus > 0 ? Int64(cpus) : nil)
      let share = cpus > 0 ? load.load5 / Double(cpus) : nil
      point.float("load5_per_cpu", share.map { ($0 * 100).rounded() / 100 })
    }
    if let uptime = try? host.parse("/proc/uptime", as: Uptime.self).seconds,
      let seconds = Int64(exactly: uptime.rounded(.down))
    {
      point.integer("uptime", seconds)
      point.string("uptime_format", format(uptime: seconds))
    }
    sample.points.append(point)
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.extracting(0..<min(bytes.count, longestFact)).string
  }

  /// `12 days,  3:14`, `1 day, 23:59`, ` 0:07`, as Telegraf writes it.
  static func format(uptime seconds: Int64) -> String {
    let minutes = seconds / 60
    let days = minutes / 1440
    let hour = minutes / 60 % 24
    let minute = minutes % 60
    let clock = "\(hour < 10 ? " " : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    return days == 0 ? clock : "\(days) day\(days == 1 ? "" : "s"), \(clock)"
  }
}
