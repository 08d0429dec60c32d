public import Metrics
import Parsers

/// What disks say of their own health, under Telegraf's `smart_device` and `smart_attribute`.
///
/// Format: the JSON of smartctl 7.0 and later, one line per disk. Its exit status is a set of bits: smartctl(8),
/// "EXIT STATUS".
public enum SmartCollector: Collector {
  public static let name = "smart"
  public static let summary = "health, temperature, wear and errors of disks (SMART)"
  private static let tags: KeyValuePairs<String, String> = [
    "device": "its name: `sda`, `nvme0`", "model": "its model", "serial_no": "its serial number",
    "device_type": "of disks behind a controller: `megaraid,0`",
  ]
  private static let source = "`smartctl --json -i -H -A`"
  public static let measurements = [
    Measurement(
      "smart_device",
      """
      One point per disk that the account may ask (root only, as a rule); at most 64. A sleeping disk is not \
      woken and has none. A field is absent if the disk does not count it.
      """,
      source: source, tags: tags,
      fields: [
        .boolean("health_ok", means: "The disk's own verdict"),
        .state("exit_status", means: "Bits of smartctl(8): 8 failing, 16 a threshold is reached"),
        .integer("temp_c", unit: .celsius, means: "Temperature now"),
        .integer("power_on_hours", unit: .hours, means: "Hours in use"),
        .counter("power_cycle_count", "unsafe_shutdowns", means: "Starts; ends without notice"),
        .counter(
          "reallocated_sectors_count", "realloc_event_count", "uncorrectable_errors",
          "uncorrectable_sector_count", "end_to_end_error", "command_timeout", "spin_retry_count",
          "udma_crc_errors", "media_errors", "error_log_entries",
          means: "Faults, counted over the disk's life"),
        .integer("pending_sector_count", means: "Sectors that could not be read and wait"),
        .counter(
          "read_error_rate", "seek_error_rate", "soft_read_error_rate",
          means: "Raw numbers of the vendor; large ones may be normal"),
        .integer(
          "percentage_used", unit: .percent, means: "Wear of flash; may exceed 100"),
        .integer(
          "available_spare", "available_spare_threshold", unit: .percent,
          means: "Spare blocks left, and the least that is good (NVMe)"),
        .integer(
          "percent_lifetime_remain", "wear_leveling_count", "media_wearout_indicator",
          means: "Normalized, falls from 100 with wear (SATA)"),
        .state("critical_warning", means: "Bits of NVMe; 0 is good"),
        .counter(
          "warning_temperature_time", "critical_temperature_time", unit: .minutes,
          means: "Time above these temperatures (NVMe)"),
        .counter(
          "grown_defects", means: "Defects since it was made (SAS); not in Telegraf"),
      ]),
    Measurement(
      "smart_attribute",
      "One point per attribute of a disk, as its vendor defines it; not with `attributes: false`.",
      source: source, tags: tags,
      fields: [
        .integer("value", "worst", "threshold", means: "Normalized: now, ever, and its limit"),
        .integer("raw_value", means: "Number that the vendor defines"),
        .state("exit_status", means: "As in `smart_device`"),
      ]
    ).with(tags: [
      "id": "number of the attribute", "name": "its name, of smartctl's list",
      "flags": "`POSRCK`: of prefailure, updated online, speed, error rate, event count, kept",
      "fail": "`-`, `Past`, `NOW`: whether it reached its threshold",
    ]),
  ]
  public static let mayHang = true
  /// 64 disks with 8 kB each, twice.
  public static let byteLimit = 1 << 20
  public static let options = [
    CollectorOption("attributes", .boolean, default: "yes", "Whether each attribute has a point.")
  ]

  /// More disks than this are not asked.
  static let mostDisks = 64
  private static let mostAttributes = 64
  private static let longestTag = 128

  /// A scan opens no disk. Its type of a disk is used only behind a controller: others are detected. `-n standby`
  /// wakes no disk.
  public static func script(_ options: CollectorOptions) -> String? {
    """
    PATH=$PATH:/usr/sbin:/sbin
    command -v smartctl >/dev/null 2>&1 || exit 0
    $limit smartctl --scan | head -n \(mostDisks + 1) | while read -r d o t x; do
      [ "$o" = -d ] || continue
      set -- "$d"
      case $t in *,*) set -- -d "$t" "$d" ;; esac
      $limit smartctl --json=c -n standby -i -H -A "$@" </dev/null
      echo
    done
    """
  }

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else {
      throw CollectorError(.notReached, "the script did not run")
    }
    let withAttributes = host.options.boolean("attributes", default: true)
    var failure: CollectorError?
    var disks = 0
    var isText = false
    var lines = Scanner(output.standardOutput.span)
    while let line = lines.line() {
      guard line.first == UInt8(ascii: "{") else {
        if !line.isEmpty { isText = true }
        continue
      }
      disks += 1
      guard disks <= mostDisks else { continue }
      guard let json = JSON(reading: line.bytes(limit: line.count)) else {
        failure = failure ?? CollectorError(.parseError, "smartctl: a line is no JSON")
        continue
      }
      let status = json["smartctl"]?["exit_status"]?.integer ?? 0
      // The words of the command are wrong, or the device could not be opened.
      if status & 3 != 0 {
        failure = failure ?? reason(json, status)
        continue
      }
      guard let disk = Disk(json, status) else {
        failure = failure ?? CollectorError(.parseError, "smartctl: a line names no disk")
        continue
      }
      disk.addDevice(to: &sample)
      if withAttributes { disk.addAttributes(to: &sample) }
    }
    if let failure { throw failure }
    if disks > mostDisks {
      throw CollectorError(
        .outputTooLarge, "more than \(mostDisks) disks; the rest is left out")
    }
    if disks == 0 {
      if isText {
        throw CollectorError(.commandFailed, "smartctl is older than 7.0: it has no --json")
      }
      throw CollectorError(.notApplicable, "smartctl is not there, or it knows no disk here")
    }
  }

  /// Why a disk was not read; nil where that is no fault: it sleeps, or is none that SMART knows.
  private static func reason(_ json: JSON, _ status: Int64) -> CollectorError? {
    let messages = json["smartctl"]?["messages"]?.elements.compactMap { $0["string"]?.string }
    let text = messages?.first ?? ""
    for word in ["STANDBY", "SLEEP", "Unable to detect", "Unknown USB bridge"]
    where messages?.contains(where: { $0.contains(word) }) == true {
      return nil
    }
    let isRefused = messages?.contains {
      $0.contains("Permission denied") || $0.contains("not permitted")
    }
    return CollectorError(
      isRefused == true ? .permission : .commandFailed,
      text.isEmpty ? "smartctl ended with status \(status)" : text.clipped(to: 200))
  }

  /// One disk as smartctl describes it.
  private struct Disk {
    let json: JSON
    let status: Int64
    let tags: [Tag]

    /// Nil if the JSON names no disk.
    init?(_ json: JSON, _ status: Int64) {
      self.json = json
      self.status = status
      var point = Point("")
      func add(_ tag: String, _ text: String?) {
        guard let text, !text.isEmpty else { return }
        point.tag(tag, text.clipped(to: longestTag))
      }
      let path = json["device"]?["name"]?.string ?? ""
      guard let name = path.split(separator: "/").last else { return nil }
      add("device", String(name))
      if let type = json["device"]?["type"]?.string, type.contains(",") { add("device_type", type) }
      add("model", (json["model_name"] ?? json["scsi_model_name"])?.string)
      add("serial_no", json["serial_number"]?.string)
      tags = point.tags
    }

    private var table: [JSON] {
      Array((json["ata_smart_attributes"]?["table"]?.elements ?? []).prefix(mostAttributes))
    }
    private var nvme: JSON? { json["nvme_smart_health_information_log"] }

    func addDevice(to sample: inout Sample) {
      var point = Point("smart_device", tags: tags)
      if case .boolean(let passed)? = json["smart_status"]?["passed"] {
        point.boolean("health_ok", passed)
      }
      point.integer("exit_status", status)
      var fields: [String: Int64] = [:]
      for attribute in table {
        if let id = attribute["id"]?.integer, let field = fieldsByID[id] {
          fields[field] = raw(attribute)
        }
        if let name = attribute["name"]?.string, let field = fieldsByName[name] {
          fields[field] = attribute["value"]?.integer
        }
      }
      for (name, field) in fieldsOfNVMe {
        if let value = nvme?[name]?.integer { fields[field] = value }
      }
      if let value = json["scsi_percentage_used_endurance_indicator"]?.integer {
        fields["percentage_used"] = value
      }
      if let value = json["scsi_grown_defect_list"]?.integer { fields["grown_defects"] = value }
      let errors = ["read", "write", "verify"].compactMap {
        json["scsi_error_counter_log"]?[$0]?["total_uncorrected_errors"]?.integer
      }
      if !errors.isEmpty {
        fields["uncorrectable_errors"] = errors.reduce(0) {
          $0.addingReportingOverflow($1).partialValue
        }
      }
      // smartctl knows how a vendor packs these into one number.
      fields["temp_c"] = json["temperature"]?["current"]?.integer ?? fields["temp_c"]
      fields["power_on_hours"] =
        json["power_on_time"]?["hours"]?.integer ?? fields["power_on_hours"]
      fields["power_cycle_count"] =
        json["power_cycle_count"]?.integer ?? fields["power_cycle_count"]
      for (name, value) in fields.sorted(by: { $0.key < $1.key }) { point.integer(name, value) }
      sample.points.append(point)
    }

    func addAttributes(to sample: inout Sample) {
      for attribute in table {
        guard let id = attribute["id"]?.integer, let name = attribute["name"]?.string else {
          continue
        }
        var point = Point("smart_attribute", tags: tags)
        point.tag("id", String(id))
        point.tag("name", name.clipped(to: longestTag))
        if let flags = attribute["flags"]?["string"]?.string {
          point.tag("flags", flags.filter { $0 != " " }.clipped(to: 16))
        }
        let failed = attribute["when_failed"]?.string ?? ""
        point.tag("fail", ["now": "NOW", "past": "Past"][failed] ?? "-")
        point.integer("value", attribute["value"]?.integer)
        point.integer("worst", attribute["worst"]?.integer)
        point.integer("threshold", attribute["thresh"]?.integer)
        point.integer("raw_value", raw(attribute))
        point.integer("exit_status", status)
        sample.points.append(point)
      }
      for (member, name) in attributesOfNVMe {
        guard let value = nvme?[member]?.integer else { continue }
        var point = Point("smart_attribute", tags: tags)
        point.tag("name", name)
        point.integer("raw_value", value)
        point.integer("exit_status", status)
        sample.points.append(point)
      }
    }

    /// The number at the start of the raw value's text: `36 (Min/Max 20/45)` is packed in one integer.
    private func raw(_ attribute: JSON) -> Int64? {
      let digits = (attribute["raw"]?["string"]?.string ?? "").prefix { $0.isASCII && $0.isNumber }
      return Int64(digits) ?? attribute["raw"]?["value"]?.integer
    }
  }

  /// Telegraf's fields of ATA attributes: by number their raw values, by name their normalized ones.
  private static let fieldsByID: [Int64: String] = [
    1: "read_error_rate", 5: "reallocated_sectors_count", 7: "seek_error_rate",
    9: "power_on_hours", 10: "spin_retry_count", 12: "power_cycle_count", 184: "end_to_end_error",
    187: "uncorrectable_errors", 188: "command_timeout", 190: "temp_c", 194: "temp_c",
    196: "realloc_event_count", 197: "pending_sector_count", 198: "uncorrectable_sector_count",
    199: "udma_crc_errors", 201: "soft_read_error_rate",
  ]
  private static let fieldsByName = [
    "Percent_Lifetime_Remain": "percent_lifetime_remain",
    "Wear_Leveling_Count": "wear_leveling_count",
    "Media_Wearout_Indicator": "media_wearout_indicator",
  ]
  private static let fieldsOfNVMe = [
    "critical_warning": "critical_warning", "available_spare": "available_spare",
    "available_spare_threshold": "available_spare_threshold",
    "percentage_used": "percentage_used", "power_cycles": "power_cycle_count",
    "power_on_hours": "power_on_hours", "unsafe_shutdowns": "unsafe_shutdowns",
    "media_errors": "media_errors", "num_err_log_entries": "error_log_entries",
    "warning_temp_time": "warning_temperature_time",
    "critical_comp_time": "critical_temperature_time", "temperature": "temp_c",
  ]
  private static let attributesOfNVMe = [
    ("data_units_read", "Data_Units_Read"), ("data_units_written", "Data_Units_Written"),
    ("host_reads", "Host_Read_Commands"), ("host_writes", "Host_Write_Commands"),
    ("controller_busy_time", "Controller_Busy_Time"),
  ]
}
