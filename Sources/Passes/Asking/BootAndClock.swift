internal import Collectors
internal import Metrics
internal import Parsers
internal import Sinks
internal import Store
internal import Hosts
internal import IPMI

/// The boot and the clock of a host: reboots, and the offset of its clock to ours.
///
/// The host's time is its boot time (`btime` of /proc/stat, whole seconds of the host's clock) plus its
/// uptime: no extra command runs. It was read between our request and the end of the answer, so the offset
/// is known within that time plus 1 s. Only an offset beyond counts.
struct BootAndClock {
  /// The key of its memory in the store.
  static let memory = "boot and clock"
  /// The subjects of its events.
  static let reboot = "reboot"
  static let clock = "clock"
  /// A clock that gains or loses more than this between two passes was set.
  private static let least = 1.0

  /// Seconds since an observed reboot; nil without one.
  private(set) var sinceReboot: Int64?
  /// Seconds by which the host's clock is certainly ahead, or (less than zero) behind; nil where unknown.
  private(set) var offset: Double?
  private(set) var events: [Point] = []
  /// The memory for the next pass; nil if the host sent no boot time.
  private(set) var kept: Memory?

  init(_ answer: HostAnswer, _ known: HostState, took: Duration) {
    guard let boot = answer.bootID else { return }
    let isNew = known.bootID.map { $0 != boot } ?? false
    let before = known.memory[Self.memory]
    var values: [String: [UInt64]] = [:]
    if let uptime = answer.uptime {
      if isNew || before?.values["rebooted"] != nil {
        values["rebooted"] = []
        sinceReboot = Int64(uptime)
      }
      if isNew {
        let earlier = known.memory.values.compactMap(\.uptime).max()
        let was = earlier.map { ", was up \(Format.duration(.seconds(Int64($0))))" } ?? ""
        let ago = Format.duration(.seconds(Int64(uptime)))
        add(Self.reboot, "rebooted \(ago) ago\(was)", at: answer.time.before(uptime))
      }
      if let range = Self.range(answer, uptime, took) {
        offset = range.lowerBound > 0 ? range.lowerBound : min(0, range.upperBound)
        values[Self.clock] = [range.lowerBound.bitPattern, range.upperBound.bitPattern]
        if let bits = before?.values[Self.clock], bits.count == 2 {
          jump(from: Double(bitPattern: bits[0]), Double(bitPattern: bits[1]), to: range, answer)
        }
      }
    }
    kept = Memory(time: answer.time, uptime: answer.uptime, values: values)
  }

  /// Between what the host's clock is ahead of ours.
  private static func range(
    _ answer: HostAnswer, _ uptime: Double, _ took: Duration
  ) -> ClosedRange<Double>? {
    guard let booted = answer.bootTime else { return nil }
    let there = Double(booted) + uptime
    let start = Double(answer.time.nanoseconds) / 1e9
    let end = start + took.milliseconds / 1000
    // A clock of another century is no less wrong, and stays printable.
    let limit = 1e10
    let (low, high) = (there - end, there + 1 - start)
    guard low <= high else { return nil }
    return max(-limit, min(low, limit))...max(-limit, min(high, limit))
  }

  private mutating func jump(
    from low: Double, _ high: Double, to range: ClosedRange<Double>, _ answer: HostAnswer
  ) {
    guard low.isFinite, high.isFinite else { return }
    let forward = range.lowerBound - high
    let back = low - range.upperBound
    guard max(forward, back) > Self.least else { return }
    let middle = (range.lowerBound + range.upperBound - low - high) / 2
    let length = Format.duration(.seconds(Int64(middle.magnitude.rounded())))
    add(
      Self.clock, "the clock was set \(forward > back ? "forward" : "back") by \(length)",
      at: answer.time)
  }

  private mutating func add(_ subject: String, _ text: String, at time: Timestamp) {
    var event = Point(
      "event", tags: [Tag("source", "host"), Tag("severity", "minor")], time: time)
    event.string("subject", subject)
    event.string("text", text)
    events.append(event)
  }
}

extension Timestamp {
  /// The moment that many seconds earlier.
  fileprivate func before(_ seconds: Double) -> Timestamp {
    let length = Int64(min(max(seconds, 0), 1e9) * 1e9)
    return Timestamp(nanoseconds: nanoseconds &- length)
  }
}

extension HostResult {
  /// Takes back that hosts' clocks were set, where it was ours.
  mutating func dropClockEvents() {
    batch.points.removeAll { point in
      guard point.measurement == "event", point[tag: "source"] == "host",
        case .string(let subject)? = point[field: "subject"]
      else { return false }
      return subject == BootAndClock.clock
    }
  }
}
