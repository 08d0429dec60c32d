internal import Configuration

/// The rules that apply without scrape.yml.
///
/// Sources of the thresholds: node_exporter's mixin, Netdata's stock alarms, Checkmk's defaults. `rules:`
/// switches each off by its name, or changes single keys; a rule of that name with `when:` replaces it.
enum BuiltInRules {
  /// The rules in the syntax of scrape.yml.
  static let text = """
    # Netdata warns at 90 %; the mixin at 5 % and, critical, at 3 % of space or inodes left.
    disk full: {when: "disk.used_percent{mode!=ro}", minor: "> 90", major: "> 95", critical: "> 97", clear: 1}
    inodes full: {when: "disk.inodes_used_percent{mode!=ro}", minor: "> 90", major: "> 95", critical: "> 97", clear: 1}
    # A file system that could be written and cannot be any more: errors on its disk.
    file system read-only: {when: disk.turned_read_only, critical: "> 0"}
    # Netdata and the mixin: less than 10 % can be had. Half of that is short of the OOM killer.
    memory low: {when: mem.available_percent, minor: "< 10", major: "< 5", clear: 1, for: 2m}
    # The mixin: more than two tasks a CPU. Load is an average over five minutes already.
    load high: {when: system.load5_per_cpu, minor: "> 2", clear: 0.2, for: 10m}
    # Checkmk's levels for a host's clock against the monitor's.
    clock offset: {when: "scrape.clock_offset_s{target=ssh}", minor: "-30:30", major: "-60:60"}
    rebooted: {when: "scrape.since_reboot_s{target=ssh}", minor: "< 10m"}
    # The mixin: NodeRAIDDegraded, NodeRAIDDiskFailure.
    raid degraded: {when: mdstat.DisksDown, critical: "> 0"}
    raid disk failed: {when: mdstat.DisksFailed, minor: "> 0"}
    # The driver, the tool or a GPU of a host whose profile has the collector gpu is gone.
    gpu lost: {when: gpu_health.lost, critical: "> 0"}
    # Data-centre GPUs slow down at 85 to 95 °C and switch off a few degrees above.
    gpu hot: {when: nvidia_smi.temperature_gpu, minor: "> 85", critical: "> 95", clear: 3}
    gpu slowed by heat: {when: nvidia_smi.clocks_event_reason_hw_thermal_slowdown, major: "> 0"}
    # Errors since the driver was loaded that ECC could not correct: DCGM's health check fails at one.
    gpu memory errors: {when: nvidia_smi.ecc_errors_volatile_dram_uncorrectable, major: "> 0"}
    gpu cache errors: {when: nvidia_smi.ecc_errors_volatile_sram_uncorrectable, major: "> 0"}
    gpu parity errors: {when: nvidia_smi.ecc_errors_volatile_sram_uncorrectable_parity, major: "> 0"}
    gpu secded errors: {when: nvidia_smi.ecc_errors_volatile_sram_uncorrectable_secded, major: "> 0"}
    gpu instance errors: {when: nvidia_smi_mig.sram_uncorrectable, major: "> 0"}
    # Temperatures, fans, voltages, power supplies: 1 is the BMC's own warning, 2 its critical.
    bmc sensor: {when: ipmi_sensor.state, minor: ">= 1", critical: ">= 2"}
    bmc power fault: {when: ipmi_chassis.power_fault, critical: "> 0"}
    bmc power overload: {when: ipmi_chassis.overload, critical: "> 0"}
    bmc cooling fault: {when: ipmi_chassis.cooling_fault, major: "> 0"}
    bmc drive fault: {when: ipmi_chassis.drive_fault, major: "> 0"}
    # Netdata's x509check warns 14 days before. Probes have limits of their own: `tls: {days: …}`.
    certificate days: {when: x509_cert.expiry, minor: "< 14d", major: "< 3d"}
    """

  /// The names with their settings, in their order.
  static func pairs() -> [Node.Pair] {
    let node = try? YAML.read(Source("built-in rules", text: text, isFile: false))
    return node?.pairs ?? []
  }
}
