internal import Metrics

/// Numbers in Prometheus's text format, and the time of each measurement.
///
/// node_exporter refuses the timestamps of the format. So they stand at the end, in comments: one
/// for each measurement of each host, whose numbers expire together.
struct Exposition {
  /// A measurement of a host, as the text names them.
  private struct Group: Hashable {
    var measurement: String
    /// The label as written, `host="web1"`; empty if there is none.
    var host: String
  }

  /// The metrics by name.
  private var families: [String: Family] = [:]
  /// The time at which the group was measured, in seconds since 1970.
  private var times: [Group: Int64] = [:]

  private struct Family {
    var measurement: String
    var field: String
    /// The value by the labels, both as written.
    var samples: [String: String] = [:]
  }

  private static let mark = "# Written by scrape, which replaces this file at every pass.\n"
  private static let help = "# HELP "
  private static let time = "# measured "

  var count: Int { families.values.reduce(0) { $0 + $1.samples.count } }

  static func isOurs(_ text: [UInt8]) -> Bool { text.starts(with: mark.utf8) }

  init(_ batches: [PointBatch]) {
    for batch in batches {
      for point in batch.points {
        var labels: String?
        let seconds = (point.time ?? batch.time).seconds
        for field in point.fields {
          guard let value = PrometheusNames.value(field.value) else { continue }
          let text = labels ?? Self.text(PrometheusNames.labels(point, batch))
          labels = text
          let name = PrometheusNames.metric(point.measurement, field.name)
          var family =
            families.removeValue(forKey: name)
            ?? Family(
              measurement: PrometheusNames.metric(point.measurement),
              field: PrometheusNames.metric(field.name))
          var number: [UInt8] = []
          value.write(into: &number)
          family.samples[text] = String(decoding: number, as: UTF8.self)
          let group = Group(measurement: family.measurement, host: Self.host(of: text))
          times[group] = max(times[group] ?? seconds, seconds)
          families[name] = family
        }
      }
    }
  }

  /// Reads a text of this program; leaves out what cannot be read.
  init(text: [UInt8]) {
    var current = ""
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let line = String(decoding: line, as: UTF8.self)
      if line.hasPrefix(Self.help) {
        let words = line.dropFirst(Self.help.count).split(separator: " ")
        guard words.count == 5, words[1] == "Field", words[3] == "of" else { continue }
        current = String(words[0])
        families[current] = Family(measurement: String(words[4]), field: String(words[2]))
      } else if line.hasPrefix(Self.time) {
        let words = line.dropFirst(Self.time.count)
          .split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count == 3, let seconds = Int64(words[0]) else { continue }
        times[Group(measurement: String(words[1]), host: String(words[2]))] = seconds
      } else if !line.hasPrefix("#"), line.hasPrefix(current), !current.isEmpty {
        let rest = line.dropFirst(current.count)
        guard let end = rest.lastIndex(of: " ") else { continue }
        families[current]?.samples[String(rest[..<end])] = String(rest[rest.index(after: end)...])
      }
    }
  }

  /// Replaces older values by newer ones, and drops values that have expired.
  mutating func take(_ newer: Exposition, oldest: Int64) {
    let renewed = newer.times
    keep { renewed[$0] == nil }
    for (name, family) in newer.families {
      families[name, default: Family(measurement: family.measurement, field: family.field)].samples
        .merge(family.samples) { $1 }
    }
    times.merge(renewed) { $1 }
    let current = times.filter { $0.value >= oldest }
    times = current
    keep { current[$0] != nil }
  }

  private mutating func keep(_ isKept: (Group) -> Bool) {
    for (name, family) in families {
      let samples = family.samples.filter { labels, _ in
        isKept(Group(measurement: family.measurement, host: Self.host(of: labels)))
      }
      families[name]?.samples = samples
      if samples.isEmpty { families[name] = nil }
    }
  }

  var text: [UInt8] {
    var text = Array(Self.mark.utf8)
    for (name, family) in families.sorted(by: { $0.key < $1.key }) {
      text += "\(Self.help)\(name) Field \(family.field) of \(family.measurement)\n".utf8
      text += "# TYPE \(name) untyped\n".utf8
      for (labels, value) in family.samples.sorted(by: { $0.key < $1.key }) {
        text += "\(name)\(labels) \(value)\n".utf8
      }
    }
    let groups = times.sorted {
      ($0.key.measurement, $0.key.host) < ($1.key.measurement, $1.key.host)
    }
    for (group, seconds) in groups {
      text += "\(Self.time)\(seconds) \(group.measurement) \(group.host)\n".utf8
    }
    return text
  }

  /// `{host="web1",path="/"}`: in a value `\`, `"` and line breaks are escaped, and characters that
  /// move a cursor or reorder text become U+FFFD.
  private static func text(_ labels: [Tag]) -> String {
    if labels.isEmpty { return "" }
    var text = "{"
    for label in labels {
      if text.utf8.count > 1 { text += "," }
      text += "\(label.name)=\""
      for scalar in label.value.unicodeScalars {
        switch scalar {
        case "\\": text += "\\\\"
        case "\"": text += "\\\""
        case "\n": text += "\\n"
        case _ where scalar.isControl: text += "\u{fffd}"
        default: text.unicodeScalars.append(scalar)
        }
      }
      text += "\""
    }
    return text + "}"
  }

  /// The label `host` of the written labels. A quote in a value is escaped, so no value can look
  /// like it.
  private static func host(of labels: String) -> String {
    let bytes = Array(labels.utf8)
    let key = Array("host=\"".utf8)
    var start = 0
    while start + key.count < bytes.count {
      // The start of a label: after the brace, or after the comma behind a closing quote.
      let begins =
        start > 0
        && (bytes[start - 1] == UInt8(ascii: "{")
          || (bytes[start - 1] == UInt8(ascii: ",") && start > 1
            && bytes[start - 2] == UInt8(ascii: "\"")))
      if begins, bytes[start...].starts(with: key) {
        var end = start + key.count
        while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
          end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
        }
        return String(decoding: bytes[start..<min(end + 1, bytes.count)], as: UTF8.self)
      }
      start += 1
    }
    return ""
  }
}
