public import Metrics
import Parsers

/// Log-ins, log-outs, failed log-ins and boots, as events since the last run.
///
/// Beside its points it keeps the fact `last_logins`: the three latest.
///
/// The first run writes nothing and remembers what there is. An event is new if it was not there
/// at the last run and stands before one that was, in the log's own order: so a host's clock may
/// jump, and entries that come into view because later ones were deleted are not written. Where no
/// entry is known any more (the log was rotated), only what is later than the latest then is new.
///
/// Failed log-ins are counted by the size of btmp, which anyone may see; `lastb`, which only root may
/// run, says who failed.
public enum LoginsCollector: Collector {
  public static let name = "logins"
  public static let summary = "log-ins, failed log-ins and boots since the last run, as events"
  public static let measurements = [
    Measurement(
      "login",
      """
      One point per event, at the event's own time by the host's clock, plus a nanosecond for \
      each earlier event of that action in the same second.
      """,
      source: "`last` or `wtmpdb`; `lastb`, which requires root", isOurs: true,
      tags: ["action": "`login`, `logout`, `failed`, `boot`, `shutdown`, `crash`"],
      fields: [
        .string("user", "tty", "from", means: "Who, at which terminal, from where"),
        .integer("duration_s", unit: .seconds, means: "Of a `logout`: length of the session"),
      ]),
    Measurement(
      "logins", "Number of such events since the collector's previous run.",
      source: "as above, and the size of `/var/log/btmp`", isOurs: true,
      fields: [
        .sum("accepted", "failed", means: "Log-ins that succeeded, and that failed"),
        .sum(
          "dropped",
          means: "Events beyond the 200 that one run writes; absent if none"),
      ]),
  ]
  public static let remembersAcrossBoots = true

  public static func script(_ options: CollectorOptions) -> String? {
    // Where wtmpdb is, wtmp may be a leftover. busybox's last takes no options.
    """
    set -- $(ls -ln /var/log/btmp 2>/dev/null)
    [ -z "$5" ] || echo "# btmp $5"
    if command -v lastb >/dev/null 2>&1 && out=$(lastb -F -w -i -n \(window) 2>/dev/null); then
      echo '# lastb'
      printf '%s\\n' "$out"
    fi
    if command -v wtmpdb >/dev/null 2>&1 &&
      out=$(wtmpdb last --json -F -x -n \(window) 2>/dev/null); then
      echo '# wtmpdb'
      printf '%s\\n' "$out"
    elif command -v last >/dev/null 2>&1 &&
      { out=$(last -x -F -w -i -n \(window) 2>/dev/null) ||
        out=$(last 2>/dev/null | head -n \(window)); } &&
      { [ -n "$out" ] || [ -r /var/log/wtmp ]; }; then
      echo '# last'
      printf '%s\\n' "$out"
    fi
    :
    """
  }

  /// The limit of entries of each log.
  static let window = 100
  /// The limit of events that one run writes; the oldest are dropped.
  static let mostEvents = 200
  /// Bytes of a name or host.
  static let longestText = 128

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    // What cannot be read this time is remembered as it was.
    let kept = host.previous?.values ?? [:]
    sample.memory = kept
    guard let output = host.output else { throw CollectorError(.notReached, "last did not run") }
    let text = output.standardOutput.span
    let btmp = btmpSize(text)
    let print = text.extracting(logs(of: text)).fingerprint
    if let known = kept["text"], known.count == 3, known[0] == print {
      return addUnchanged(hasLogins: known[1] > 0, hasFailures: known[2] > 0, btmp, to: &sample)
    }
    var logins: Log?
    var failures: Log?
    do throws(ParseError) {
      if let part = section("# wtmpdb", of: text) {
        logins = Log(try WTmpDB.parse(text.extracting(part)), of: host)
      } else if let part = section("# last", of: text) {
        logins = Log(try Last.parse(text.extracting(part)), of: host)
      }
      if let part = section("# lastb", of: text) {
        failures = Log(failed: try Last.parse(text.extracting(part)), of: host)
      }
    } catch {
      throw CollectorError(error)
    }
    if logins == nil, failures == nil, btmp == nil {
      // A container has none and never will; one that was there and is gone is another matter.
      throw CollectorError(
        host.previous == nil ? .notApplicable : .missingTool,
        "neither wtmp nor wtmpdb is there or readable")
    }

    sample.memory["text"] = [print, logins == nil ? 0 : 1, failures == nil ? 0 : 1]
    let isFirst = host.previous == nil
    var counts = Point("logins")
    var events: [Event] = []
    if let logins {
      let new = logins.new(since: kept["logins"])
      let accepted = new.count { $0.action == .login && !$0.isOwn }
      if !isFirst { counts.integer("accepted", Int64(accepted)) }
      events += new
      sample.memory["logins"] = logins.memory(after: kept["logins"])
      sample.facts["last_logins"] = logins.latest
    }
    var failed: Int?
    if let failures {
      let new = failures.new(since: kept["failed"])
      failed = new.count
      events += new
      sample.memory["failed"] = failures.memory(after: kept["failed"])
    }
    failed = newFailures(btmp, into: &sample) ?? failed
    if isFirst { return }
    counts.integer("failed", failed.map { Int64($0) })

    let written = events.filter { !$0.isOwn || $0.action == .failed }
      .sorted { ($0.time, $0.action.rawValue, $0.turn) < ($1.time, $1.action.rawValue, $1.turn) }
    if written.count > mostEvents { counts.integer("dropped", Int64(written.count - mostEvents)) }
    sample.points += written.suffix(mostEvents).map(\.point)
    sample.points.append(counts)
  }

  /// What there is to say where the logs are those of the last run, byte for byte: most of the time.
  private static func addUnchanged(
    hasLogins: Bool, hasFailures: Bool, _ btmp: UInt64?, to sample: inout Sample
  ) {
    var counts = Point("logins")
    if hasLogins { counts.integer("accepted", Int64(0)) }
    let failed = newFailures(btmp, into: &sample) ?? (hasFailures ? 0 : nil)
    counts.integer("failed", failed.map { Int64($0) })
    sample.points.append(counts)
  }

  /// How many failed log-ins came since the last run: the size of btmp counts them all, `lastb` only
  /// those in view. Nil where btmp was not there.
  private static func newFailures(_ btmp: UInt64?, into sample: inout Sample) -> Int? {
    guard let btmp else { return nil }
    let (grown, size) = grown(to: btmp, since: sample.memory["btmp"])
    sample.memory["btmp"] = size
    return grown
  }

  // MARK: - The parts of the output

  /// Where the logs stand: after the line on btmp, which grows alone.
  private static func logs(of text: Span<UInt8>) -> Range<Int> {
    guard text.starts(with: "# btmp ") else { return 0..<text.count }
    var lines = Scanner(text)
    _ = lines.line()
    return min(lines.position, text.count)..<text.count
  }

  /// Where the lines between a marker and the next one stand.
  private static func section(_ marker: String, of text: Span<UInt8>) -> Range<Int>? {
    var lines = Scanner(text)
    var start: Int?
    var end = 0
    while let line = lines.line() {
      if let start, isMarker(line) { return start..<end }
      end = min(lines.position, text.count)
      if start == nil, line.equals(marker) { start = end }
    }
    return start.map { $0..<end }
  }

  private static func isMarker(_ line: Span<UInt8>) -> Bool {
    ["# lastb", "# last", "# wtmpdb"].contains { line.equals($0) }
  }

  private static func btmpSize(_ text: Span<UInt8>) -> UInt64? {
    var lines = Scanner(text)
    guard let line = lines.line(), line.starts(with: "# btmp ") else { return nil }
    return line.extracting(7..<line.count).unsigned
  }

  /// How many records btmp grew by, and what to keep: its size and the size of a record.
  /// A record of utmp(5) has 384 bytes, or 400 where time_t is not squeezed into 32 bits (aarch64):
  /// a size that is not a multiple of 384 shows which. A smaller file was rotated. A file that was
  /// always empty shows nothing, as it may have no writer: its record has no size.
  static func grown(to size: UInt64, since kept: [UInt64]?) -> (Int?, [UInt64]) {
    let known = kept.flatMap { $0.count == 2 ? $0[1] : nil } ?? 0
    if size == 0, known == 0 { return (nil, [0, 0]) }
    let record: UInt64 = known == 400 || (size % 384 != 0 && size % 400 == 0) ? 400 : 384
    guard let before = kept?.first else { return (nil, [size, record]) }
    let added = size >= before ? size - before : size
    return (Int(exactly: added / record), [size, record])
  }
}

extension LoginsCollector {
  enum Action: String {
    case login, logout, failed, boot, shutdown, crash
  }

  /// One event.
  struct Event {
    var action: Action
    /// Seconds since 1970 by the host's clock.
    var time: Int64
    var user: String
    var terminal: String
    var from: String?
    /// Seconds, of a logout.
    var duration: Int64?
    /// Whether it is the monitor's own session.
    var isOwn = false
    /// Which of the events of its action in the same second, counted from the oldest.
    var turn: Int64 = 0

    var point: Point {
      let nanoseconds = Timestamp(seconds: time).nanoseconds.addingReportingOverflow(turn)
      var point = Point(
        "login",
        time: Timestamp(nanoseconds: nanoseconds.overflow ? .max : nanoseconds.partialValue))
      point.tag("action", action.rawValue)
      point.string("user", user.clipped(to: longestText))
      point.string("tty", terminal.clipped(to: longestText))
      point.string("from", from?.clipped(to: longestText))
      point.integer("duration_s", duration)
      return point
    }

    /// The identity of the event: FNV-1a of all that does not change.
    ///
    /// Those that differ in nothing but their number among their like have the same.
    var fingerprint: UInt64 {
      var hash = FNV1a()
      for part in [action.rawValue, user, terminal, from ?? "", String(time)] {
        hash.add(part)
        hash.add(0xff)
      }
      return hash.value
    }

    static func extended(_ hash: UInt64, by part: String) -> UInt64 {
      var hash = FNV1a(hash)
      hash.add(part)
      hash.add(0xff)
      return hash.value
    }
  }

  /// A log in its own order, newest entry first, and the events of each entry.
  struct Log {
    /// The first event of an entry is its beginning.
    private var entries: [[(event: Event, fingerprint: UInt64)]] = []
    /// The three latest logins, for people.
    private(set) var latest: String?

    init(_ records: [LoginRecord], of host: HostView) {
      var crashed = false
      var entries: [[Event]] = []
      // From the oldest: a boot after a crash is known by what came before it.
      for record in records.prefix(window).reversed() {
        var events = Self.events(record, of: host)
        if record.end == .crash { crashed = true }
        if record.kind == .boot {
          if crashed, let boot = events.first {
            var crash = boot
            crash.action = .crash
            events.append(crash)
          }
          crashed = record.end == .crash
        }
        if !events.isEmpty { entries.append(events) }
      }
      number(entries)
      let logins = self.entries.compactMap { $0.first?.event }
        .filter { $0.action == .login && !$0.isOwn }
      if !logins.isEmpty { latest = logins.prefix(3).map(Self.words).joined(separator: "; ") }
    }

    init(failed records: [LoginRecord], of host: HostView) {
      let entries = records.prefix(window).reversed().compactMap { record -> [Event]? in
        guard var event = Self.events(record, of: host).first else { return nil }
        event.action = .failed
        return [event]
      }
      number(entries)
    }

    /// The events that were not there when `kept` was.
    func new(since kept: [UInt64]?) -> [Event] {
      guard let kept, let newest = kept.first else { return [] }
      let seen = Set(kept.dropFirst())
      let known = entries.lastIndex { $0.first.map { seen.contains($0.fingerprint) } ?? false }
      var new: [Event] = []
      for (index, entry) in entries.enumerated() {
        for (event, fingerprint) in entry where !seen.contains(fingerprint) {
          let isLater = known.map { index <= $0 } ?? (event.time > Int64(clamping: newest))
          if isLater { new.append(event) }
        }
      }
      return new
    }

    /// The time of the newest entry, then what each event is known by.
    func memory(after kept: [UInt64]?) -> [UInt64] {
      let newest = entries.flatMap { $0 }.map { UInt64(clamping: $0.event.time) }.max()
      return [newest ?? kept?.first ?? 0] + entries.flatMap { $0.map(\.fingerprint) }
    }

    /// Gives events their number within a second and their fingerprint, from the oldest entry on.
    private mutating func number(_ oldestFirst: [[Event]]) {
      var turns: [Second: Int64] = [:]
      var twins: [UInt64: Int] = [:]
      for events in oldestFirst {
        entries.append(
          events.map { event in
            var event = event
            let second = Second(action: event.action, time: event.time)
            event.turn = turns[second, default: 0]
            turns[second] = event.turn + 1
            let same = event.fingerprint
            let twin = twins[same, default: 0]
            twins[same] = twin + 1
            return (event, Event.extended(same, by: String(twin)))
          })
      }
      entries.reverse()
    }

    private struct Second: Hashable {
      var action: Action
      var time: Int64
    }

    private static func events(_ record: LoginRecord, of host: HostView) -> [Event] {
      let now = host.time.seconds
      let isSane = { (time: Int64) in time >= 0 && time <= now.addingReportingOverflow(86_400).0 }
      guard let begin = record.time.seconds(before: now), isSane(begin) else { return [] }
      let action: Action
      switch record.kind {
      case .login: action = .login
      case .boot: action = .boot
      case .shutdown: action = .shutdown
      case .other: return []
      }
      var event = Event(
        action: action, time: begin, user: record.user, terminal: record.terminal,
        from: action == .login ? record.from : nil)
      guard action == .login else { return [event] }
      event.isOwn = record.from != nil && host.session.isSame(user: record.user, from: record.from)
      if case .at(let time?) = record.end, let end = time.seconds(before: now), isSane(end) {
        var logout = event
        logout.action = .logout
        logout.time = end
        logout.duration = end >= begin ? end - begin : nil
        return [event, logout]
      }
      return [event]
    }

    private static func words(_ event: Event) -> String {
      var words = "\(event.user.listed) \(event.terminal.listed)"
      if let from = event.from { words += " from \(from.listed)" }
      if let time = CalendarTime(seconds: event.time) { words += " at \(time)" }
      return words
    }
  }
}
