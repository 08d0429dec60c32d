import Metrics
import Parsers

@testable import Collectors
@testable import Store

/// Every collector, fed with captures in the form of `Tests/CollectorsTests/Fixtures`.
let collectorTargets: [String: FuzzTarget] = Dictionary(
  uniqueKeysWithValues: Collectors.collectors.map { ("collector-\($0.name)", target($0)) })

private func target(_ collector: any Collector.Type) -> FuzzTarget {
  { bytes in collect(Array(bytes), with: collector) }
}

/// Two turns of a collector on the same capture, the second with what the first one kept.
private func collect(_ bytes: [UInt8], with collector: any Collector.Type) {
  let sections = Sections(bytes)
  var view = sections.view(time: 1_748_736_000)
  var sample = Sample()
  do { try collector.collect(from: view, into: &sample) } catch { _ = error.description.visible }
  check(sample)
  view.previous = Memory(time: view.time, uptime: view.uptime, values: sample.memory)
  view.time = Timestamp(seconds: 1_748_736_015)
  view.uptime = view.uptime.map { $0 + 15 }
  sample = Sample()
  do { try collector.collect(from: view, into: &sample) } catch { _ = error.description.visible }
  check(sample)
}

private func check(_ sample: Sample) {
  // A host must not be able to fill the database.
  precondition(sample.points.count <= 1100, "\(sample.points.count) points of one collector")
  checkLines(sample.points)
  let memory = Memory(time: Timestamp(seconds: 0), uptime: 1, values: sample.memory)
  precondition((try? Memory(encoded: memory.encoded)) == memory)
  for (name, fact) in sample.facts { checkVisible(name.visible + fact.visible) }
}

/// A capture's parts, by their `==> NAME <==` lines.
private struct Sections {
  private var parts: [String: ArraySlice<UInt8>] = [:]

  init(_ bytes: [UInt8]) {
    var name: String?
    var start = 0
    var line = 0
    while line < bytes.count {
      let end = bytes[line...].firstIndex(of: 0x0a) ?? bytes.count
      if end - line >= 8, bytes[line] == UInt8(ascii: "="), parts.count < 64 {
        let text = String(decoding: bytes[line..<end], as: UTF8.self)
        if text.hasPrefix("==> "), text.hasSuffix(" <==") {
          if let name { parts[name] = bytes[start..<max(start, line - 1)] }
          name = String(text.dropFirst(4).dropLast(4))
          start = min(end + 1, bytes.count)
        }
      }
      line = end + 1
    }
    if let name { parts[name] = bytes[start...] }
  }

  func view(time: Int64) -> HostView {
    let host = pairs("host")
    var view = HostView(
      time: Timestamp(seconds: time), uptime: host["uptime"].flatMap(Double.init) ?? 5000,
      session: OwnSession(user: host["user"], address: host["address"]))
    for (name, bytes) in parts where name.hasPrefix("/") { view.files[name] = bytes }
    if let output = parts["script"] {
      view.output = CommandOutput(
        standardOutput: output, standardError: parts["stderr"] ?? [],
        status: Int(pairs("status").keys.first ?? "") ?? 0)
    }
    for (name, value) in pairs("options") {
      if let integer = Int(value) {
        view.options.values[name] = .integer(integer)
      } else if let boolean = Bool(value) {
        view.options.values[name] = .boolean(boolean)
      } else {
        view.options.values[name] = .strings(value.split(separator: ",").map(String.init))
      }
    }
    return view
  }

  private func pairs(_ name: String) -> [String: String] {
    var pairs: [String: String] = [:]
    let text = String(decoding: (parts[name] ?? []).prefix(1000), as: UTF8.self)
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      if let word = words.first { pairs[word] = words.count > 1 ? words[1] : "" }
    }
    return pairs
  }
}
