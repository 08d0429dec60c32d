public import Metrics
import Parsers

/// Counters of the whole kernel since boot, under Telegraf's `kernel`.
public enum KernelCollector: Collector {
  public static let name = "kernel"
  public static let summary = "boot time, context switches, interrupts, forks, entropy"
  public static let measurements = [
    Measurement(
      "kernel", "Counters of the whole kernel.",
      source: "`/proc/stat`, `/proc/sys/kernel/random/entropy_avail`",
      fields: [
        .integer("boot_time", means: "Seconds since 1970, by the host's clock"),
        .counter("context_switches", "interrupts", "processes_forked", means: "Counted"),
        .integer("entropy_avail", means: "Bits of entropy; absent without the file"),
      ])
  ]
  public static let files = ["/proc/stat", "/proc/sys/kernel/random/entropy_avail"]

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let stat = try host.parse("/proc/stat", as: ProcStat.self)
    var point = Point("kernel", room: 8)
    point.integer("boot_time", stat.bootTime)
    point.integer("context_switches", stat.contextSwitches)
    point.integer("interrupts", stat.interrupts)
    point.integer("processes_forked", stat.forks)
    if let bytes = host.files["/proc/sys/kernel/random/entropy_avail"] {
      var lines = Scanner(bytes.span)
      point.integer("entropy_avail", lines.line()?.trimmed.unsigned)
    }
    sample.points.append(point)
  }
}
