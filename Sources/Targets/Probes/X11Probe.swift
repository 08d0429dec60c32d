public import Configuration
public import Engine
internal import Metrics

/// `x11`: the connection setup of an X server, without authorization.
///
/// A server that requires authorization is ok; otherwise it is an open display: everybody may read
/// its screen and type on its keyboard. `x11:1` is the display 1, on port 6001.
///
/// Options: `open_display` (the severity of an open display; as `findings`).
///
/// The format is that of the X Window System Protocol, X Version 11, section 8.
public struct X11Probe: Probe {
  public static let name = "x11"
  public static let summary = "An X server answers, and requires authorization."
  public static let canBind = true
  public static let defaultPort: UInt16? = 6000

  /// Below 1000 a number is a display.
  public static func port(from text: String) -> UInt16? {
    if let display = UInt16(text), display < 1000 { return 6000 + display }
    return portNumber(text, .tcp)
  }

  private let openDisplay: Severity?

  public init(_ options: inout Fields) {
    openDisplay = options.take(
      "open_display", .severity, otherwise: "`findings`", "Severity if the display is open.")
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    let display = Int(endpoint.port) - 6000
    endpoint.byHand("env -u XAUTHORITY xdpyinfo -display \(endpoint.number):\(display)")
    do throws(Verdict) {
      return try await setUp(endpoint, on: reactor, by: deadline)
    } catch {
      return error
    }
  }

  private func setUp(
    _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Verdict {
    let start = Deadline.now
    let stream = try await ByteStream.open(
      endpoint, limit: 1 << 20, on: reactor, by: deadline)
    stream.doing = "setting up the connection"
    // Low byte first, version 11.0, no name of an authorization and no proof.
    try await stream.send(
      [UInt8(ascii: "l"), 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0], on: reactor, by: deadline)
    let head = try await stream.read(exactly: 8, on: reactor, by: deadline)
    let latency = Deadline.now.since(start)
    let version = "\(head.little(at: 2, count: 2)).\(head.little(at: 4, count: 2))"
    guard head[0] <= 2, head[0] == 2 || version.hasPrefix("11.") else {
      throw Verdict(.critical, .protocolError, "no answer of an X server: \(shown(head))")
    }
    let rest = try await stream.read(
      exactly: Int(head.little(at: 6, count: 2)) * 4, on: reactor, by: deadline)
    await stream.end(on: reactor, by: min(deadline, .after(.milliseconds(200))))
    switch head[0] {
    case 0:
      let words = String(decoding: rest.prefix(Int(head[1])), as: UTF8.self)
      return .ok(latency, "X \(version) asks who we are: \(Self.trimmed(words))")
    case 2:
      return .ok(
        latency, "it asks who we are: \(Self.trimmed(String(decoding: rest, as: UTF8.self)))")
    default:
      // Release and resources take 16 bytes, then the vendor's length, and 22 bytes on its name.
      let length = Int(rest.little(at: 16, count: 2))
      let vendor = String(decoding: rest.dropFirst(32).prefix(length), as: UTF8.self)
      let summary = "anybody may use this display (X \(version), \(vendor))"
      let severity = openDisplay ?? endpoint.findings
      return severity == .ok
        ? .ok(latency, summary)
        : Verdict(severity, .openDisplay, summary, latency: latency)
    }
  }

  private static func trimmed(_ text: String) -> String {
    String(decoding: text.utf8.prefix { $0 >= 0x20 }, as: UTF8.self)
  }
}
