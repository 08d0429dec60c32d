import Foundation
import Lab

/// What came of the watch: when each host was scraped, what was missing in between, and the watch's own
/// figures.
struct WatchRecord {
  /// A time in which some hosts are not expected to answer.
  struct Outage {
    var name: String
    var hosts: Set<String>
    var from: Double
    /// When all was as it should be again.
    var to: Double
    /// Seconds after that until each of them must have been scraped again: attempts are made at growing
    /// intervals, up to 30 s and half as much again.
    var patience: Double { min(to - from, 45) + 8 }
  }

  struct Figures {
    var cpu: Double
    var memory: Double
    var missed: Double
    var skipped: Double
  }

  private var file: PointFile
  /// The times of the scrapes that came, by host.
  private(set) var ups: [String: [Double]] = [:]
  /// Those that failed, with their reasons.
  private(set) var failures: [String: [(time: Double, reason: String)]] = [:]
  /// The times of CPU shares, which need the counters of the scrape before.
  private var rates: [String: [Double]] = [:]
  /// Checks and when they changed: `h0 ssh critical`.
  private(set) var events: [(time: Double, text: String)] = []
  private(set) var figures: [Figures] = []
  private(set) var delivery = Delivery()
  var outages: [Outage] = []

  init(_ path: String) { file = PointFile(path) }

  mutating func read() {
    let lines = file.news()
    delivery.add(lines)
    for line in lines {
      let time = Double(line.time) / 1e9
      let host = line.tags["host"] ?? ""
      switch line.measurement {
      case "scrape" where line.fields["up"] == "1i": ups[host, default: []].append(time)
      case "scrape":
        failures[host, default: []].append((time, line.fields["reason"] ?? "?"))
      case "cpu" where line.tags["cpu"] == "cpu-total" && line.fields["usage_active"] != nil:
        rates[host, default: []].append(time)
      case "event" where line.tags["source"] == "check":
        let change = "\(host) \(line.fields["subject"] ?? "") \(line.tags["severity"] ?? "")"
        events.append((time, change))
      case "scrape_watch":
        func value(_ name: String) -> Double {
          Double((line.fields[name] ?? "").trimmingCharacters(in: ["i"])) ?? 0
        }
        figures.append(
          Figures(
            cpu: value("cpu_percent"), memory: value("memory_bytes"), missed: value("missed"),
            skipped: value("skipped")))
      default: break
      }
    }
  }

  var scrapes: Int { ups.values.reduce(0) { $0 + $1.count } }

  /// The scrapes that hosts lost outside of their outages, and the longest time between two. One is lost
  /// where the next one comes later than one and a half intervals after it was due.
  var lost: (count: Int, longest: Double, examples: [String]) {
    var count = 0
    var longest = 0.0
    var examples: [String] = []
    for (host, times) in ups.sorted(by: { $0.key < $1.key }) {
      let own = outages.filter { $0.hosts.contains(host) }
      let sorted = times.sorted()
      for (one, other) in zip(sorted, sorted.dropFirst()) {
        if own.contains(where: { one < $0.to + $0.patience && other > $0.from - WatchRange.every })
        {
          continue
        }
        longest = max(longest, other - one)
        let missing = Int((other - one) / WatchRange.every + 0.5) - 1
        guard missing > 0 else { continue }
        count += missing
        examples.append("\(host) \(String(format: "%.1f s", other - one)) from \(Self.clock(one))")
      }
    }
    return (count, longest, examples)
  }

  /// The longest time after an outage until one of its hosts was scraped again; nil where one never was.
  func recovery(from outage: Outage) -> Double? {
    var longest = 0.0
    for host in outage.hosts {
      guard let first = (ups[host] ?? []).filter({ $0 > outage.to }).min() else { return nil }
      longest = max(longest, first - outage.to)
    }
    return longest
  }

  /// Scrapes without rates although there was one before, by host: counters that did not continue.
  var withoutRates: [String: Int] {
    ups.reduce(into: [:]) { found, item in
      let have = Set((rates[item.key] ?? []).map { Int($0 * 1000) })
      let missing = item.value.sorted().dropFirst().count { !have.contains(Int($0 * 1000)) }
      if missing > 0 { found[item.key] = missing }
    }
  }

  /// How many failures with these reasons the hosts had in an outage.
  func failures(of outage: Outage) -> [String: Int] {
    var counts: [String: Int] = [:]
    for host in outage.hosts {
      for failure in failures[host] ?? []
      where failure.time > outage.from - 1 && failure.time < outage.to + outage.patience {
        counts[failure.reason, default: 0] += 1
      }
    }
    return counts
  }

  static func clock(_ time: Double) -> String {
    let format = DateFormatter()
    format.dateFormat = "HH:mm:ss"
    return format.string(from: Date(timeIntervalSince1970: time))
  }
}
