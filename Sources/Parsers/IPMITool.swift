/// What ipmitool(1) says on a host, in the script of `HostBMC`.
///
/// Format: `? 0x06 0x01` before the answer to a command of `ipmitool raw`: bytes in hexadecimal, at most 16
/// a line, or `Unable to send RAW command (… rsp=0xc1): Invalid command`. After `? sdr` the lines of
/// `ipmitool sdr elist`, `CPU1 Temp | 02h | unc | 3.1 | 88 degrees C`: the name, the sensor's number, its
/// state, entity and instance, and the reading. `! absent` and `! closed`: the device is not there, or
/// the account may not open it.
public enum IPMITool: Parser {
  public struct Reading: Sendable, Equatable {
    /// The answers by the bytes of their commands: function, command, and data.
    public var answers: [[UInt8]: Answer] = [:]
    public var sensors: [Sensor] = []
    public var device: Device?

    public init() {}
  }

  public enum Answer: Sendable, Equatable {
    case bytes([UInt8])
    /// The completion code of a refusal.
    case refused(UInt8)
    /// Neither; ipmitool's line.
    case failed(String)
  }

  /// Why no command could be sent.
  public enum Device: Sendable, Equatable { case absent, closed }

  public struct Sensor: Sendable, Equatable {
    public var name: String
    public var number: UInt8
    /// `ok`, `ns` without a reading, `unc` … of a threshold.
    public var state: String
    public var entity: UInt8
    public var instance: UInt8
    /// `88 degrees C`, `Presence detected`; empty without an event.
    public var text: String
  }

  /// The limits of one script.
  static let sensorLimit = 1024
  static let answerLimit = 256
  static let byteLimit = 1024

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var lines = Scanner(text)
    var reading = Reading()
    var command: [UInt8]?
    var isList = false
    var isKnown = false
    while let line = lines.line() {
      var words = Scanner(line)
      if words.skip(UInt8(ascii: "?")) {
        isKnown = true
        isList = line.equals("? sdr")
        command = isList ? nil : bytes(in: words.rest, prefix: "0x")
        if let key = command, reading.answers.count >= answerLimit, reading.answers[key] == nil {
          command = nil
        }
        continue
      }
      if words.skip(UInt8(ascii: "!")) {
        isKnown = true
        reading.device = line.equals("! closed") ? .closed : .absent
        continue
      }
      if isList {
        if reading.sensors.count < sensorLimit, let sensor = sensor(in: line) {
          reading.sensors.append(sensor)
        }
      } else if let command {
        add(line, to: &reading.answers[command])
      }
    }
    guard isKnown else { throw ParseError("ipmitool", "no answers of ipmitool", at: text) }
    return reading
  }

  private static func add(_ line: Span<UInt8>, to answer: inout Answer?) {
    if let more = bytes(in: line, prefix: ""), !more.isEmpty {
      if case .bytes(let before)? = answer {
        answer = .bytes(Array((before + more).prefix(byteLimit)))
      } else {
        answer = .bytes(Array(more.prefix(byteLimit)))
      }
      return
    }
    guard let place = line.firstIndex(of: "rsp=0x") else {
      if answer == nil, line.count > 0 {
        answer = .failed(String(decoding: line.bytes(limit: 200), as: UTF8.self))
      }
      return
    }
    var rest = Scanner(line)
    rest.skip(bytes: place + 6)
    if let code = rest.upTo(UInt8(ascii: ")"))?.hexadecimal, code > 0, code <= 0xff {
      answer = .refused(UInt8(code))
    }
  }

  /// Words of a prefix and two digits; nil where one is something else.
  private static func bytes(in text: Span<UInt8>, prefix: String) -> [UInt8]? {
    var words = Scanner(text)
    var bytes: [UInt8] = []
    let skipped = prefix.utf8.count
    while let word = words.word() {
      guard word.count == skipped + 2, word.starts(with: prefix), bytes.count < byteLimit,
        let byte = word.extracting(skipped..<word.count).hexadecimal
      else { return nil }
      bytes.append(UInt8(byte))
    }
    return bytes
  }

  /// A name may have a bar in it: the other four columns are the last ones.
  private static func sensor(in line: Span<UInt8>) -> Sensor? {
    var bars: [Int] = []
    for index in line.indices where line[index] == UInt8(ascii: "|") { bars.append(index) }
    guard bars.count >= 4 else { return nil }
    let ends = bars.suffix(4) + [line.count]
    var columns: [String] = []
    for (place, start) in bars.suffix(4).enumerated() {
      columns.append(trimmed(line.extracting((start + 1)..<ends[ends.startIndex + place + 1])))
    }
    guard let number = columns[0].last == "h" ? UInt8(columns[0].dropLast(), radix: 16) : nil
    else { return nil }
    let entity = columns[2].split(separator: ".")
    guard entity.count == 2, let id = UInt8(entity[0]), let instance = UInt8(entity[1]),
      !columns[1].isEmpty, columns[1].utf8.count <= 8
    else { return nil }
    let name = trimmed(line.extracting(0..<ends[ends.startIndex]))
    return Sensor(
      name: name, number: number, state: columns[1], entity: id, instance: instance,
      text: columns[3])
  }

  private static func trimmed(_ text: Span<UInt8>) -> String {
    var (start, end) = (0, min(text.count, 512))
    while start < end, text[start].isBlank { start += 1 }
    while end > start, text[end - 1].isBlank { end -= 1 }
    return String(decoding: text.extracting(start..<end).bytes(limit: 512), as: UTF8.self)
  }
}
