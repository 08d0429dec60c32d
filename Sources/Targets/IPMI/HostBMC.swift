internal import Engine
internal import Inventory
public import Metrics
internal import Parsers

/// Reading a BMC on its host, through the driver of the kernel (`/dev/ipmi0`) and ipmitool(1):
/// `bmc: {through: host}`.
///
/// The script sends the commands that a session over the network sends (`ipmitool raw`), and their
/// answers are understood by the same code. Only the sensors come as ipmitool shows them: a process for
/// each of them would cost too much. Of the event log only new records are asked for. Nothing is
/// written on the host.
public enum HostBMC {
  /// The name of the script's section.
  public static let section = "bmc"
  public static let byteLimit = 512 << 10
  /// New records of the event log in one reading; the next one continues.
  static let recordLimit = 20

  /// The script for a host, whose BMC has this memory.
  public static func script(remembering memory: [String: [UInt64]]) -> String {
    let last = (memory["sel"] ?? []).count == 5 ? memory["sel"]?.first ?? 0 : nil
    func word(_ byte: UInt64) -> String { "0x\(hex(UInt8(truncatingIfNeeded: byte)).lowercased())" }
    // Before the first reading, the last record; an empty log had none to remember.
    let known = last.map { "\(word($0)) \(word($0 >> 8))" } ?? "0xff 0xff"
    let follows = last == nil ? "exit 0" : ""
    let start =
      last == 0 ? "a=00 b=00" : "o=$(r \(known)); echo \"$o\"; set -- $o; shift 9; a=$1 b=$2"
    return """
      command -v ipmitool >/dev/null 2>&1 || exit 127
      q() { echo "? $*"; $limit ipmitool raw "$@" 2>&1; }
      r() { q 0x0a 0x43 0x00 0x00 "$1" "$2" 0x00 0xff; }
      o=$(q 0x06 0x01)
      echo "$o"
      case $o in *"Could not open device"*)
        for d in /dev/ipmi0 /dev/ipmi/0 /dev/ipmidev/0; do
          [ -e $d ] && echo "! closed" && exit 0
        done
        echo "! absent"
        exit 0;;
      esac
      q 0x06 0x37
      q 0x00 0x01
      q 0x00 0x0f
      q 0x2c 0x02 0xdc 0x01 0x00 0x00
      echo "? sdr"
      ${limit:+${limit% *} 40} ipmitool sdr elist 2>/dev/null
      q 0x0a 0x40
      q 0x0a 0x48
      \(start)
      \(follows)
      case $a in [0-9a-f][0-9a-f]) ;; *) a=00 b=00;; esac
      n=0
      while [ $n -lt \(recordLimit) ] && [ "$a$b" != ffff ]; do
        o=$(r 0x$a 0x$b)
        echo "$o"
        set -- $o
        shift 9
        case $1 in [0-9a-f][0-9a-f]) ;; *) break;; esac
        [ "$1$2" = 0000 ] && break
        a=$1 b=$2 n=$((n + 1))
      done
      exit 0
      """
  }

  /// The answer from the script's output; `status` is nil where it did not end.
  public static func answer(
    output: [UInt8], status: Int?, isCut: Bool, remembering memory: [String: [UInt64]],
    at time: Timestamp
  ) -> BMCAnswer {
    var answer = BMCAnswer(time: time)
    answer.memory = memory
    if status == 127 {
      answer.failure = TargetError(
        .notSupported, "through the host: ipmitool is not installed there")
      return answer
    }
    let reading: IPMITool.Reading
    // Half a line of a script that was cut must not pass for a whole one.
    let isWhole = status != nil && !isCut
    let end = isWhole ? output.count : (output.lastIndex(of: 0x0a) ?? -1) + 1
    do throws(ParseError) { reading = try IPMITool.parse(Array(output[..<end]).span) } catch {
      answer.failure = TargetError(.protocolError, "through the host: \(error)")
      return answer
    }
    switch reading.device {
    case .absent:
      answer.failure = TargetError(
        .notSupported, "through the host: it has no /dev/ipmi0; modprobe ipmi_devintf ipmi_si")
      return answer
    case .closed:
      answer.failure = TargetError(
        .permission, "through the host: its account may not open /dev/ipmi0")
      return answer
    case nil: break
    }
    var work = HostBMCReading(reading, answer)
    work.run(isWhole: isWhole)
    return work.answer
  }
}

/// The answers of a script, in place of a session.
private struct RecordedBMC: BMCConversation {
  let reading: IPMITool.Reading

  func ask(
    _ function: UInt8, _ command: UInt8, _ rest: [UInt8], lun: UInt8, for what: String
  ) throws(BMCSession.Failure) -> ArraySlice<UInt8> {
    switch reading.answers[[function, command] + rest] {
    case .bytes(let bytes): return bytes[...]
    case .refused(let code): throw .refused(code, what)
    case .failed(let line):
      throw BMCSession.Failure(reason: .protocolError, detail: "\(what): \(line)")
    case nil:
      throw BMCSession.Failure(
        reason: .timeout, detail: "\(what) was not asked for", endsSession: true, isLate: true)
    }
  }
}

private struct HostBMCReading {
  private let session: RecordedBMC
  private let reading: IPMITool.Reading
  private(set) var answer: BMCAnswer

  init(_ reading: IPMITool.Reading, _ answer: BMCAnswer) {
    self.reading = reading
    self.answer = answer
    session = RecordedBMC(reading: reading)
  }

  mutating func run(isWhole: Bool) {
    let device: BMCDevice
    do throws(BMCSession.Failure) { device = try BMCDevice(asking: session) } catch {
      answer.failure = TargetError(error.reason, "through the host: \(error.detail)")
      return
    }
    answer.isOpen = true
    answer.commands = reading.answers.count + 1
    step("device", device.summary)
    part("chassis") { work throws(BMCSession.Failure) in try work.chassis() }
    part("power") { work throws(BMCSession.Failure) in try work.power() }
    part("sensors") { work throws(BMCSession.Failure) in work.sensors() }
    if answer.power == nil { answer.power = PowerReading.sensors(answer.sensors) }
    if isWhole {
      part("events") { work throws(BMCSession.Failure) in try work.events(of: device) }
    } else {
      answer.problems.append(
        .init(part: "events", reason: .timeout, detail: "the script did not end on the host"))
    }
  }

  private mutating func part(
    _ name: String, _ body: (inout HostBMCReading) throws(BMCSession.Failure) -> String
  ) {
    do throws(BMCSession.Failure) { step(name, try body(&self)) } catch {
      step(name, error.detail)
      answer.problems.append(.init(part: name, reason: error.reason, detail: error.detail))
    }
  }

  private mutating func step(_ name: String, _ detail: String) {
    answer.steps.append(.init(name: name, took: .zero, detail: detail))
  }

  private mutating func chassis() throws(BMCSession.Failure) -> String {
    let bytes = try session.ask(0x00, 0x01, [], lun: 0, for: "the chassis status")
    guard let status = ChassisStatus(bytes) else {
      throw .init(reason: .protocolError, detail: "a chassis status of \(bytes.count) bytes")
    }
    answer.chassis = status
    if case .bytes(let bytes)? = reading.answers[[0x00, 0x0f]], bytes.count >= 5, bytes[0] > 0 {
      let count = bytes[1...4].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      answer.chassis?.hoursOn = Double(count) * Double(bytes[0]) / 60
    }
    return status.isOn ? "on" : "off"
  }

  private mutating func power() throws(BMCSession.Failure) -> String {
    let bytes: ArraySlice<UInt8>
    do throws(BMCSession.Failure) {
      bytes = try session.ask(
        0x2c, 0x02, [0xdc, 0x01, 0x00, 0x00], lun: 0, for: "the DCMI power reading")
    } catch  where error.reason == .notSupported {
      return "no DCMI: \(error.detail)"
    }
    return try answer.take(power: bytes)
  }

  private mutating func events(of device: BMCDevice) throws(BMCSession.Failure) -> String {
    var names: [UInt8: String] = [:]
    for sensor in reading.sensors { names[sensor.number] = sensor.name }
    var reader = EventLogReader(
      session, device: device, sensors: names, remembered: answer.memory["sel"])
    defer { answer.memory["sel"] = reader.remembered }
    let log = try reader.read(at: answer.time)
    answer.log = log
    if let problem = log.problem {
      answer.problems.append(.init(part: "events", reason: .protocolError, detail: problem))
    }
    return log.summary
  }

  // MARK: Sensors

  private mutating func sensors() -> String {
    for sensor in reading.sensors {
      let name = sensor.name.isEmpty ? "sensor \(sensor.number)" : sensor.name
      guard sensor.state != "ns" else {
        answer.unreadable.append(name)
        continue
      }
      answer.sensors.append(Self.reading(of: sensor, named: name))
    }
    return "\(answer.sensors.count) read, \(answer.unreadable.count) without a reading"
  }

  private static func reading(of sensor: IPMITool.Sensor, named name: String) -> SensorReading {
    var reading = SensorReading(
      name: name, entity: "\(sensor.entity).\(sensor.instance)", entityID: sensor.entity, type: 0,
      value: nil, unit: nil, state: nil, code: "us", events: [])
    // `88 degrees C`; a discrete sensor has words only.
    let words = sensor.text.split(separator: " ", maxSplits: 1)
    let first = words.first.map { Array($0.utf8) } ?? []
    if words.count == 2, let value = first.span.decimal {
      reading.value = value
      reading.unit = String(words[1])
      let (code, state, event) = threshold(sensor.state)
      (reading.code, reading.state, reading.events) = (code, state, event.map { [$0] } ?? [])
      return reading
    }
    reading.events = sensor.text.split(separator: ",").map { event in
      String(event.drop { $0 == " " })
    }
    reading.state = state(of: reading.events)
    reading.code =
      switch reading.state {
      case .nominal?: "ok"
      case .warning?: "nc"
      case .critical?: "cr"
      case nil: "us"
      }
    return reading
  }

  /// ipmitool's word for a crossed threshold: `unc`, `lcr`, or without its side.
  private static func threshold(_ word: String) -> (String, SensorReading.State?, String?) {
    let side = word.hasPrefix("u") && word != "us" ? "upper " : word.hasPrefix("l") ? "lower " : ""
    switch word.suffix(2) {
    case "ok": return ("ok", .nominal, nil)
    case "nc": return ("nc", .warning, side.isEmpty ? nil : side + "non-critical")
    case "cr": return ("cr", .critical, side.isEmpty ? nil : side + "critical")
    case "nr": return ("nr", .critical, side.isEmpty ? nil : side + "non-recoverable")
    default: return ("us", nil, nil)
    }
  }

  /// The worst of events, by the rules of FreeIPMI (freeipmi_interpret_sensor.conf(5)) for words that mean
  /// the same for each type of sensor; nil where one has no such rule, and without an event: it may be a maker's own sensor.
  private static func state(of events: [String]) -> SensorReading.State? {
    guard !events.isEmpty else { return nil }
    let states = events.map { event in rules.first { $0.words.contains(event.lowercased()) }?.state
    }
    if states.contains(.critical) { return .critical }
    if states.contains(.warning) { return .warning }
    return states.contains(nil) ? nil : .nominal
  }

  /// Words of ipmitool 1.8.
  private static let rules: [(state: SensorReading.State, words: Set<String>)] = [
    (
      .nominal,
      [
        "presence detected", "fully redundant", "limit not exceeded", "device present",
        "state deasserted", "predictive failure deasserted", "transition to ok", "informational",
        "performance met", "drive present", "s0/g0: working", "device enabled",
        "slot / connector device installed/attached", "transition to running",
      ]
    ),
    (
      .critical,
      [
        "failure detected", "predictive failure", "power supply ac lost",
        "ac lost or out-of-range", "ac out-of-range", "config error", "ierr",
        "thermal trip", "frb1/bist failure", "frb2/hang in post failure",
        "frb3/processor startup/init failure", "configuration error", "uncorrectable ecc",
        "redundancy lost", "non-redundant: sufficient from redundant",
        "non-redundant: sufficient from insufficient", "non-redundant: insufficient resources",
        "drive fault", "in failed array", "general chassis intrusion", "limit exceeded",
        "transition to critical from less severe", "transition to critical from non-recoverable",
        "transition to non-recoverable", "transition to non-recoverable from less severe",
        "predictive failure asserted",
      ]
    ),
    (
      .warning,
      [
        "redundancy degraded", "redundancy degraded from fully redundant",
        "redundancy degraded from non-redundant", "transition to non-critical from ok",
        "transition to non-critical from more severe", "monitor",
      ]
    ),
  ]
}
