public import Metrics
import Parsers

/// Virtual machines of libvirt, under Telegraf's `libvirt_…`.
public enum LibvirtCollector: Collector {
  public static let name = "libvirt"
  public static let summary = "virtual machines of libvirt: state, CPU, memory, disks, network"
  private static let source = "`virsh domstats`"
  public static let measurements = [
    Measurement(
      "libvirt_state",
      "One point per virtual machine, running or not; at most 256.", source: source,
      tags: ["domain_name": "its name"],
      fields: [
        .state(
          "state",
          means: """
            0 unknown, 1 running, 2 blocked, 3 paused, 4 is shutting down, 5 shut off, 6 crashed, \
            7 suspended by its power management
            """),
        .state("reason", means: "Why, by libvirt's enumeration of that state"),
      ]),
    Measurement(
      "libvirt_cpu", "CPU time of each virtual machine.", source: source,
      tags: ["domain_name": "its name"],
      fields: [
        .integer(
          "time_ns", "user", "system",
          means: "Nanoseconds, counted; Telegraf's `time` is no name that InfluxDB takes"),
        .integer(
          "haltpoll_success_time", "haltpoll_fail_time",
          means: "Nanoseconds of polling for work while halted, counted"),
        .float(
          "usage_percent", unit: .percent,
          means: "Share of one CPU (rate); more than 100 of several; not in Telegraf"),
      ]),
    Measurement(
      "libvirt_balloon", "Memory of each virtual machine; KiB unless said otherwise.",
      source: source, tags: ["domain_name": "its name"],
      fields: [
        .integer("current", "maximum", means: "Memory that it has, and that it may have"),
        .integer("rss", means: "Memory of its process on the host"),
        .integer(
          "unused", "available", "usable", "disk_caches",
          means: "As the guest sees it; absent without its balloon driver"),
        .integer("swap_in", "swap_out", means: "Swapped by the guest, counted"),
        .integer(
          "major_fault", "minor_fault", "hugetlb_pgalloc", "hugetlb_pgfail",
          means: "Faults and huge pages of the guest, counted"),
        .integer("last_update", means: "Seconds since 1970, by the host's clock"),
      ]),
    Measurement(
      "libvirt_vcpu_total", "Number of virtual CPUs.", source: source,
      tags: ["domain_name": "its name"],
      fields: [.integer("current", "maximum", means: "That are online, and that may be")]),
    Measurement(
      "libvirt_vcpu", "Each virtual CPU, with the option `vcpus`.", source: source,
      tags: ["domain_name": "its name", "vcpu_id": "number from 0"],
      fields: [
        .state("state", means: "0 offline, 1 running, 2 blocked"),
        .integer("time_ns", "wait", "delay", means: "Nanoseconds, counted: used, waiting, stolen"),
        .string("halted", means: "`yes`, `no`"),
        .integer("halted_i", means: "1 for yes"),
      ]),
    Measurement(
      "libvirt_net_total", "Number of network interfaces.", source: source,
      tags: ["domain_name": "its name"], fields: [.integer("count", means: "Interfaces")]),
    Measurement(
      "libvirt_net", "Network interfaces that are on the host; at most 16 of a machine.",
      source: source, tags: ["domain_name": "its name", "interface_id": "number from 0"],
      fields: [
        .string("name", means: "On the host: `vnet0`"),
        .integer("rx_bytes", "tx_bytes", unit: .bytes, means: "Counted"),
        .integer(
          "rx_pkts", "rx_errs", "rx_drop", "tx_pkts", "tx_errs", "tx_drop", means: "Counted"),
      ]),
    Measurement(
      "libvirt_block_total", "Number of disks.", source: source,
      tags: ["domain_name": "its name"], fields: [.integer("count", means: "Disks")]),
    Measurement(
      "libvirt_block", "Disks; at most 16 of a machine.", source: source,
      tags: ["domain_name": "its name", "block_id": "number from 0"],
      fields: [
        .string("name", "path", means: "In the machine (`vda`), and its file on the host"),
        .integer("backingIndex", means: "libvirt's index"),
        .integer("rd_reqs", "wr_reqs", "fl_reqs", means: "Reads, writes and flushes, counted"),
        .integer("rd_bytes", "wr_bytes", unit: .bytes, means: "Counted"),
        .integer("rd_times", "wr_times", "fl_times", means: "Nanoseconds, counted"),
        .integer("errors", means: "Of Xen, counted"),
        .integer(
          "allocation", "capacity", "physical", "threshold", unit: .bytes,
          means: "Highest written sector; size for the machine; size of the file; limit of an event"
        ),
      ]),
  ]
  public static let mayHang = true
  /// 256 machines with 4 kB each.
  public static let byteLimit = 1 << 20
  public static let options = [
    CollectorOption(
      "uri", .strings, default: "qemu:///system", "Hypervisors, as virsh names them."),
    CollectorOption("vcpus", .boolean, default: "no", "Whether each virtual CPU has a point, too."),
  ]

  /// More machines than this are not written.
  static let mostDomains = 256
  /// Disks or interfaces of one machine.
  static let mostDevices = 16
  private static let longestText = 128

  /// A connection that may only read, never of a session, for which libvirt would start a daemon. Versions
  /// before 4.5 do not know `--nowait`, without which one machine that hangs holds up all.
  public static func script(_ options: CollectorOptions) -> String? {
    let uris = options.strings("uri", default: ["qemu:///system"])
      .filter { $0.utf8.allSatisfy { isPlain($0) } }
    return """
      command -v virsh >/dev/null 2>&1 || exit 0
      s=0
      for u in \(uris.map { "'\($0)'" }.joined(separator: " ")); do
        o=$($limit virsh -r -c "$u" domstats --raw --nowait 2>/dev/null) \\
          || o=$($limit virsh -r -c "$u" domstats --raw) || s=$?
        printf '%s\\n' "$o"
      done
      exit $s
      """
  }

  /// Whether a byte may stand in a quoted word of the script.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "'")
  }

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else {
      throw CollectorError(.notReached, "the script did not run")
    }
    let domains: [DomainStats.Domain]
    do { domains = try DomainStats.parse(output.standardOutput.span).domains } catch {
      throw CollectorError(error)
    }
    for domain in domains.prefix(mostDomains) { add(domain, host, to: &sample) }
    if output.status != 0 { throw output.failure }
    if domains.count > mostDomains {
      throw CollectorError(
        .outputTooLarge, "more than \(mostDomains) virtual machines; the rest is left out")
    }
    // A hypervisor without machines prints empty lines.
    if output.standardOutput.isEmpty {
      throw CollectorError(.notApplicable, "virsh is not there")
    }
  }

  private static func add(
    _ domain: DomainStats.Domain, _ host: HostView, to sample: inout Sample
  ) {
    let tag = Tag("domain_name", domain.name.clipped(to: longestText))
    func add(
      _ measurement: String, _ prefix: String, tags: [Tag] = [], texts: [String] = [],
      _ fields: [String]
    ) {
      var point = Point(measurement, tags: [tag] + tags)
      for name in texts {
        point.string(name, domain.values["\(prefix).\(name)"]?.clipped(to: longestText))
      }
      for name in fields {
        // Field names have underscores in the place of dots and dashes; `time` is InfluxDB's own.
        let ours =
          name == "time" ? "time_ns" : String(name.map { $0 == "." || $0 == "-" ? "_" : $0 })
        point.integer(ours, domain["\(prefix).\(name)"])
      }
      if measurement == "libvirt_cpu" { addUsage(to: &point) }
      if measurement == "libvirt_vcpu", case .string(let halted)? = point[field: "halted"] {
        point.integer("halted_i", halted == "yes" ? Int64(1) : 0)
      }
      if !point.fields.isEmpty { sample.points.append(point) }
    }
    func addUsage(to point: inout Point) {
      // Only a machine that runs has a process whose time grows.
      guard let time = domain["cpu.time"].flatMap({ UInt64(exactly: $0) }),
        domain["state.state"] != 5
      else { return }
      sample.memory[domain.name] = [time]
      if let before = host.previous?.values[domain.name]?.first, let elapsed = host.elapsed,
        time >= before
      {
        point.percent("usage_percent", 100 * Double(time - before) / (elapsed * 1e9))
      }
    }
    add("libvirt_state", "state", ["state", "reason"])
    add(
      "libvirt_cpu", "cpu",
      ["time", "user", "system", "haltpoll.success.time", "haltpoll.fail.time"])
    add(
      "libvirt_balloon", "balloon",
      [
        "current", "maximum", "rss", "unused", "available", "usable", "disk_caches", "swap_in",
        "swap_out", "major_fault", "minor_fault", "hugetlb_pgalloc", "hugetlb_pgfail",
        "last-update",
      ])
    add("libvirt_vcpu_total", "vcpu", ["current", "maximum"])
    if host.options.boolean("vcpus", default: false) {
      for index in indices(domain["vcpu.maximum"], most: 256) {
        add(
          "libvirt_vcpu", "vcpu.\(index)", tags: [Tag("vcpu_id", "\(index)")], texts: ["halted"],
          ["state", "time", "wait", "delay"])
      }
    }
    add("libvirt_net_total", "net", ["count"])
    for index in indices(domain["net.count"], most: mostDevices) {
      add(
        "libvirt_net", "net.\(index)", tags: [Tag("interface_id", "\(index)")], texts: ["name"],
        [
          "rx.bytes", "rx.pkts", "rx.errs", "rx.drop", "tx.bytes", "tx.pkts", "tx.errs", "tx.drop",
        ])
    }
    add("libvirt_block_total", "block", ["count"])
    for index in indices(domain["block.count"], most: mostDevices) {
      add(
        "libvirt_block", "block.\(index)", tags: [Tag("block_id", "\(index)")],
        texts: ["name", "path"],
        [
          "backingIndex", "rd.reqs", "rd.bytes", "rd.times", "wr.reqs", "wr.bytes", "wr.times",
          "fl.reqs", "fl.times", "errors", "allocation", "capacity", "physical", "threshold",
        ])
    }
  }

  private static func indices(_ count: Int64?, most: Int) -> Range<Int> {
    0..<Int(max(0, min(count ?? 0, Int64(most))))
  }
}
