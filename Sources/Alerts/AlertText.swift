public import Metrics
public import Notifiers
public import Rules
internal import Inventory

/// The text of an incident: short enough for a phone, with the name of every host.
public struct AlertText: Sendable {
  let incident: Incident
  /// The number of services that an alert makes unreachable.
  let effects: [Alert.Key: Int]

  public init(
    incident: Incident,
    effects: [Alert.Key: Int]
  ) {
    self.incident = incident
    self.effects = effects
  }

  /// The maximum number of lines in one message; the rest is counted.
  private static let limit = 40
  /// The maximum length of host names in a single line.
  private static let brief = 200

  /// The key by which alerts share one line.
  private struct Kind: Hashable {
    var check: String
    var severity: Severity
    /// Nil for rules, whose numbers differ from host to host: one line covers all.
    var reason: Reason?
    var note: String
  }

  private typealias Line = TroubleGroups<Kind, Incident.Member>.Group

  // MARK: Whole texts

  /// The whole incident in one line.
  var subject: String {
    if incident.closed != nil { return closedLine }
    let lines = lines
    if lines.count == 1 {
      let line = lines[0]
      return "\(mark(line.kind.severity)) \(Self.clipped(line.names, 120))\(Self.words(line.kind))"
    }
    guard let worst = lines.first else {
      return "\(mark(incident.severity)) \(Format.count(incident.active.count, "alert"))"
    }
    // The worst line by name: a reader cannot act on a mere count.
    let rest = lines.dropFirst().flatMap(\.members).map(\.alert.key.host)
    let hosts = Set(rest).subtracting(Pseudo.withChecks)
    let place = hosts.isEmpty ? "" : " on \(Format.count(hosts.count, "host"))"
    let noun = rest.count == 1 ? "alert" : "alerts"
    return "\(mark(worst.kind.severity)) \(Self.clipped(worst.names, 120))"
      + "\(Self.words(worst.kind)), and \(Format.count(rest.count)) more \(noun)\(place)"
  }

  public var text: StyledText { incident.closed == nil ? open : closed }

  private var open: StyledText {
    var text = StyledText()
    let lines = lines
    if lines.count != 1 {
      text.add(
        .init(subject, .bold), .init(" · since \(Self.clock(incident.opened))"))
    }
    for line in lines.prefix(Self.limit) { add(line, lines.count == 1, to: &text) }
    if lines.count > Self.limit {
      let rest = lines.dropFirst(Self.limit)
      text.add(
        .init(
          "and \(Format.count(rest.count, "other kind")) of trouble on "
            + Self.names(rest.flatMap { $0.members.map(\.alert.key.host) })))
    }
    let ended = ended
    for line in ended.prefix(Self.limit) {
      text.add(.init("\(Self.end(line.isGone)) "), .init(line.names, .bold), .init(line.words))
    }
    let over = ended.dropFirst(Self.limit).reduce(incident.forgotten) { $0 + $1.hosts.count }
    if over > 0 { text.add(.init("🟢 and \(Format.count(over)) more resolved")) }
    if let command = firstCheck(lines) {
      text.add(.init("first check: \(command.what)"), .init(command.command, .code))
    }
    return text
  }

  private var closed: StyledText {
    var text = StyledText()
    text.add(.init(closedLine, .bold), .init(" · \(span)"))
    let lines = ended
    // The line above leaves out effects, and names beyond its length.
    if lines.count == 1, !closedLine.contains(lines[0].names) {
      text.add(.init("all of them: \(lines[0].names)"))
    }
    if lines.count > 1 {
      for line in lines.prefix(Self.limit) {
        text.add(
          .init("\(mark(line.worst)) → \(Self.end(line.isGone)) "), .init(line.names, .bold),
          .init(line.words))
      }
      if lines.count > Self.limit {
        let names = Self.names(lines.dropFirst(Self.limit).flatMap(\.hosts))
        text.add(.init("and \(Format.count(lines.count - Self.limit, "other kind")) on \(names)"))
      }
      if incident.forgotten > 0 {
        text.add(.init("and \(Format.count(incident.forgotten)) more resolved before"))
      }
    } else if let line = lines.first, !line.message.isEmpty {
      text.add(.init("it was: \(line.message)"))
    }
    return text
  }

  /// The line of a resolved incident in a summary.
  var missed: [StyledText.Span] {
    [.init(Self.clipped(closedLine, 2000)), .init(" · \(span)")]
  }

  private var span: String {
    let from = incident.members.map(\.alert.since).min() ?? incident.opened
    return "\(Self.clock(from))–\(Self.clock(incident.closed ?? from))"
  }

  private var closedLine: String {
    let roots = incident.members.filter { member in
      // Effects are resolved with their cause.
      member.alert.cause.map { incident.member($0) == nil } ?? true
    }
    let all = roots.isEmpty ? incident.members : roots
    let back = all.filter { !$0.isGone }
    let gone = all.filter(\.isGone)
    var ends: [String] = []
    if let from = back.map(\.alert.since).min() {
      let until = back.compactMap(\.until).max() ?? from
      ends.append("\(Self.subject(back)) resolved after \(Self.length(Self.seconds(from, until)))")
    }
    if !gone.isEmpty { ends.append("\(Self.subject(gone)) no longer monitored") }
    return "\(Self.end(back.isEmpty)) \(ends.joined(separator: "; "))"
  }

  /// A check that is no longer monitored is not ok.
  private static func end(_ isGone: Bool) -> String { isGone ? "⚪" : "🟢" }

  /// `web[1-2] ssh`; the hosts alone for several checks; services of scrape.yml by their names.
  private static func subject(_ members: [Incident.Member]) -> String {
    let checks = Set(members.map(\.alert.key.check))
    if checks.count == 1, let check = checks.first {
      return "\(clipped(names(members.map(\.alert.key.host)), brief)) \(word(check))"
    }
    let hosts = members.map(\.alert.key.host).filter { $0 != Pseudo.services }
    let services = members.map(\.alert.key).filter { $0.host == Pseudo.services }
    var words = hosts.isEmpty ? [] : [clipped(names(hosts), brief)]
    if !services.isEmpty {
      let names = services.map { word($0.check) }.sorted()
      words.append("service \(clipped(names.joined(separator: ","), brief))")
    }
    return words.joined(separator: ", ")
  }

  // MARK: Lines

  private var lines: [Line] {
    var lines = TroubleGroups<Kind, Incident.Member>()
    for member in incident.active {
      let key = member.alert.key
      if let cause = incident.cause(of: member) {
        if key.host != cause.host { lines.hide(host: key.host, behind: cause) }
        continue
      }
      let kind = Kind(
        check: key.check, severity: member.alert.severity,
        reason: member.alert.reason, note: Self.note(member))
      lines.add(member, to: kind, as: key)
      lines.hide(services: effects[key] ?? 0, behind: key)
    }
    return lines.groups.enumerated()
      .sorted {
        let (a, b) = ($0.element, $1.element)
        return (b.loudness, b.kind.severity, b.weight, $0.offset)
          < (a.loudness, a.kind.severity, a.weight, $1.offset)
      }
      .map(\.element)
  }

  /// The words after the names: ` ssh down`.
  private static func words(_ kind: Kind) -> String {
    let state = kind.check == CheckName.ssh.text && kind.severity == .critical ? " down" : ""
    return " \(word(kind.check))\(state)"
  }

  private func add(_ line: Line, _ isOnly: Bool, to text: inout StyledText) {
    let words = Self.words(line.kind)
    let message = Self.clipped(
      commonMessage(line.members.map { ($0.alert.key.host, $0.alert.text) }), 400)
    let note = line.kind.note.isEmpty ? "" : " — \(line.kind.note)"
    let time = " · \(Self.clock(line.since))"
    if isOnly {
      text.add(
        .init("\(mark(line.kind.severity)) "), .init(line.names + words, .bold),
        .init(time + note))
      if !message.isEmpty { text.add(.init(message)) }
    } else {
      let detail = message.isEmpty ? "" : ": \(Self.clipped(message, 160))"
      text.add(
        .init("\(mark(line.kind.severity)) "), .init(line.names, .bold),
        .init("\(words)\(detail)\(time)\(note)"))
    }
    if let words = line.effects(names: Self.names) { text.add(.init(words)) }
  }

  /// The resolved checks, in lines.
  private var ended:
    [(
      names: String, words: String, worst: Severity, isGone: Bool, message: String, hosts: [String]
    )]
  {
    struct Group: Hashable {
      var check: String
      var worst: Severity
      var isGone: Bool
    }
    var resolved = TroubleGroups<Group, Incident.Member>()
    for member in incident.members where !member.isActive {
      resolved.add(
        member,
        to: Group(check: member.alert.key.check, worst: member.worst, isGone: member.isGone))
    }
    return resolved.groups.map { found in
      let (group, members) = (found.kind, found.members)
      let until = members.compactMap(\.until).max() ?? incident.opened
      // The longest of several outages.
      let length = members.map { Self.seconds($0.alert.since, $0.until ?? until) }.max() ?? 0
      let hosts = members.map(\.alert.key.host)
      let end =
        group.isGone
        ? "no longer monitored" : "resolved \(Self.clock(until)) after \(Self.length(length))"
      return (
        Self.names(hosts), " \(Self.word(group.check)) \(end)",
        group.worst, group.isGone, Self.clipped(members[0].alert.text, 400), hosts
      )
    }
  }

  private func firstCheck(_ lines: [Line]) -> (what: String, command: String)? {
    let own = lines.first { !Pseudo.withChecks.contains($0.members[0].alert.key.host) }
    guard let line = own, let host = line.members.first?.alert.key.host else { return nil }
    let what =
      switch line.kind.reason {
      case .timeout, .unreachable: "power and uplink of \(host); "
      case .connectionRefused where line.kind.check == CheckName.ssh.text:
        "whether sshd runs on \(host); "
      default: ""
      }
    return (what, "scrape host \(host)")
  }

  // MARK: Words

  private func mark(_ severity: Severity) -> String {
    switch severity {
    case .ok: "🟢"
    case .minor: "🟡"
    case .major: "🟠"
    case .critical: "🔴"
    case .unknown: "⚪"
    }
  }

  private static func note(_ member: Incident.Member) -> String {
    var notes: [String] = []
    if member.alert.isFlapping { notes.append("flapping") }
    if let words = member.alert.acknowledgement {
      notes.append("acknowledged (\(clipped(words.visible, 100)))")
    }
    if let until = member.silenced {
      notes.append(until.nanoseconds == .max ? "in maintenance" : "silenced until \(clock(until))")
    }
    return notes.joined(separator: ", ")
  }

  /// `https` of `service https`, `disk full /` of `rule disk full{path=/}`.
  private static func word(_ check: String) -> String {
    // A host chooses the names of disks and interfaces: make them safe to print.
    clipped((CheckName(check).service ?? CheckName(check).label).visible, 120)
  }

  /// The folded names of hosts, with words for the pseudo hosts.
  fileprivate static func names(_ hosts: [String]) -> String {
    let all = hosts.map { host in
      switch host {
      case Pseudo.services: "service"
      case Pseudo.scraper: "scraper"
      default: host
      }
    }
    return fold(Array(Set(all)).sorted())
  }

  /// The hosts of several incidents; nil without incidents.
  static func names(_ texts: ArraySlice<AlertText>) -> String? {
    texts.isEmpty ? nil : names(texts.flatMap { $0.incident.members.map(\.alert.key.host) })
  }

  static func clipped(_ text: String, _ length: Int = 150) -> String {
    // One character may have any number of scalars.
    let scalars = text.unicodeScalars
    guard scalars.count > length else { return text }
    return String(String.UnicodeScalarView(scalars.prefix(length - 1))) + "…"
  }

  /// `14:05`; with the date if it is not today.
  public static func clock(_ time: Timestamp) -> String { String(Format.time(time).dropLast(3)) }

  private static func seconds(_ from: Timestamp, _ until: Timestamp) -> Int64 {
    let (length, overflow) = until.nanoseconds.subtractingReportingOverflow(from.nanoseconds)
    return overflow ? 0 : max(0, length) / 1_000_000_000
  }

  private static func length(_ seconds: Int64) -> String {
    seconds < 60 ? "\(max(1, seconds)) s" : Format.duration(.seconds(seconds))
  }
}

extension TroubleGroups.Group where Member == Incident.Member {
  /// 0 if all are acknowledged or silenced, which sorts them last.
  fileprivate var loudness: Int {
    members.allSatisfy { $0.silenced != nil || $0.alert.acknowledgement != nil } ? 0 : 1
  }
  fileprivate var since: Timestamp {
    members.map(\.alert.since).min() ?? Timestamp(nanoseconds: 0)
  }
  fileprivate var names: String { AlertText.names(members.map(\.alert.key.host)) }
}
