internal import Metrics
internal import Parsers
internal import Store

/// Reads a file of a spool, which may come from a machine in hostile hands.
///
/// A file is taken whole or refused: one line that does not have its format refuses it. Everything is
/// bounded before it is stored: bytes, lines, texts. Names, tags and messages are foreign text.
public struct SpoolReader {
  private let decompressor = Decompressor()

  public init() {}

  /// The name that the content of a file has, by its first line; nil without one.
  public static func name(of bytes: [UInt8]) -> SpoolName? {
    var lines = Scanner(bytes.span)
    guard let line = lines.line(), let head = try? Head(line) else { return nil }
    return head.name
  }

  /// Reads a file of that name.
  public func read(_ bytes: [UInt8], named name: SpoolName) throws(SpoolError) -> SpoolPass {
    guard bytes.count <= SpoolLimits.packed else {
      throw SpoolError(.outputTooLarge, "more than \(SpoolLimits.packed >> 20) MiB")
    }
    let packed: [UInt8]
    do {
      var lines = Scanner(bytes.span)
      guard let line = lines.line() else { throw SpoolError.damaged("it is empty") }
      let head = try Head(line)
      guard head.name == name else {
        throw SpoolError.damaged("it is another file than its name says")
      }
      let start = lines.position
      guard bytes.count - start == head.length else {
        throw SpoolError.damaged(
          "it has \(bytes.count - start) bytes of \(head.length): cut off, or grown")
      }
      packed = Array(bytes[start...])
    } catch let error as SpoolError { throw error } catch {
      throw .damaged("\(error)")
    }
    guard packed.fnv1a == name.digest else { throw .damaged("its checksum is wrong") }
    guard let body = decompressor.unpack(packed, limit: SpoolLimits.unpacked) else {
      throw .damaged("it does not unpack, or to more than \(SpoolLimits.unpacked >> 20) MiB")
    }
    var pass = try Self.pass(body.span)
    pass.size = body.count
    return pass
  }

  private struct Head {
    var name: SpoolName
    var length: Int

    init(_ line: Span<UInt8>) throws(SpoolError) {
      var words = Scanner(line)
      guard line.count <= 200, let word = words.word(), word.equals("scrape-spool"),
        let version = words.word()
      else { throw .damaged("it is no file of a spool") }
      guard version.equals(SpoolWriter.version) else {
        throw SpoolError(
          .notSupported,
          "its format is version \(version.string), this one reads "
            + "\(SpoolWriter.version)")
      }
      guard let identity = words.word(), let number = words.word()?.unsigned,
        number <= UInt64(SpoolName.longestNumber), let length = words.word()?.unsigned,
        let digest = words.word()?.hexadecimal, words.word() == nil
      else { throw .damaged("its first line is damaged") }
      self.length = Int(clamping: length)
      let given = SpoolName(
        identity: identity.string, number: Int64(number), digest: digest)
      // Exactly as it is written: no other spelling of the same.
      guard let name = SpoolName(given.text),
        line.equals(SpoolWriter.head(name, length: self.length))
      else { throw .damaged("its first line is damaged") }
      self.name = name
    }
  }

  // MARK: Lines

  private static func pass(_ body: Span<UInt8>) throws(SpoolError) -> SpoolPass {
    var lines = Scanner(body)
    var number = 0
    var pass: SpoolPass?
    var host: SpoolHost?
    var result: HostResult?
    var isStates = false
    var isEnded = false
    var items = 0
    func close(_ pass: inout SpoolPass?) {
      if let open = result { host?.results.append(open) }
      result = nil
      if let open = host { pass?.hosts.append(open) }
      host = nil
      isStates = false
    }
    while let line = lines.line() {
      number += 1
      guard number <= SpoolLimits.lines, !isEnded else {
        throw .damaged("it has too many lines")
      }
      do throws(SpoolError) {
        var fields = SpoolFields(line)
        let word = try fields.text()
        if pass == nil {
          guard word == "pass" else { throw .damaged("expected pass") }
          pass = SpoolPass(time: try fields.time())
          continue
        }
        items += word == "point" ? 0 : 1
        guard items <= SpoolLimits.items else {
          throw .damaged("a host has more than \(SpoolLimits.items) lines beside points")
        }
        switch word {
        case "host":
          items = 0
          close(&pass)
          host = SpoolHost(name: try fields.name(), seen: try fields.time())
        case "part":
          guard let name = host?.name, !isStates else { throw .damaged("a part without a host") }
          if let open = result { host?.results.append(open) }
          result = HostResult(
            batch: PointBatch(host: name, tags: [], time: try fields.time()))
        case "states":
          guard host != nil else { throw .damaged("states without a host") }
          if let open = result { host?.results.append(open) }
          result = nil
          isStates = true
          host?.isWhole = true
        case "state":
          guard isStates else { throw .damaged("a state without states") }
          let (name, state) = try fields.state()
          host?.states[name] = state
        case "end":
          close(&pass)
          isEnded = true
        case "point":
          guard let time = result?.batch.time else { throw .damaged("a point without a part") }
          let point = try Self.point(fields.rest, at: time)
          result?.batch.points.append(point)
        default:
          guard result != nil else { throw .damaged("\(word) without a part") }
          try Self.read(word, &fields, into: &result)
        }
      } catch {
        throw SpoolError(error.reason, "line \(number): \(error.message)")
      }
    }
    guard isEnded, let pass else { throw .damaged("its end is missing") }
    return pass
  }

  private static func read(
    _ word: String, _ fields: inout SpoolFields, into result: inout HostResult?
  ) throws(SpoolError) {
    switch word {
    case "ran":
      while !fields.isAtEnd { result?.ran.append(try fields.name()) }
    case "fact":
      let name = try fields.name()
      result?.facts[name] = try fields.text()
    case "outcome":
      var outcome = TargetOutcome(target: try fields.name(), up: try fields.flag())
      outcome.severity = try fields.optionalSeverity()
      outcome.reason = try fields.reason()
      guard let milliseconds = Double(try fields.text()), milliseconds.isFinite,
        milliseconds >= 0
      else { throw .damaged("expected milliseconds") }
      outcome.milliseconds = milliseconds
      outcome.bytes = try fields.number()
      let message = try fields.text()
      outcome.message = message.isEmpty ? nil : message.visible
      result?.outcomes.append(outcome)
    case "problem":
      let collector = try fields.name()
      guard let reason = try fields.reason() else { throw .damaged("expected a reason") }
      result?.problems.append(
        CollectorProblem(
          collector: collector, reason: reason, detail: try fields.text().visible))
    case "change":
      var change = CheckTransition(
        try fields.name(), from: try fields.severity(), to: try fields.severity(),
        time: try fields.time(), since: try fields.optionalTime(), message: "")
      change.isFlapping = try fields.flag()
      change.reason = try fields.reason()
      change.message = try fields.text().visible
      result?.transitions.append(change)
    default: throw .damaged("unknown word \(word.prefix(40))")
    }
  }

  private static func point(
    _ line: Span<UInt8>, at time: Timestamp
  ) throws(SpoolError) -> Point {
    let item: LineProtocolReader.Item
    do throws(ParseError) {
      item = try LineProtocolReader.parse(line: line, limits: .monitor)
    } catch {
      throw .damaged(error.description)
    }
    var point = Point(item.measurement, tags: item.tags.map { Tag($0.name, $0.value) })
    guard let own = item.time else { throw .damaged("a point without its time") }
    if own != time.nanoseconds { point.time = Timestamp(nanoseconds: own) }
    for field in item.fields {
      let value: FieldValue =
        switch field.value {
        case .integer(let integer): .integer(integer)
        case .float(let float): .float(float)
        case .string(let text): .string(text)
        case .boolean(let flag): .boolean(flag)
        }
      point.fields.append(Field(field.name, value))
    }
    return point
  }
}

/// The fields of a line, separated by tabs.
struct SpoolFields: ~Escapable {
  private let line: Span<UInt8>
  private var position = 0

  @_lifetime(copy line)
  init(_ line: Span<UInt8>) { self.line = line }

  var isAtEnd: Bool { position > line.count }

  /// All that is left, tabs included.
  var rest: Span<UInt8> {
    @_lifetime(copy self)
    get { line.extracting(min(position, line.count)..<line.count) }
  }

  mutating func text() throws(SpoolError) -> String {
    guard position <= line.count else { throw .damaged("a field is missing") }
    var bytes: [UInt8] = []
    while position < line.count, line[position] != UInt8(ascii: "\t") {
      var byte = line[position]
      position += 1
      if byte == UInt8(ascii: "\\"), position < line.count {
        switch line[position] {
        case UInt8(ascii: "t"): byte = UInt8(ascii: "\t")
        case UInt8(ascii: "n"): byte = UInt8(ascii: "\n")
        default: byte = line[position]
        }
        position += 1
      }
      guard bytes.count < SpoolLimits.text else { throw .damaged("a field is too long") }
      bytes.append(byte)
    }
    position += 1
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .damaged("a field is not UTF-8")
    }
    return text
  }

  /// A name of a host, check or collector: not empty, harmless to print.
  mutating func name() throws(SpoolError) -> String {
    let text = try text()
    guard !text.isEmpty, text.utf8.count <= 1024 else { throw .damaged("expected a name") }
    return text.visible
  }

  mutating func number() throws(SpoolError) -> Int64 {
    let text = try text()
    guard let number = Int64(text) else { throw .damaged("expected a number") }
    return number
  }

  mutating func time() throws(SpoolError) -> Timestamp { Timestamp(nanoseconds: try number()) }

  mutating func optionalTime() throws(SpoolError) -> Timestamp? {
    let text = try text()
    if text == "-" { return nil }
    guard let number = Int64(text) else { throw .damaged("expected a time") }
    return Timestamp(nanoseconds: number)
  }

  mutating func flag() throws(SpoolError) -> Bool {
    switch try text() {
    case "1": return true
    case "0": return false
    default: throw .damaged("expected 0 or 1")
    }
  }

  mutating func severity() throws(SpoolError) -> Severity {
    guard let severity = try optionalSeverity() else { throw .damaged("expected a severity") }
    return severity
  }

  mutating func optionalSeverity() throws(SpoolError) -> Severity? {
    let text = try text()
    if text == "-" { return nil }
    guard let severity = Severity(rawValue: text) else {
      throw .damaged("expected a severity")
    }
    return severity
  }

  /// A reason; one that a later version added is left out.
  mutating func reason() throws(SpoolError) -> Reason? { Reason(rawValue: try text()) }

  mutating func state() throws(SpoolError) -> (name: String, state: CheckState) {
    let name = try name()
    var state = CheckState(try severity(), at: try time())
    state.lastOK = try optionalTime()
    state.seen = try severity()
    state.pending = try optionalSeverity()
    state.pendingCount = Int(clamping: try number())
    state.pendingSince = try time()
    state.changes = UInt32(truncatingIfNeeded: try number())
    state.isFlapping = try flag()
    state.reason = try reason()
    state.message = try text().visible
    return (name, state)
  }
}
