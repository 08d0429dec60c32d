internal import Metrics
internal import Sinks
internal import Store

/// The self-check `pass`: whether passes end in order.
extension SelfReading {
  private static let memory = "pass"
  /// The facts that hold its message and its reason.
  private static let fact = "unfinished pass"
  private static let end = "end of the unfinished pass"

  /// How long an unfinished pass is reported, so that an alert has time to be sent.
  static let remembered = Duration.seconds(600)

  /// The finding about the end of the last pass; nil if it ended in order.
  mutating func note(_ unfinished: Lock.Unfinished?, known: HostState) {
    let time = result.batch.time
    var kept = known.memory[Self.memory]?.values ?? [:]
    var text = known.facts[Self.fact]
    var reason = known.facts[Self.end].flatMap { Reason(rawValue: $0) }
    if reason == nil, let old = text { (reason, text) = Reason.cut(old) }
    var severity =
      kept["severity"]?.first.flatMap { Severity(state: Int64(clamping: $0)) } ?? .minor
    if let unfinished {
      kept["last"] = [UInt64(bitPattern: time.nanoseconds)]
      severity = unfinished.end == .vanished ? .minor : .major
      kept["severity"] = [UInt64(clamping: severity.state)]
      text = unfinished.text
      reason = unfinished.end.reason
      result.facts[Self.fact] = text
      result.facts[Self.end] = reason?.rawValue
    }
    result.memory[Self.memory] = Memory(time: time, values: kept)
    let last = kept["last"]?.first.map { Int64(bitPattern: $0) }
    let isRecent = last.map { last in
      let (age, overflow) = time.nanoseconds.subtractingReportingOverflow(last)
      return !overflow && age >= 0 && .nanoseconds(age) < Self.remembered
    }
    guard isRecent == true, let text, let reason else {
      result.outcomes.append(TargetOutcome(target: "pass", up: true, severity: .ok))
      return
    }
    result.outcomes.append(
      TargetOutcome(
        target: "pass", up: false, severity: severity, reason: reason, message: text))
  }
}

extension Lock.Unfinished {
  /// The message.
  var text: String {
    let pass =
      "the \(record.command == .watch ? "watch" : "pass") of \(Format.time(record.since)) (process \(record.process))"
    switch end {
    case .overdue:
      var text = "\(pass) was ended after its deadline"
      if let first = record.waits.first(where: { !$0.hasPrefix("pass:") }) ?? record.waits.first {
        text += "; it waited for \(first)"
      }
      let more = record.waits.count { !$0.hasPrefix("pass:") } - 1
      if more > 0 { text += "; and \(more) more" }
      return text
    case .killed:
      return "\(pass) stood still and held the lock; the next pass ended it"
    case .vanished:
      return "\(pass) ended without its results: killed, or out of memory? (`journalctl -k`)"
    }
  }
}
