/// The output of ping(8) of iputils, of busybox and of inetutils, in English.
///
/// Format: a line per reply, `64 bytes from 10.0.0.5: icmp_seq=1 ttl=64 time=0.029 ms` (busybox: `seq=`;
/// iputils counts from 1, the others from 0), at the end `3 packets transmitted, 2 received, 33% packet
/// loss, time 407ms` (`2 packets received`), and `ping: …` for what fails. Duplicates are ignored; other
/// lines report errors of the way.
public enum Ping: Parser {
  public struct Reading: Sendable, Equatable {
    /// The number of requests; nil without the line at the end.
    public var transmitted: Int?
    /// In their order.
    public var replies: [Reply] = []
    /// Whether a router or the own kernel reported that no route leads there.
    public var isUnreachable = false
    public var fault: Fault?

    public init() {}
  }

  public struct Reply: Sendable, Equatable {
    /// As the program counts.
    public var number: UInt64
    /// The time to live; nil where the program does not show it.
    public var hops: Int?
    /// The round trip.
    public var milliseconds: Double
  }

  /// Why the program sent nothing.
  public enum Fault: Sendable, Equatable {
    case unknownName
    /// The account may not send ICMP; the program's line.
    case notPermitted(String)
    /// The program's line.
    case other(String)
  }

  /// More replies than requests that a probe may send.
  public static let replyLimit = 200
  /// The limit of a round trip: no program waits longer.
  private static let timeLimit = 600_000.0

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var lines = Scanner(text)
    var reading = Reading()
    var isKnown = false
    while let line = lines.line() {
      if line.starts(with: "PING ") {
        isKnown = true
      } else if let transmitted = transmitted(in: line) {
        reading.transmitted = transmitted
        // What follows are the mean round trips.
        return reading
      } else if line.firstIndex(of: "nreachable") != nil || line.firstIndex(of: "o route to") != nil
      {
        isKnown = true
        reading.isUnreachable = true
      } else if let fault = fault(in: line) {
        isKnown = true
        switch (reading.fault, fault) {
        // The cause may come after a line that says less.
        case (nil, _), (.other?, .unknownName), (.other?, .notPermitted): reading.fault = fault
        default: break
        }
      } else if let reply = reply(in: line) {
        isKnown = true
        if reading.replies.count < replyLimit,
          !reading.replies.contains(where: { $0.number == reply.number })
        {
          reading.replies.append(reply)
        }
      }
    }
    guard isKnown else { throw ParseError("ping", "no output of ping", at: text) }
    return reading
  }

  private static func reply(in line: Span<UInt8>) -> Reply? {
    var words = Scanner(line)
    guard words.word()?.unsigned != nil, words.word()?.equals("bytes") == true,
      words.word()?.equals("from") == true,
      let number = value("seq=", in: line)?.unsigned, number <= 0xffff,
      let time = value("time=", in: line)?.decimal, time >= 0, time <= timeLimit
    else { return nil }
    let hops = value("ttl=", in: line)?.unsigned.flatMap { $0 <= 255 ? Int($0) : nil }
    return Reply(number: number, hops: hops, milliseconds: time)
  }

  @_lifetime(copy line)
  private static func value(_ name: String, in line: Span<UInt8>) -> Span<UInt8>? {
    guard let index = line.firstIndex(of: name) else { return nil }
    var rest = Scanner(line)
    rest.skip(bytes: index + name.utf8.count)
    return rest.word()
  }

  private static func transmitted(in line: Span<UInt8>) -> Int? {
    var words = Scanner(line)
    guard let transmitted = words.word()?.unsigned, transmitted <= 1_000_000,
      words.word()?.equals("packets") == true, words.word()?.equals("transmitted,") == true
    else { return nil }
    return Int(transmitted)
  }

  /// `ping: bad address 'x'`; the name may have a path before it.
  private static func fault(in line: Span<UInt8>) -> Fault? {
    var words = Scanner(line)
    guard let name = words.word(), name.count > 0,
      name[name.count - 1] == UInt8(ascii: ":"), name.firstIndex(of: "ping") != nil
    else { return nil }
    words.skipBlanks()
    let said = String(decoding: words.rest.bytes(limit: 200), as: UTF8.self)
    func says(_ texts: [String]) -> Bool { texts.contains { line.firstIndex(of: $0) != nil } }
    if says([
      "ame or service not known", "ame resolution", "bad address", "unknown host",
      "o address associated", "ame does not resolve",
    ]) {
      return .unknownName
    }
    if says(["ermission denied", "not permitted", "acking privilege", "cap_net_raw"]) {
      return .notPermitted(said)
    }
    return .other(said)
  }
}
