import Metrics
import Parsers

/// What NVIDIA's `nvidia-smi` tells of each GPU, under Telegraf's names.
///
/// * `nvidia_smi`, tags index, name, arch, uuid, pstate, compute_mode: the fields of the tables below
///   (clocks in MHz, memory in MiB, power in W, temperature in °C, utilization in percent).
/// * `nvidia_smi_mig`, tags index, gpu_index, compute_index and the GPU's: the memory of each instance
///   of a GPU in MIG mode.
/// * `nvidia_smi_process`, tags name, type: pid, used_memory (MiB) of the processes that use most.
/// * `gpu_health`, ours: lost (integer, 1 where the tool failed or there are fewer GPUs than the option
///   `gpus` wants or than were there since the host booted, else 0), count and expected (integers),
///   reason and message (texts, where it is 1).
///
/// The tool prints its errors on standard output. Where it fails after telling of some GPUs, theirs
/// are kept.
public enum GPUCollector: Collector {
  public static let name = "gpu"
  public static let summary = "load, memory, temperature, power and processes of NVIDIA GPUs"
  public static let mayHang = true
  /// Eight GPUs with all their supported clocks are about 400 kB.
  public static let byteLimit = 2 << 20
  public static let options = [
    CollectorOption(
      "processes", .integer, "How many processes are told of, those that use most; 16 unless set."),
    CollectorOption(
      "gpus", .integer,
      "How many GPUs there should be; as many as were seen since the boot if unset."),
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
    // Of what the tool printed some could not be read, or it warns of a corrupted infoROM
    // (NVML_ERROR_CORRUPTED_INFOROM, 14): the GPUs are there, and the collector's problem is told.
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
    // Without MIG every process is told once for each GPU that it uses.
    let processes = reading.gpus.prefix(mostGPUs).flatMap(\.processes)
      .map { (section: $0, memory: $0.integer(["used_memory"])) }
    for process in processes.sorted(by: { $0.memory ?? -1 > $1.memory ?? -1 }).prefix(most) {
      guard let pid = process.section.integer(["pid"]) else { continue }
      var name = clipped(process.section.text("process_name") ?? "")
      if names[name] == nil, !name.isEmpty {
        if names.count < mostNames { names[name] = [] } else { name = "other" }
      }
      let type = clipped(process.section.text("type") ?? "")
      // Telegraf's tags do not tell two processes of one name apart; a nanosecond does.
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
    let reason: CollectorError.Reason
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
