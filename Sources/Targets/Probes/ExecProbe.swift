public import Configuration
public import Engine
internal import Glibc
public import Metrics
internal import Parsers
internal import Transfer

/// `exec`: runs a Nagios plugin, a Checkmk local check, or a program that prints InfluxDB's line
/// protocol, on this machine or on the host.
///
/// Options: `command` (a list of words, or one text split at blanks; there is no shell;
/// `$HOSTADDRESS$` and `$HOSTNAME$` stand for the host), `format` (`nagios`, `checkmk` or
/// `influx`), `on` (`here` or `host`), `environment` (`{NAME: VALUE}`, values may be secrets). Here
/// the program also gets PATH, LC_ALL=C and HOME=/; on the host, the environment of its login with
/// LC_ALL=C and TZ=UTC. Writes Telegraf's `nagios` and `nagios_state`, or the program's own points.
public struct ExecProbe: HostQuestion {
  public static let name = "exec"
  public static let summary = "A plugin of Nagios or Checkmk, or one that prints points, is OK."
  /// Units of perfdata (Monitoring Plugins Development Guidelines); `c` is a counter.
  private static let perfdata = FieldUnit.inTag(["us": "µs", "c": "", "KB": "kB"])
  public static let measurements = [
    Measurement(
      "nagios_state", "State and text of a plugin.",
      tags: ["check": "the name, where one program reports several checks"],
      fields: [
        .state("state", means: "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN"),
        .string("service_output", means: "The first line"),
        .string("long_service_output", means: "The other lines"),
      ]),
    Measurement(
      "nagios", "One value of a plugin's perfdata.",
      tags: ["perfdata": "its label", "unit": "its unit, if any"],
      fields: [
        .float("value", unit: perfdata, means: "Absent if the plugin reports `U`"),
        .float("min", "max", unit: perfdata, means: "Least and greatest possible value"),
        .float(
          "warning_lt", "warning_gt", "critical_lt", "critical_gt", unit: perfdata,
          means: "The threshold fires below, above"),
        .float(
          "warning_ge", "warning_le", "critical_ge", "critical_le", unit: perfdata,
          means: "The threshold fires from, up to (ranges with `@`)"),
      ]),
  ]
  public static let carrier = Carrier.none

  private let command: [String]
  private let format: Format
  private let runsOnHost: Bool
  private let environment: [(name: String, value: Value)]

  private enum Format: String, CaseIterable { case nagios, checkmk, influx }

  private enum Value: Sendable {
    case clear(String)
    case secret(Secret)
  }

  /// The limit of a plugin's output in bytes.
  static let outputLimit = 64 << 10

  public init(_ options: inout Fields) {
    let command = options.take(
      "command", Self.words, otherwise: "required",
      "Program with its arguments; no shell. `$HOSTNAME$` is the host's name, `$HOSTADDRESS$` its address: an IP address here, on the host as in the inventory."
    )
    format = options.take(
      "format", .choice(), default: .nagios,
      "Format of the output: Nagios plugin, Checkmk's local checks, or line protocol.")
    runsOnHost =
      options.take(
        "on", .choice(["here", "host"]), otherwise: "`here`",
        "Where the program runs: on this machine, or on the host over SSH.", example: "host")
      == "host"
    environment = options.take(
      "environment", Self.variables, default: [],
      "Environment variables on this machine; a value may be a secret.")
    if !options.has("command") {
      options.add("exec needs a command")
    } else if let program = command?.first, !runsOnHost, !program.hasPrefix("/") {
      options.add("the program is named by its whole path")
    }
    if runsOnHost, !environment.isEmpty {
      options.add("environment is for programs on this machine")
    }
    self.command = command ?? []
  }

  private static var words: SettingType<[String]> {
    SettingType(
      "list of words, or one text", example: "[/usr/lib/nagios/plugins/check_ssh, $HOSTADDRESS$]"
    ) {
      node, what throws(ConfigurationError) in
      guard let text = node.text else {
        let words = try node.strings(what)
        if words.isEmpty { throw ConfigurationError("exec needs a command", at: node) }
        return words
      }
      guard !text.contains(where: { "\"'|;<>`\\".contains($0) }) else {
        throw ConfigurationError(
          "command is not read by a shell", at: node,
          hint: "write it as a list, [program, word, …]; a script of yours may use a shell")
      }
      let words = text.split(separator: " ").map(String.init)
      if words.isEmpty { throw ConfigurationError("exec needs a command", at: node) }
      return words
    }
  }

  private static var variables: SettingType<[(name: String, value: Value)]> {
    SettingType("mapping of names to texts or secrets", example: "{TOKEN: \"${TOKEN}\"}") {
      node, what throws(ConfigurationError) in
      var variables: [(name: String, value: Value)] = []
      for pair in try node.mapping(what) {
        let text = try pair.value.string(pair.name)
        let isSecret = ["${", "file:", "credential:"].contains(where: text.hasPrefix)
        variables.append(
          (pair.name, isSecret ? .secret(try Secret(pair.value, pair.name)) : .clear(text)))
      }
      return variables
    }
  }

  // MARK: On this machine

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    guard !runsOnHost else {
      return Verdict(.unknown, .notSupported, "asked over the host's SSH session only")
    }
    let words = command.map {
      $0.replacing("$HOSTADDRESS$", with: endpoint.number)
        .replacing("$HOSTNAME$", with: endpoint.host)
    }
    endpoint.byHand(words.map { $0.quotedForShell }.joined(separator: " "))
    let start = Deadline.now
    do throws(Verdict) {
      var variables = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/",
      ]
      for (name, value) in environment {
        switch value {
        case .clear(let text): variables.append("\(name)=\(text)")
        case .secret(let secret):
          let text = try await endpoint.kit.secrets.text(of: secret, on: reactor, by: deadline)
          variables.append("\(name)=\(text ?? "")")
        }
      }
      var (output, errors, status) = try await Self.run(
        words, variables, on: reactor, by: deadline)
      // A program may print its environment; its output is cut further on.
      let hidden = endpoint.kit.secrets.hidden
      output = hidden.cleaned(output) ?? output
      errors = hidden.cleaned(errors) ?? errors
      endpoint.note("exit status", status.map { String($0) } ?? "a signal")
      endpoint.note("output", String(decoding: output.prefix(400), as: UTF8.self))
      if !errors.isEmpty {
        endpoint.note("errors", String(decoding: errors.prefix(400), as: UTF8.self))
      }
      // A program without standard output may report errors on standard error.
      var said = output.allSatisfy({ $0 <= 0x20 }) ? errors : output
      if format == .influx {
        said = output + (status == 0 && said == output ? [] : Self.comment(errors))
      }
      return evaluate(
        output: said, status: status, took: Deadline.now.since(start),
        reserved: endpoint.kit.reserved)
    } catch { return error }
  }

  /// Runs the program to its end and returns its output.
  private static func run(
    _ words: [String], _ variables: [String], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> (output: [UInt8], errors: [UInt8], status: Int32?) {
    let child: ChildProcess
    do throws(SystemError) {
      child = try ChildProcess(words[0], words, environment: variables, wantsErrors: true)
    } catch {
      throw Verdict(.unknown, .localError, "\(words[0]): \(error.message)")
    }
    shutdown(child.input.number, Int32(SHUT_RDWR))
    var output: [UInt8] = []
    var errors: [UInt8] = []
    var sockets = WatchedSockets()
    sockets.set(child.output.number, .read)
    sockets.set(child.errors.number, .read)
    let end = child.end.number
    sockets.set(end, .read)
    var hasEnded = false
    while !hasEnded {
      let ready: [(socket: Int32, readiness: Readiness)]
      do throws(WaitError) {
        ready = try await sockets.ready(on: reactor, by: deadline)
      } catch {
        // The group is killed when the child goes.
        throw error == .timedOut
          ? Verdict(.critical, .timeout, "\(words[0]) had not ended in the time given", isUp: false)
          : Verdict(error, while: "the program ran")
      }
      // Most plugins print everything and end: one wake-up is enough for both.
      hasEnded = ready.contains { $0.socket == end }
      for socket in hasEnded ? [child.output.number, child.errors.number] : ready.map(\.socket) {
        let isOpen =
          socket == child.output.number
          ? drain(socket, into: &output) : drain(socket, into: &errors)
        if !isOpen { sockets.set(socket, []) }
      }
      guard output.count + errors.count <= outputLimit else {
        throw Verdict(
          .unknown, .protocolError, "\(words[0]) printed more than \(outputLimit >> 10) KiB")
      }
    }
    return (output, errors, child.reap())
  }

  /// Reads the available output; false at the end.
  private static func drain(_ socket: Int32, into bytes: inout [UInt8]) -> Bool {
    while bytes.count <= outputLimit {
      let count = withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { buffer in
        let count = read(socket, buffer.baseAddress, buffer.count)
        if count > 0 { bytes.append(contentsOf: buffer[..<count]) }
        return count
      }
      if count == 0 { return false }
      if count < 0 { return errno == EAGAIN || errno == EINTR }
    }
    return true
  }

  /// The first line as a line protocol comment.
  private static func comment(_ text: [UInt8]) -> [UInt8] {
    Array("\n# ".utf8) + text.prefix { $0 != UInt8(ascii: "\n") }
  }

  // MARK: On the host

  /// The inventory's address: the host itself resolves names.
  public func script(of host: String, at address: String) -> String? {
    guard runsOnHost else { return nil }
    let words = command.map {
      $0.replacing("$HOSTADDRESS$", with: address).replacing("$HOSTNAME$", with: host)
        .quotedForShell
    }
    return "$limit \(words.joined(separator: " ")) </dev/null"
  }

  // MARK: Output

  public func evaluate(
    output: [UInt8], status: Int32?, took: Duration?, reserved: Set<String>
  ) -> Verdict {
    var verdict: Verdict
    guard let status else {
      return Verdict(.unknown, .notSupported, "the program was ended by a signal", latency: took)
    }
    do throws(ParseError) {
      verdict =
        switch format {
        case .nagios: Self.evaluate(try PluginOutput.parse(output.span), status)
        case .checkmk: Self.evaluate(try LocalChecks.parse(output.span), status)
        case .influx: Self.evaluate(try LineProtocolReader.parse(output.span), status, reserved)
        }
    } catch {
      verdict = Verdict(.unknown, .protocolError, "\(error)")
    }
    verdict.latency = took
    return verdict
  }

  /// Exit status to severity: WARNING is minor, as in rules, and all beyond CRITICAL unknown.
  private static func severity(_ state: Int) -> Severity {
    switch state {
    case 0: .ok
    case 1: .minor
    case 2: .critical
    default: .unknown
    }
  }

  private static func verdict(_ state: Int, _ text: String) -> Verdict {
    let severity = severity(state)
    if severity == .ok { return .ok(nil, text) }
    return severity == .unknown
      ? Verdict(.unknown, .noAnswer, text) : Verdict(severity, .wrongAnswer, text)
  }

  private static func said(_ text: String, _ status: Int32) -> String {
    guard text.isEmpty else { return text }
    return [126, 127].contains(status)
      ? "the program cannot be run" : "it said nothing (exit status \(status))"
  }

  private static func evaluate(_ reading: PluginOutput.Reading, _ status: Int32) -> Verdict {
    var verdict = verdict(Int(status), said(reading.text, status))
    var state = Point("nagios_state")
    state.integer("state", Int64((0...2).contains(status) ? status : 3))
    state.string("service_output", reading.text)
    if !reading.more.isEmpty { state.string("long_service_output", reading.more) }
    verdict.points = [state] + reading.values.map { point($0, $0.label) }
    return verdict
  }

  private static func evaluate(_ items: [LocalChecks.Item], _ status: Int32) -> Verdict {
    let worst = items.max { severity($0.state) < severity($1.state) }
    let bad = items.count { $0.state != 0 }
    var said = items.count == 1 ? "" : "\(items.count) checks, \(bad) not ok; "
    if let worst { said += "\(worst.name): \(worst.text)" }
    var verdict = verdict(worst?.state ?? 3, said)
    for item in items {
      var state = Point("nagios_state")
      state.tag("check", item.name.visible)
      state.integer("state", Int64(item.state))
      state.string("service_output", item.text)
      verdict.points.append(state)
      verdict.points += item.values.map { point($0, "\(item.name).\($0.label)") }
    }
    return verdict
  }

  private static func evaluate(
    _ reading: LineProtocolReader.Reading, _ status: Int32, _ reserved: Set<String>
  ) -> Verdict {
    let points = reading.points.compactMap { point($0, reserved) }
    var said = "\(points.count) \(points.count == 1 ? "point" : "points")"
    let others = reading.points.count - points.count
    if others > 0 {
      said += ", \(others) left out (a measurement of scrape's own, or not of the last day)"
    }
    if points.isEmpty && others == 0 {
      said = Self.said(reading.text, status)
    } else if !reading.text.isEmpty {
      said = "\(reading.text); \(said)"
    }
    var verdict = verdict(Int(status), said)
    verdict.points = points
    return verdict
  }

  /// The program's own point. Nil if its measurement is reserved by scrape, or its time is more
  /// than a day ago or a minute ahead: such a time is probably not in nanoseconds.
  private static func point(
    _ item: LineProtocolReader.Item, _ reserved: Set<String>
  ) -> Point? {
    guard !reserved.contains(item.measurement) else { return nil }
    var point = Point(item.measurement)
    if let nanoseconds = item.time {
      let (age, overflow) = Timestamp.now.nanoseconds.subtractingReportingOverflow(nanoseconds)
      guard !overflow, age > -60_000_000_000, age < 86_400_000_000_000 else { return nil }
      point.time = Timestamp(nanoseconds: nanoseconds)
    }
    for tag in item.tags where !["host", "group"].contains(tag.name) {
      point.tag(tag.name, tag.value)
    }
    for field in item.fields {
      switch field.value {
      case .integer(let value): point.integer(field.name, value)
      case .float(let value): point.float(field.name, value)
      case .string(let value): point.string(field.name, value)
      case .boolean(let value): point.boolean(field.name, value)
      }
    }
    return point
  }

  /// Telegraf's point of one value, with its names for range ends.
  private static func point(_ value: PluginOutput.Value, _ label: String) -> Point {
    var point = Point("nagios")
    point.tag("perfdata", label.visible)
    point.tag("unit", value.unit.visible)
    point.float("value", value.value)
    for (name, range) in [("warning", value.warning), ("critical", value.critical)] {
      guard let range else { continue }
      point.float("\(name)_\(range.isInside ? "ge" : "lt")", range.low)
      point.float("\(name)_\(range.isInside ? "le" : "gt")", range.high)
    }
    point.float("min", value.minimum)
    point.float("max", value.maximum)
    return point
  }
}
