public import Metrics
import Parsers

/// Time that tasks waited for CPU, memory or disks, under Telegraf's `pressure`.
public enum PressureCollector: Collector {
  public static let name = "pressure"
  public static let summary = "time that tasks waited for CPU, memory or disks"
  public static let measurements = [
    Measurement(
      "pressure",
      """
      Share of the time in which tasks waited for a resource. As in Telegraf, `full` is not \
      written for the CPU, where it is always zero. Kernels before 4.20, and those built or \
      booted without it, have no points: that is no fault.
      """,
      source: "`/proc/pressure/*`",
      tags: ["resource": "`cpu`, `memory`, `io`", "type": "`some`, `full`"],
      fields: [
        .float(
          "avg10", "avg60", "avg300", unit: .percent, means: "Of the last 10, 60, 300 seconds"),
        .counter("total", unit: .microseconds, means: "Time waited, counted"),
      ])
  ]
  public static let files = resources.map { "/proc/pressure/\($0)" }

  private static let resources = ["cpu", "memory", "io"]

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    var found = false
    for resource in resources {
      let path = "/proc/pressure/\(resource)"
      // Booted with psi=0, the files are there and reading them fails (EOPNOTSUPP).
      guard let bytes = host.files[path], !bytes.isEmpty else { continue }
      found = true
      let reading = try host.parse(path, as: Pressure.self)
      add(reading.some, resource, "some", to: &sample)
      if resource != "cpu" { add(reading.full, resource, "full", to: &sample) }
    }
    guard found else {
      throw CollectorError(.notApplicable, "the kernel has no pressure figures")
    }
  }

  private static func add(
    _ stall: Pressure.Stall?, _ resource: String, _ type: String, to sample: inout Sample
  ) {
    guard let stall else { return }
    var point = Point("pressure", room: 4)
    point.tag("resource", resource)
    point.tag("type", type)
    point.float("avg10", stall.avg10)
    point.float("avg60", stall.avg60)
    point.float("avg300", stall.avg300)
    point.integer("total", stall.total)
    if !point.fields.isEmpty { sample.points.append(point) }
  }
}
