public import Metrics
import Parsers

/// The time that the CPUs spent in each state since the last run, under Telegraf's `cpu`.
public enum CPUCollector: Collector {
  public static let name = "cpu"
  public static let summary = "CPU time by use, in total and per CPU"
  public static let measurements = [
    Measurement(
      "cpu",
      """
      Share of the time since the previous run that each CPU spent in each state. There is no \
      point for the first run, and none for a CPU whose counters were reset.
      """,
      source: "`/proc/stat`", tags: ["cpu": "`cpu-total`, `cpu0` and so on"],
      fields: [
        .float(
          "usage_user", "usage_nice", unit: .percent, means: "User time, without that of guests"),
        .float(
          "usage_system", "usage_irq", "usage_softirq", unit: .percent,
          means: "The kernel, hardware and software interrupts"),
        .float(
          "usage_idle", "usage_iowait", unit: .percent, means: "Idle; waiting for a disk"),
        .float("usage_steal", unit: .percent, means: "Taken by the hypervisor"),
        .float("usage_guest", "usage_guest_nice", unit: .percent, means: "Guests of this host"),
        .float("usage_active", unit: .percent, means: "All but idle"),
      ])
  ]
  public static let files = ["/proc/stat"]
  public static let options = [
    CollectorOption("percpu", .boolean, default: "yes", "Whether each CPU has a point, too.")
  ]

  /// The limit of points for one host.
  static let mostCPUs = 1024

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let all = try host.parse("/proc/stat", as: ProcStat.self).cpus
    let cpus =
      host.options.boolean("percpu", default: true) ? all.prefix(mostCPUs + 1) : all.prefix(1)
    for cpu in cpus {
      sample.memory[cpu.name] = cpu.ticks
      guard let before = host.previous?.values[cpu.name] else { continue }
      if let point = point(of: cpu, since: before) { sample.points.append(point) }
    }
  }

  private static func point(of cpu: ProcStat.CPU, since before: [UInt64]) -> Point? {
    guard before.count == cpu.ticks.count else { return nil }
    // proc(5): iowait "may decrease in certain conditions", and idle with it. Such a counter is
    // invalid in this run and gets no field. Any other counter that decreases has been reset (a CPU
    // was taken out and put back, a guest moved): then all fields of this CPU are invalid.
    let (idle, iowait) = (3, 4)
    var spent: [UInt64?] = []
    for (index, ticks) in cpu.ticks.enumerated() {
      let (difference, backwards) = ticks.subtractingReportingOverflow(before[index])
      if backwards, index != idle, index != iowait { return nil }
      spent.append(backwards ? nil : difference)
    }
    // Guests' time is also part of user's and nice's.
    let total = spent.prefix(8).reduce(0.0) { $0 + Double($1 ?? 0) }
    guard total > 0 else { return nil }

    func percent(_ index: Int, without part: Int? = nil) -> Double? {
      guard index < spent.count, let whole = spent[index] else { return nil }
      var ticks = Double(whole)
      // The kernel adds to the two counters one after the other, so a part may seem the larger.
      if let part, part < spent.count, let guest = spent[part] {
        ticks = max(0, ticks - Double(guest))
      }
      return 100 * ticks / total
    }
    var point = Point("cpu", room: 11)
    point.tag("cpu", cpu.name == "cpu" ? "cpu-total" : cpu.name)
    point.percent("usage_user", percent(0, without: 8))
    point.percent("usage_nice", percent(1, without: 9))
    point.percent("usage_system", percent(2))
    point.percent("usage_idle", percent(idle))
    point.percent("usage_iowait", percent(iowait))
    point.percent("usage_irq", percent(5))
    point.percent("usage_softirq", percent(6))
    point.percent("usage_steal", percent(7))
    point.percent("usage_guest", percent(8))
    point.percent("usage_guest_nice", percent(9))
    point.percent("usage_active", percent(idle).map { 100 - $0 })
    return point
  }
}
