// A capture is a text file in `Fixtures/<collector>/<capture>.txt`: what a host answered, in the form
// in which `tail -n +1 FILE…` prints several files.
//
//     Lines before the first header are a comment: which machine, which versions.
//
//     ==> /proc/loadavg <==          a file of the host, by its path
//     0.20 0.18 0.12 1/80 11206
//
//     ==> script <==                 the script's standard output
//     ==> stderr <==                 its standard error
//     ==> status <==                 its exit status; 0 where left out
//     ==> options <==                what the profile sets, one to a line: `percpu false`,
//                                    `top 3`, `ignore_fs tmpfs,overlay` (a list has a comma)
//     ==> host <==                   `uptime 5025.16`, `elapsed 15` (seconds since the earlier
//                                    turn), `user monitor`, `address 192.0.2.1`, `time 1748736000`
//     ==> previous <==               what was kept at the earlier turn: `cpu0: 12 0 7`
//     ==> earlier /proc/stat <==     or that turn itself (`earlier script` too): the collector runs
//                                    on it first, and what it keeps is handed on
//
// The newline before a header belongs to the header, as in tail's output. Beside the capture stands
// `<capture>.points`, what the collector made of it: its points in line protocol, then comments with
// its facts, what it keeps for the next turn, and its error. Run the tests with SCRAPE_UPDATE=1 in
// the environment to write these files anew, then read the difference.

import Foundation
import Metrics
import Testing

@testable import Collectors

/// One recorded answer of a host, and what is expected of a collector that reads it.
struct Capture: Sendable, CustomTestStringConvertible {
  var collector: String
  var name: String
  var url: URL

  var testDescription: String { "\(collector)/\(name)" }
  var expected: URL { url.deletingPathExtension().appendingPathExtension("points") }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures")

  /// Every capture there is, sorted by name.
  static let all: [Capture] = {
    let files = FileManager.default
    let folders = (try? files.contentsOfDirectory(atPath: folder.path())) ?? []
    return folders.sorted().flatMap { collector in
      let folder = folder.appending(path: collector)
      let names = (try? files.contentsOfDirectory(atPath: folder.path())) ?? []
      return names.filter { $0.hasSuffix(".txt") }.sorted().map {
        Capture(
          collector: collector, name: String($0.dropLast(4)), url: folder.appending(path: $0))
      }
    }
  }()

  /// The capture's parts by the name in their header.
  func sections() throws -> [String: ArraySlice<UInt8>] {
    let bytes = [UInt8](try Data(contentsOf: url))
    var sections: [String: ArraySlice<UInt8>] = [:]
    var name: String?
    var start = 0
    var line = 0
    while line < bytes.count {
      let end = bytes[line...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      if let header = Self.header(bytes[line..<end]) {
        if let name { sections[name] = bytes[start..<max(start, line - 1)] }
        name = header
        start = min(end + 1, bytes.count)
      }
      line = end + 1
    }
    if let name { sections[name] = bytes[start...] }
    return sections
  }

  private static func header(_ line: ArraySlice<UInt8>) -> String? {
    let text = String(decoding: line, as: UTF8.self)
    guard text.hasPrefix("==> "), text.hasSuffix(" <==") else { return nil }
    return String(text.dropFirst(4).dropLast(4))
  }

  /// Runs the collector on the capture, after its earlier turn if there is one.
  func collect(with collector: any Collector.Type) throws -> (Sample, CollectorError?) {
    try collect(try sections(), with: collector)
  }

  /// Runs the collector on sections of this capture, perhaps changed ones.
  func collect(
    _ sections: [String: ArraySlice<UInt8>], with collector: any Collector.Type
  ) throws -> (Sample, CollectorError?) {
    var host = try view(of: sections, prefix: "")
    let words = pairs(sections["host"])
    let elapsed = words["elapsed"].flatMap(Double.init)
    var kept: [String: [UInt64]]?
    if sections.keys.contains(where: { $0.hasPrefix("earlier ") }) {
      var earlier = try view(of: sections, prefix: "earlier ")
      if let elapsed { earlier.uptime = earlier.uptime.map { $0 - elapsed } }
      var sample = Sample()
      try? collector.collect(from: earlier, into: &sample)
      kept = sample.memory
    } else if let previous = sections["previous"] {
      kept = [:]
      for line in String(decoding: previous, as: UTF8.self).split(separator: "\n") {
        let parts = line.split(
          separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        kept?[String(parts[0])] = parts.last?.split(separator: " ").compactMap { UInt64($0) } ?? []
      }
    }
    if let kept {
      let seconds = elapsed ?? 15
      let time = Timestamp(nanoseconds: host.time.nanoseconds - Int64(seconds * 1e9))
      host.previous = Memory(time: time, uptime: host.uptime.map { $0 - seconds }, values: kept)
    }
    var sample = Sample()
    do {
      try collector.collect(from: host, into: &sample)
      return (sample, nil)
    } catch {
      return (sample, error)
    }
  }

  private func view(
    of sections: [String: ArraySlice<UInt8>], prefix: String
  ) throws -> HostView {
    let host = pairs(sections["host"])
    var view = HostView(
      time: Timestamp(seconds: host["time"].flatMap(Int64.init) ?? 1_748_736_000),
      uptime: host["uptime"].flatMap(Double.init),
      session: OwnSession(user: host["user"], address: host["address"]))
    for (name, bytes) in sections where name.hasPrefix(prefix + "/") {
      view.files[String(name.dropFirst(prefix.count))] = bytes
    }
    if let output = sections[prefix + "script"] {
      view.output = CommandOutput(
        standardOutput: output, standardError: sections[prefix + "stderr"] ?? [],
        status: Int(text(sections[prefix + "status"]) ?? "") ?? 0)
    }
    for (name, value) in pairs(sections["options"]) { view.options.values[name] = option(value) }
    return view
  }

  private func option(_ value: String) -> CollectorOptions.Value {
    if let integer = Int(value) { return .integer(integer) }
    if let boolean = Bool(value) { return .boolean(boolean) }
    return .strings(value.split(separator: ",").map(String.init))
  }

  private func text(_ bytes: ArraySlice<UInt8>?) -> String? {
    bytes.map {
      String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }

  /// Lines of a name and a value.
  private func pairs(_ bytes: ArraySlice<UInt8>?) -> [String: String] {
    var pairs: [String: String] = [:]
    for line in (text(bytes) ?? "").split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
      pairs[parts[0]] = parts.count > 1 ? parts[1] : ""
    }
    return pairs
  }
}

extension Sample {
  /// The sample as a `.points` file shows it.
  func text(at time: Timestamp, error: CollectorError?) -> String {
    var lines = LineProtocol()
    for point in points { lines.append(point, at: time) }
    var text = String(decoding: lines.bytes, as: UTF8.self)
    for (name, value) in facts.sorted(by: { $0.key < $1.key }) {
      text += "# fact \(name): \(value.visible)\n"
    }
    for (name, values) in memory.sorted(by: { $0.key < $1.key }) {
      text += "# kept \(name.visible): \(values.map(String.init).joined(separator: " "))\n"
    }
    if let error { text += "# error \(error.description.visible)\n" }
    return text
  }
}
