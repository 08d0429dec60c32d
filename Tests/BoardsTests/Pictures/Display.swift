import Foundation
import Metrics

@testable import Charts

/// How a panel writes and colours the values of one column or line: its defaults, and the overrides for
/// that name.
struct Display {
  private let settings: [String: JSON]
  private let now: Date

  init(_ panel: JSON, column: String? = nil, now: Date) {
    var settings: [String: JSON] = [:]
    func set(_ prefix: String, _ json: JSON) {
      for (name, value) in json.members {
        settings[prefix + name] = value
        if prefix.isEmpty, name == "custom" { set("custom.", value) }
      }
    }
    set("", panel.at("fieldConfig", "defaults") ?? .null)
    for override in panel.at("fieldConfig", "overrides")?.elements ?? []
    where override.at("matcher", "options")?.string == column {
      for property in override["properties"]?.elements ?? [] {
        if let id = property["id"]?.string { settings[id] = property["value"] }
      }
    }
    self.settings = settings
    self.now = now
  }

  subscript(name: String) -> JSON? { settings[name] }
  var unit: String { settings["unit"]?.string ?? "short" }

  // MARK: Text

  /// The value as text; that of its mapping where it has one.
  func text(_ value: JSON) -> String {
    if let mapped = mapping(of: value)?["text"]?.string { return mapped }
    guard let number = value.double else {
      return value.string ?? (value == .null ? "" : value.text)
    }
    return text(number)
  }

  private func mapping(of value: JSON) -> JSON? {
    if case .boolean(let boolean) = value {
      return mapping(of: .string(boolean ? "true" : "false"))
    }
    let key = value.string ?? value.double.map { $0 == $0.rounded() ? String(Int64($0)) : "\($0)" }
    guard let key else { return nil }
    return (settings["mappings"]?.elements ?? []).lazy.compactMap { $0.at("options", key) }.first
  }

  /// The sign of the unit for a chart's axis, and the factor of its values.
  var axis: (sign: String, factor: Double) {
    switch unit {
    case "percent": ("%", 1)
    case "percentunit": ("%", 100)
    case "m": ("s", 60)
    case "s", "ms", "ns", "µs": (unit, 1)
    case "bytes": ("B", 1)
    case "kbytes": ("B", 1024)
    case "mbytes": ("B", 1_048_576)
    case "Bps": ("B/s", 1)
    case "KiBs": ("B/s", 1024)
    case "Mbits": ("bit/s", 1e6)
    case "rotmhz": ("MHz", 1)
    case "rotrpm": ("rpm", 1)
    case "celsius": ("°C", 1)
    case "watt": ("W", 1)
    case "volt": ("V", 1)
    case "amp": ("A", 1)
    case "cps": ("c/s", 1)
    default: ("", 1)
    }
  }

  private func text(_ number: Double) -> String {
    switch unit {
    case "dateTimeFromNow":
      let age = max(0, now.timeIntervalSince1970 - number / 1000)
      return "\(Amount(age < 1 ? 0 : age, "s").text(age.rounded(), digits: 2)) ago"
    case "dateTimeAsSystem", "time":
      let format = DateFormatter()
      format.locale = Locale(identifier: "en_GB")
      format.dateFormat = "yyyy-MM-dd HH:mm:ss"
      return format.string(from: Date(timeIntervalSince1970: number / 1000))
    default:
      let (sign, factor) = axis
      if let decimals = settings["decimals"]?.integer {
        return "\(Amount.fixed(number * factor, Int(decimals)))\(sign.isEmpty ? "" : " \(sign)")"
      }
      return Amount(number * factor, sign).text(number * factor)
    }
  }

  // MARK: Colour

  /// The colour of a value by mapping, fixed colour or thresholds; nil for that of plain text.
  func color(of value: JSON) -> Color? {
    if let name = mapping(of: value)?["color"]?.string { return Self.color(name) }
    if settings["color"]?["mode"]?.string == "fixed" {
      return settings["color"]?["fixedColor"]?.string.flatMap(Self.color)
    }
    guard settings["color"]?["mode"]?.string == "thresholds", let number = value.double else {
      return nil
    }
    return steps.last { $0.from <= number }.flatMap { Self.color($0.name) }
  }

  var steps: [(from: Double, name: String)] {
    (settings["thresholds"]?["steps"]?.elements ?? []).map {
      (from: $0["value"]?.double ?? -.infinity, name: $0["color"]?.string ?? "")
    }
  }

  /// Grafana's names of colours.
  static func color(_ name: String) -> Color? {
    switch name {
    case "green": Color(0x37872d)
    case "yellow": Color(0xc79a00)
    case "orange": Color(0xd9730d)
    case "red": Color(0xc4162a)
    case "dark-red": Color(0x8f0f1f)
    case "purple": Color(0x8f3bb8)
    default: nil
    }
  }
}

extension Display {
  /// A word of a setting that is an object.
  func at(_ name: String, _ member: String) -> String? { self[name]?[member]?.string }
}
