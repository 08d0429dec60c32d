public import Metrics
import Parsers

/// Output of NVIDIA's `nvidia-smi` for each GPU, under Telegraf's names.
///
/// The tool prints its errors on standard output. Where it fails after some GPUs, theirs are kept.
public enum GPUCollector: Collector {
  public static let name = "gpu"
  public static let summary = "load, memory, temperature, power and processes of NVIDIA GPUs"
  public static let measurements = [
    Measurement(
      "nvidia_smi",
      """
      One point per GPU. The collector is in the built-in profile `gpu`. A value that the \
      driver reports as `N/A` has no field.
      """,
      source: "`nvidia-smi -q -x`",
      tags: [
        "index": "the GPU's number", "name": "its model", "arch": "its architecture",
        "uuid": "its identity", "pstate": "performance state, `P0` is the fastest",
        "compute_mode": "which programs may use it",
      ],
      fields: [
        .string(
          "driver_version", "cuda_version", "serial", "vbios_version",
          means: "Versions and number of the driver, CUDA, the board and its firmware"),
        .string(
          "display_active", "display_mode", "current_ecc", means: "Modes, as the driver names them"),
        .integer("fan_speed", unit: .percent, means: "Speed of the fan, as a share of its maximum"),
        .integer(
          "memory_total", "memory_used", "memory_free", "memory_reserved", unit: .mebibytes,
          means: "Memory of the GPU"),
        .integer(
          "utilization_gpu", "utilization_memory", "utilization_encoder", "utilization_decoder",
          "utilization_jpeg", "utilization_ofa", unit: .percent,
          means: "Share of the time in which that unit was busy"),
        .integer(
          "temperature_gpu", "temperature_gpu_tlimit", "temperature_memory",
          "temperature_gpu_target", "temperature_gpu_target_min", "temperature_gpu_target_max",
          unit: .celsius, means: "Temperatures, and what the GPU aims at"),
        .integer(
          "temperature_max_threshold", "temperature_slow_threshold",
          "temperature_max_gpu_threshold", "temperature_max_mem_threshold",
          "temperature_max_tlimit_threshold", "temperature_slow_tlimit_threshold",
          "temperature_max_gpu_tlimit_threshold", "temperature_max_mem_tlimit_threshold",
          unit: .celsius, means: "Temperatures at which it slows down or shuts down"),
        .float(
          "power_draw", "power_draw_average", "power_limit", "power_limit_requested",
          "power_limit_default", "power_limit_min", "power_limit_max", "module_power_draw",
          unit: .watts, means: "Power drawn now and on average, and its limits"),
        .integer(
          "clocks_current_graphics", "clocks_current_sm", "clocks_current_memory",
          "clocks_current_video", unit: .megahertz, means: "Clocks now"),
        .integer(
          "clocks_event_reason_sw_power_cap", "clocks_event_reason_sw_thermal_slowdown",
          "clocks_event_reason_hw_thermal_slowdown", "clocks_event_reason_hw_power_brake_slowdown",
          "clocks_event_reason_hw_slowdown", "clocks_event_reason_sync_boost",
          "clocks_event_reason_gpu_idle", "clocks_event_reason_applications_clocks_setting",
          "clocks_event_reason_display_clocks_setting",
          means: "1 if clocks are reduced for this reason, else 0"),
        .integer(
          "clocks_event_reasons_counters_sw_power_cap",
          "clocks_event_reasons_counters_sw_therm_slowdown",
          "clocks_event_reasons_counters_hw_therm_slowdown",
          "clocks_event_reasons_counters_hw_power_brake",
          "clocks_event_reasons_counters_sync_boost",
          means: "Time for which clocks were reduced for this reason, as the driver counts it"),
        .integer(
          "pcie_link_gen_current", "pcie_link_width_current", "pcie_rx_util", "pcie_tx_util",
          means: "Generation, width and traffic of the PCIe link"),
        .integer(
          "encoder_stats_session_count", "encoder_stats_average_fps",
          "encoder_stats_average_latency", "fbc_stats_session_count", "fbc_stats_average_fps",
          "fbc_stats_average_latency",
          means: """
            Sessions of the encoder and of frame capture, with their frames per second and \
            latency
            """),
        .integer(
          "ecc_errors_volatile_dram_correctable", "ecc_errors_volatile_dram_uncorrectable",
          "ecc_errors_volatile_sram_correctable", "ecc_errors_volatile_sram_uncorrectable",
          "ecc_errors_volatile_sram_uncorrectable_parity",
          "ecc_errors_volatile_sram_uncorrectable_secded",
          means: "Memory errors since the driver was loaded"),
        .integer(
          "ecc_errors_aggregate_dram_correctable", "ecc_errors_aggregate_dram_uncorrectable",
          "ecc_errors_aggregate_sram_correctable", "ecc_errors_aggregate_sram_uncorrectable",
          "ecc_errors_aggregate_sram_uncorrectable_parity",
          "ecc_errors_aggregate_sram_uncorrectable_secded",
          means: "Memory errors over the life of the GPU"),
        .integer(
          "ecc_errors_aggregate_sram_uncorrectable_l2",
          "ecc_errors_aggregate_sram_uncorrectable_microcontroller",
          "ecc_errors_aggregate_sram_uncorrectable_other",
          "ecc_errors_aggregate_sram_uncorrectable_pcie",
          "ecc_errors_aggregate_sram_uncorrectable_sm", means: "Memory errors by location"),
        .string(
          "ecc_errors_aggregate_sram_threshold_exceeded", "ecc_errors_channel_repair_pending",
          "ecc_errors_tpc_repair_pending", "ecc_errors_unrepairable_memory",
          means: "As the driver says: `Yes`, `No` or another word"),
        .integer(
          "retired_pages_multiple_single_bit", "retired_pages_double_bit",
          "remapped_rows_correctable", "remapped_rows_uncorrectable",
          means: "Pages and rows taken out of use"),
        .string(
          "retired_pages_blacklist", "retired_pages_pending", "remapped_rows_pending",
          "remapped_rows_failure", means: "As the driver says"),
      ]),
    Measurement(
      "gpu_health", "Whether all GPUs are present.", source: "the result of `nvidia-smi -q -x`",
      isOurs: true,
      fields: [
        .state(
          "lost",
          means: """
            1 if the tool is missing, failed or hung (`reason`), or if `count` is less than \
            `expected`; else 0
            """),
        .integer("count", means: "GPUs that the tool reported; absent if it reported nothing"),
        .integer(
          "expected",
          means: "The collector's option `gpus`, or the largest `count` since the host booted"),
        .string(
          "reason",
          means: """
            `missing_tool`, `permission`, `timeout`, `command_failed`, `parse_error`; absent if \
            `lost` is 0
            """),
        .string("message", means: "Message of the tool"),
      ]),
    Measurement(
      "nvidia_smi_mig", "One point per instance of a GPU in MIG mode.",
      source: "`nvidia-smi -q -x`",
      tags: [
        "index": "the instance's number", "gpu_index": "the GPU instance's",
        "compute_index": "the compute instance's", "name": "the GPU's, as are the tags below",
        "arch": "", "uuid": "", "pstate": "",
        "compute_mode": "",
      ],
      fields: [
        .integer(
          "memory_fb_total", "memory_fb_reserved", "memory_fb_used", "memory_fb_free",
          unit: .mebibytes, means: "Memory of the instance"),
        .integer(
          "memory_bar1_total", "memory_bar1_used", "memory_bar1_free", unit: .mebibytes,
          means: "Memory that the CPU can map"),
        .integer("sram_uncorrectable", means: "ECC errors"),
      ]),
    Measurement(
      "nvidia_smi_process",
      """
      The processes that use most of the GPUs' memory, 16 or as many as the option `processes` \
      sets.
      """,
      source: "`nvidia-smi -q -x`",
      tags: ["name": "after 256 distinct names of a host `other`", "type": "such as `C`"],
      fields: [
        .integer("pid", means: "The process"),
        .integer("used_memory", unit: .mebibytes, means: "Memory of GPUs that it uses"),
      ]),
  ]
  public static let mayHang = true
  /// Eight GPUs with all their supported clocks are about 400 kB.
  public static let byteLimit = 2 << 20
  public static let options = [
    CollectorOption(
      "processes", .integer, default: "16",
      "Processes to write, at most 200, those that use most memory first."
    ),
    CollectorOption(
      "gpus", .integer, default: "as many as were seen since the boot",
      "Number of GPUs that the host must have."),
  ]

  public static func script(_ options: CollectorOptions) -> String? { "$limit nvidia-smi -q -x" }

  /// More GPUs, instances of one GPU or bytes of a tag are not written.
  static let mostGPUs = 64
  static let mostInstances = 16
  static let longestTag = 128
  /// Distinct names of processes that are made tags until the host reboots; anyone on the host can
  /// choose names, and each is a series in the database.
  static let mostNames = 256

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    sample.memory = host.previous?.values ?? [:]
    guard let output = host.output else {
      throw CollectorError(.notReached, "nvidia-smi did not run")
    }
    var count: Int?
    do {
      try read(output, of: host, into: &sample, count: &count)
    } catch {
      addHealth(error, count: count, of: host, into: &sample)
      throw error
    }
    addHealth(nil, count: count, of: host, into: &sample)
  }

  /// The number of GPUs that were there since the boot, in what is kept: no process has such a name.
  private static let gpus = ""

  /// Whether all GPUs are there, as one point that rules can look at.
  private static func addHealth(
    _ error: CollectorError?, count: Int?, of host: HostView, into sample: inout Sample
  ) {
    let seen = Int(clamping: host.previous?.values[gpus]?.first ?? 0)
    let expected = max(host.options.integer("gpus", default: 0), seen, count ?? 0)
    if expected > 0 { sample.memory[gpus] = [UInt64(max(seen, count ?? 0))] }
    var error = error
    if error == nil, let count, count < expected {
      error = CollectorError(
        .commandFailed, "\(count) of \(expected) GPUs are there; see `nvidia-smi -L`, `dmesg`")
    }
    // Part of the tool's output was unreadable, or it warns of a corrupted infoROM
    // (NVML_ERROR_CORRUPTED_INFOROM, 14): the GPUs are there, and the fault is reported.
    let isWarning = error?.reason == .parseError || host.output?.status == 14
    if isWarning, let count, count >= max(expected, 1) { error = nil }
    var point = Point("gpu_health")
    point.integer("lost", Int64(error == nil ? 0 : 1))
    point.integer("count", count.map { Int64($0) })
    point.integer("expected", expected > 0 ? Int64(expected) : nil)
    point.string("reason", error?.reason.rawValue)
    point.string("message", error?.detail.clipped(to: 400))
    sample.points.append(point)
  }

  private static func read(
    _ output: CommandOutput, of host: HostView, into sample: inout Sample, count: inout Int?
  ) throws(CollectorError) {
    let reading: NvidiaSMI.Reading
    do {
      reading = try NvidiaSMI.parse(output.standardOutput.span)
    } catch {
      throw failure(of: output) ?? CollectorError(error)
    }
    let hasNone = failure(of: output)?.detail.hasPrefix("No devices were found") == true
    if !reading.gpus.isEmpty || output.status == 0 || hasNone { count = reading.gpus.count }
    for (index, gpu) in reading.gpus.prefix(mostGPUs).enumerated() {
      add(gpu, at: index, of: reading, into: &sample)
    }
    addProcesses(of: reading, from: host, into: &sample)
    if let driver = reading.driverVersion { sample.facts["nvidia_driver"] = clipped(driver) }
    if let failure = failure(of: output) { throw failure }
    if let problem = reading.problem { throw CollectorError(problem) }
    if reading.gpus.isEmpty { throw CollectorError(.commandFailed, "nvidia-smi found no GPU") }
  }

  private static func add(
    _ gpu: NvidiaSMI.GPU, at index: Int, of reading: NvidiaSMI.Reading, into sample: inout Sample
  ) {
    let values = gpu.values
    var point = Point("nvidia_smi")
    point.tag("index", String(index))
    tag(&point, as: values)
    point.string("driver_version", reading.driverVersion.map(clipped))
    point.string("cuda_version", reading.cudaVersion.map(clipped))
    for (field, path) in texts { point.string(field, values.text(path).map(clipped)) }
    for (field, paths) in integers { point.integer(field, values.integer(paths)) }
    for (field, paths) in reasons {
      point.integer(field, values.active(paths).map { $0 ? Int64(1) : 0 })
    }
    for (field, paths) in decimals { point.float(field, values.decimal(paths)) }
    sample.points.append(point)

    for instance in gpu.instances.prefix(mostInstances) {
      var point = Point("nvidia_smi_mig")
      point.tag("index", clipped(instance.text("index") ?? ""))
      point.tag("gpu_index", clipped(instance.text("gpu_instance_id") ?? ""))
      point.tag("compute_index", clipped(instance.text("compute_instance_id") ?? ""))
      tag(&point, as: values)
      for (field, path) in instanceIntegers { point.integer(field, instance.integer([path])) }
      sample.points.append(point)
    }
  }

  private static func tag(_ point: inout Point, as gpu: NvidiaSMI.Section) {
    for (tag, path) in tags { point.tag(tag, clipped(gpu.text(path) ?? "")) }
  }

  private static func addProcesses(
    of reading: NvidiaSMI.Reading, from host: HostView, into sample: inout Sample
  ) {
    let most = min(max(host.options.integer("processes", default: 16), 0), 200)
    var names = sample.memory
    let gpus = names.removeValue(forKey: gpus)
    var twins: [[String]: Int64] = [:]
    // Without MIG every process is listed once for each GPU that it uses.
    let processes = reading.gpus.prefix(mostGPUs).flatMap(\.processes)
      .map { (section: $0, memory: $0.integer(["used_memory"])) }
    for process in processes.sorted(by: { $0.memory ?? -1 > $1.memory ?? -1 }).prefix(most) {
      guard let pid = process.section.integer(["pid"]) else { continue }
      var name = clipped(process.section.text("process_name") ?? "")
      if names[name] == nil, !name.isEmpty {
        if names.count < mostNames { names[name] = [] } else { name = "other" }
      }
      let type = clipped(process.section.text("type") ?? "")
      // Telegraf's tags do not distinguish two processes of one name; a nanosecond does.
      let twin = twins[[name, type], default: 0]
      twins[[name, type]] = twin + 1
      let time = Timestamp(nanoseconds: host.time.nanoseconds &+ twin)
      var point = Point("nvidia_smi_process", time: twin == 0 ? nil : time)
      point.tag("name", name)
      point.tag("type", type)
      point.integer("pid", pid)
      point.integer("used_memory", process.memory)
      sample.points.append(point)
    }
    sample.memory = names
    sample.memory[Self.gpus] = gpus
  }

  /// Why the tool failed, by its exit status, which is NVML's error; nil where it did not.
  private static func failure(of output: CommandOutput) -> CollectorError? {
    let reason: Reason
    switch output.status {
    case 0:
      // Older drivers end well and say it in words.
      guard output.standardOutput.span.starts(with: "No devices were found") else { return nil }
      reason = .commandFailed
    case 124, 137, 143: reason = .timeout
    case 126, 4: reason = .permission
    case 127: return CollectorError(.missingTool, "nvidia-smi is not installed")
    default: reason = .commandFailed
    }
    let words = words(of: output)
    if reason == .timeout { return CollectorError(reason, "nvidia-smi did not end in its time") }
    return CollectorError(
      reason, words.isEmpty ? "nvidia-smi ended with status \(output.status)" : words)
  }

  /// What the tool said instead of XML, or behind it, in one line.
  private static func words(of output: CommandOutput) -> String {
    for stream in [output.standardOutput, output.standardError] {
      let bytes = stream.span
      var words: [String] = []
      var length = 0
      var lines = Scanner(bytes)
      while length < 200, let line = lines.line()?.trimmed {
        guard line.count > 0, line[0] != UInt8(ascii: "<"), line.firstIndex(of: "</") == nil else {
          continue
        }
        let text = line.extracting(0..<min(line.count, 200)).string
        words.append(text)
        length += text.utf8.count
      }
      if !words.isEmpty { return words.joined(separator: " ") }
    }
    return ""
  }

  private static func clipped(_ text: String) -> String { text.clipped(to: longestTag) }
}

// The names are Telegraf's, the paths those of the DTDs, the newest first.
extension GPUCollector {
  private static let tags = [
    ("name", "product_name"), ("arch", "product_architecture"), ("uuid", "uuid"),
    ("pstate", "performance_state"), ("compute_mode", "compute_mode"),
  ]

  private static let texts = [
    ("serial", "serial"), ("vbios_version", "vbios_version"), ("display_active", "display_active"),
    ("display_mode", "display_mode"), ("current_ecc", "ecc_mode/current_ecc"),
    (
      "ecc_errors_aggregate_sram_threshold_exceeded",
      "ecc_errors/aggregate/sram_threshold_exceeded"
    ),
    ("ecc_errors_channel_repair_pending", "ecc_errors/channel_repair_pending"),
    ("ecc_errors_tpc_repair_pending", "ecc_errors/tpc_repair_pending"),
    ("ecc_errors_unrepairable_memory", "ecc_errors/unrepairable_memory"),
    ("retired_pages_blacklist", "retired_pages/pending_blacklist"),
    ("retired_pages_pending", "retired_pages/pending_retirement"),
    ("remapped_rows_pending", "remapped_rows/remapped_row_pending"),
    ("remapped_rows_failure", "remapped_rows/remapped_row_failure"),
  ]

  private static let integers: [(String, [String])] =
    [
      ("fan_speed", ["fan_speed"]),
      ("memory_total", ["fb_memory_usage/total"]),
      ("memory_used", ["fb_memory_usage/used"]),
      ("memory_free", ["fb_memory_usage/free"]),
      ("memory_reserved", ["fb_memory_usage/reserved"]),
      (
        "retired_pages_multiple_single_bit",
        ["retired_pages/multiple_single_bit_retirement/retired_count"]
      ),
      ("retired_pages_double_bit", ["retired_pages/double_bit_retirement/retired_count"]),
      ("remapped_rows_correctable", ["remapped_rows/remapped_row_corr"]),
      ("remapped_rows_uncorrectable", ["remapped_rows/remapped_row_unc"]),
      ("temperature_gpu", ["temperature/gpu_temp"]),
      ("temperature_gpu_tlimit", ["temperature/gpu_temp_tlimit"]),
      ("temperature_memory", ["temperature/memory_temp"]),
      ("temperature_gpu_target", ["temperature/gpu_target_temperature"]),
      ("temperature_gpu_target_min", ["supported_gpu_target_temp/gpu_target_temp_min"]),
      ("temperature_gpu_target_max", ["supported_gpu_target_temp/gpu_target_temp_max"]),
      ("pcie_link_gen_current", ["pci/pci_gpu_link_info/pcie_gen/current_link_gen"]),
      ("pcie_link_width_current", ["pci/pci_gpu_link_info/link_widths/current_link_width"]),
      ("pcie_rx_util", ["pci/rx_util"]),
      ("pcie_tx_util", ["pci/tx_util"]),
      ("clocks_current_graphics", ["clocks/graphics_clock"]),
      ("clocks_current_sm", ["clocks/sm_clock"]),
      ("clocks_current_memory", ["clocks/mem_clock"]),
      ("clocks_current_video", ["clocks/video_clock"]),
    ]
    + ["gpu", "memory", "encoder", "decoder", "jpeg", "ofa"].map {
      ("utilization_\($0)", ["utilization/\($0)_util"])
    }
    + ["encoder_stats", "fbc_stats"].flatMap { kind in
      ["session_count", "average_fps", "average_latency"].map {
        ("\(kind)_\($0)", ["\(kind)/\($0)"])
      }
    }
    + ["max", "slow", "max_gpu", "max_mem"].flatMap { limit in
      [
        ("temperature_\(limit)_threshold", ["temperature/gpu_temp_\(limit)_threshold"]),
        (
          "temperature_\(limit)_tlimit_threshold",
          ["temperature/gpu_temp_\(limit)_tlimit_threshold"]
        ),
      ]
    }
    + ["volatile", "aggregate"].flatMap { span in
      [
        "dram_correctable", "dram_uncorrectable", "sram_correctable", "sram_uncorrectable",
        "sram_uncorrectable_parity", "sram_uncorrectable_secded",
      ].map { ("ecc_errors_\(span)_\($0)", ["ecc_errors/\(span)/\($0)"]) }
    }
    + ["l2", "microcontroller", "other", "pcie", "sm"].map {
      (
        "ecc_errors_aggregate_sram_uncorrectable_\($0)",
        ["ecc_errors/aggregate_uncorrectable_sram_sources/sram_\($0)"]
      )
    }
    + [
      "sw_power_cap", "sw_therm_slowdown", "hw_therm_slowdown", "hw_power_brake", "sync_boost",
    ].map {
      (
        "clocks_event_reasons_counters_\($0)",
        ["clocks_event_reasons_counters/clocks_event_reasons_counters_\($0)"]
      )
    }

  /// Why the clocks are lowered; until early drivers of v12 the elements were called throttle reasons.
  private static let reasons: [(String, [String])] = [
    "sw_power_cap", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown",
    "hw_slowdown", "sync_boost", "gpu_idle", "applications_clocks_setting",
    "display_clocks_setting",
  ].map {
    (
      "clocks_event_reason_\($0)",
      [
        "clocks_event_reasons/clocks_event_reason_\($0)",
        "clocks_throttle_reasons/clocks_throttle_reason_\($0)",
      ]
    )
  }

  private static let decimals: [(String, [String])] =
    [
      (
        "power_draw",
        [
          "gpu_power_readings/instant_power_draw", "gpu_power_readings/power_draw",
          "power_readings/instant_power_draw", "power_readings/power_draw",
          "gpu_power_readings/average_power_draw",
        ]
      ),
      (
        "power_draw_average",
        ["gpu_power_readings/average_power_draw", "power_readings/average_power_draw"]
      ),
      (
        "power_limit",
        [
          "gpu_power_readings/power_limit", "gpu_power_readings/current_power_limit",
          "power_readings/power_limit", "power_readings/current_power_limit",
        ]
      ),
      ("power_limit_requested", ["gpu_power_readings/requested_power_limit"]),
      (
        "module_power_draw",
        ["module_power_readings/instant_power_draw", "module_power_readings/power_draw"]
      ),
    ]
    + ["default", "min", "max"].map {
      (
        "power_limit_\($0)",
        ["gpu_power_readings/\($0)_power_limit", "power_readings/\($0)_power_limit"]
      )
    }

  private static let instanceIntegers = [
    ("sram_uncorrectable", "ecc_error_count/volatile_count/sram_uncorrectable"),
    ("memory_fb_total", "fb_memory_usage/total"),
    ("memory_fb_reserved", "fb_memory_usage/reserved"),
    ("memory_fb_used", "fb_memory_usage/used"),
    ("memory_fb_free", "fb_memory_usage/free"),
    ("memory_bar1_total", "bar1_memory_usage/total"),
    ("memory_bar1_used", "bar1_memory_usage/used"),
    ("memory_bar1_free", "bar1_memory_usage/free"),
  ]
}
