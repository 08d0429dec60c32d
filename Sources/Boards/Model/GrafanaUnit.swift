internal import Metrics

/// Grafana's names of units.
enum GrafanaUnit {
  /// The unit of a field by the sign of its declaration.
  static func name(of sign: String) -> String {
    switch sign {
    case "%": "percent"
    case "s": "s"
    case "ms": "ms"
    case "µs": "µs"
    case "min": "m"
    case "h": "h"
    case "B": "bytes"
    case "MiB": "mbytes"
    case "B/s": "Bps"
    case "KiB/s": "KiBs"
    case "Mbit/s": "Mbits"
    case "MHz": "rotmhz"
    case "°C": "celsius"
    case "W": "watt"
    default: "short"
    }
  }

  /// The unit of a counter's growth.
  static func rate(of sign: String) -> String {
    switch sign {
    case "B": "Bps"
    case "ms", "µs", "s": "percentunit"
    default: "cps"
    }
  }

  /// The time of a point, as its age.
  static let age = "dateTimeFromNow"
}

extension Query {
  /// The unit of the first selected field.
  func unit(in catalog: Catalog) -> String {
    guard keepsUnit, let selection = selections.first,
      let spec = catalog.field(selection.field, of: measurement)
    else { return "short" }
    return isRate ? GrafanaUnit.rate(of: spec.unit.sign) : GrafanaUnit.name(of: spec.unit.sign)
  }
}
