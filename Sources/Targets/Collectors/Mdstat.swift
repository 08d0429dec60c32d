public import Metrics
import Parsers

/// State of Linux software RAID, under Telegraf's `mdstat`.
public enum MdstatCollector: Collector {
  public static let name = "mdstat"
  public static let summary = "the state of Linux software RAID"
  public static let measurements = [
    Measurement(
      "mdstat", "Linux software RAID. A host without the file has none: no points, and no fault.",
      source: "`/proc/mdstat`",
      tags: [
        "Name": "the array's",
        "ActivityState": "`active`, `inactive`, `recovering`, `resyncing`, `checking`, `reshaping`",
        "Devices": "sorted",
      ],
      fields: [
        .integer(
          "DisksActive", "DisksFailed", "DisksSpare", "DisksTotal", "DisksDown",
          means: "Disks in that state"),
        .integer(
          "BlocksTotal", "BlocksSynced",
          means: "Blocks of 1 KiB; all count as synced while no sync runs"),
        .float("BlocksSyncedPct", unit: .percent, means: "Progress, only while a sync runs"),
        .float(
          "BlocksSyncedFinishTime", unit: .minutes, means: "Time left, only while a sync runs"),
        .float(
          "BlocksSyncedSpeed", unit: .kibibytesPerSecond,
          means: "Speed, only while a sync runs"),
      ])
  ]
  public static let files = ["/proc/mdstat"]

  /// More arrays than this are not written.
  static let mostArrays = 128

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard host.files["/proc/mdstat"] != nil else {
      throw CollectorError(.notApplicable, "no software RAID")
    }
    let arrays = try host.parse("/proc/mdstat", as: Mdstat.self).arrays
    for array in arrays.prefix(mostArrays) { sample.points.append(point(of: array)) }
    if arrays.count > mostArrays {
      throw CollectorError(.outputTooLarge, "more than \(mostArrays) arrays; the rest is left out")
    }
  }

  private static func point(of array: Mdstat.Array) -> Point {
    var point = Point("mdstat")
    point.tag("Name", array.name)
    point.tag("ActivityState", state(of: array))
    point.tag("Devices", array.disks.map(\.name).sorted().joined(separator: ","))
    point.integer("DisksFailed", Int64(array.disks.count { $0.isFailed }))
    point.integer("DisksSpare", Int64(array.disks.count { $0.isSpare }))
    if let wanted = array.wanted {
      // An inactive array works on no disk, whatever its last line says.
      point.integer("DisksActive", array.isActive ? array.working : 0)
      point.integer("DisksTotal", wanted)
      point.integer("DisksDown", array.down)
    } else if array.isActive, array.level == "raid0" || array.level == "linear" {
      // These cannot do without any disk: while they run, all are there.
      point.integer("DisksActive", Int64(array.disks.count))
      point.integer("DisksTotal", Int64(array.disks.count))
      point.integer("DisksDown", Int64(0))
    } else if !array.isActive {
      point.integer("DisksActive", Int64(0))
    }
    point.integer("BlocksTotal", array.blocks)
    if let action = array.action {
      point.integer("BlocksSynced", action.isWaiting ? 0 : action.done)
      point.float("BlocksSyncedPct", action.percent)
      point.float("BlocksSyncedFinishTime", action.minutesLeft)
      point.float("BlocksSyncedSpeed", action.speed)
    } else if array.isActive {
      point.integer("BlocksSynced", array.blocks)
    }
    return point
  }

  private static func state(of array: Mdstat.Array) -> String {
    switch array.action?.name {
    case "recovery": "recovering"
    case "resync": "resyncing"
    case "check": "checking"
    case "reshape": "reshaping"
    default: array.isActive ? "active" : "inactive"
    }
  }
}
