import Charts
import Foundation
import Metrics

/// Draws charts of figures over sizes, on a logarithmic axis; `bench/growth` calls it with one chart a paragraph on
/// standard input, its words parted by tabs:
///
///     FILE TITLE UNIT CAPTION
///     NAME SIZE VALUE
///     …
@main
enum Main {
  static func main() throws {
    let text = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    for paragraph in text.split(separator: "\n\n") {
      let lines = paragraph.split(separator: "\n").map { line in
        line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      }
      guard let head = lines.first, head.count == 4 else { continue }
      let chart = chart(title: head[1], unit: head[2], caption: head[3], lines.dropFirst())
      try Data(chart.png(.light)).write(to: URL(filePath: head[0]))
    }
  }

  static func chart(
    title: String, unit: String, caption: String, _ lines: some Sequence<[String]>
  ) -> Chart {
    var names: [String] = []
    var values: [String: [(time: Timestamp, value: Double)]] = [:]
    var sizes: Set<Int> = []
    for line in lines where line.count == 3 {
      guard let size = Int(line[1]), size > 0, let value = Double(line[2]) else { continue }
      if values[line[0]] == nil { names.append(line[0]) }
      values[line[0], default: []].append((place(of: size), value))
      sizes.insert(size)
    }
    let (least, greatest) = (sizes.min() ?? 1, sizes.max() ?? 10)
    var chart = Chart(
      title: title, unit: unit, series: names.map { Chart.Series($0, values[$0] ?? []) },
      from: place(of: least), to: place(of: greatest))
    chart.caption = caption
    chart.marks = sizes.sorted().map { Chart.Mark(at: place(of: $0), label: "\($0)") }
    return chart
  }

  /// A second for each factor of ten.
  static func place(of size: Int) -> Timestamp {
    Timestamp(nanoseconds: Int64((log10(Double(size)) * 1e9).rounded()))
  }
}
