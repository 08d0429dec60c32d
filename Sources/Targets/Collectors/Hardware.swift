public import Metrics
import Parsers

/// The clock of each CPU, under Telegraf's `linux_cpu`; and model, architecture and addresses, as facts.
public enum HardwareCollector: Collector {
  public static let name = "hardware"
  public static let summary = "clock of each CPU; its model, architecture, addresses"
  public static let measurements = [
    Measurement(
      "linux_cpu",
      """
      Clock of each CPU. The collector also notes the CPU's model, the architecture and the \
      addresses of the host, which `scrape list` shows.
      """,
      source: "`/sys/devices/system/cpu`, `/proc/cpuinfo`", tags: ["cpu": "number from 0"],
      fields: [
        .integer(
          "scaling_cur_freq",
          means:
            "kHz; of `/proc/cpuinfo` where the kernel does not scale the clock, as in machines of KVM"
        ),
        .integer(
          "scaling_min_freq", "scaling_max_freq", "cpuinfo_min_freq", "cpuinfo_max_freq",
          means: "kHz: limits that are set, and those of the hardware"),
        .integer("throttle_count", means: "How often heat slowed it down, counted; of Intel"),
        .integer(
          "throttle_max_time", "throttle_total_time", unit: .milliseconds,
          means: "Longest time for which heat slowed it down, and all of them; of Intel"),
      ])
  ]
  /// 1,024 CPUs with eight values.
  public static let byteLimit = 512 << 10

  /// More CPUs than this are not written.
  static let mostCPUs = 1_024
  /// Bytes of a fact.
  private static let longestFact = 200

  /// The kernel's folders and files, and our fields.
  private static let files: [(folder: String, name: String, field: String)] = [
    ("cpufreq", "scaling_cur_freq", "scaling_cur_freq"),
    ("cpufreq", "scaling_min_freq", "scaling_min_freq"),
    ("cpufreq", "scaling_max_freq", "scaling_max_freq"),
    ("cpufreq", "cpuinfo_min_freq", "cpuinfo_min_freq"),
    ("cpufreq", "cpuinfo_max_freq", "cpuinfo_max_freq"),
    ("thermal_throttle", "core_throttle_count", "throttle_count"),
    ("thermal_throttle", "core_throttle_max_time_ms", "throttle_max_time"),
    ("thermal_throttle", "core_throttle_total_time_ms", "throttle_total_time"),
  ]

  public static func script(_ options: CollectorOptions) -> String? {
    """
    echo "arch $(uname -m)"
    sed -n 's/^model name[[:blank:]]*: */model /p' /proc/cpuinfo 2>/dev/null | head -n 1
    if command -v ip >/dev/null 2>&1; then
      ip -o addr show scope global 2>/dev/null | while read -r n i f a r; do
        echo "address ${i%%@*} $a"
      done
    fi
    c=
    for d in /sys/devices/system/cpu/cpu[0-9]*; do
      for f in \(files.map { "\($0.folder)/\($0.name)" }.joined(separator: " ")); do
        v=
        { read -r v <"$d/$f"; } 2>/dev/null
        [ -n "$v" ] || continue
        echo "cpu ${d##*/cpu} ${f##*/} $v"
        case $f in *cur_freq) c=1 ;; esac
      done
    done
    [ -n "$c" ] || sed -n 's/^processor[[:blank:]]*: */processor /p; s/^cpu MHz[[:blank:]]*: */mhz /p' \\
      /proc/cpuinfo 2>/dev/null
    exit 0
    """
  }

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let reading = try host.parseOutput(as: Hardware.self)
    if let architecture = reading.architecture {
      sample.facts["arch"] = architecture.clipped(to: longestFact)
    }
    if let model = reading.model, !model.isEmpty {
      sample.facts["cpu"] = model.clipped(to: longestFact)
    }
    if !reading.addresses.isEmpty {
      sample.facts["addresses"] =
        reading.addresses.joined(separator: ", ").clipped(to: longestFact)
    }
    for cpu in reading.cpus.prefix(mostCPUs) {
      var point = Point("linux_cpu", tags: [Tag("cpu", "\(cpu.number)")])
      for (_, name, field) in files {
        point.integer(field, cpu.values[name] ?? (field == "scaling_cur_freq" ? cpu.clock : nil))
      }
      if !point.fields.isEmpty { sample.points.append(point) }
    }
    if reading.cpus.count > mostCPUs {
      throw CollectorError(.outputTooLarge, "more than \(mostCPUs) CPUs; the rest is left out")
    }
  }
}
