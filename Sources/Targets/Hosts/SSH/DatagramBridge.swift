public import Engine
public import Inventory
internal import Metrics

/// A datagram socket of a jump host, connected to one address: what is sent goes there, and what comes
/// from there is received.
///
/// A command on the jump host carries the datagrams as long as this object lives, made of what is there:
/// see `BridgeScript`. Nothing is written to a disk there. Sending and receiving do not wait for each
/// other, so that a lost datagram holds up none. Each bridge has a port of its own: an answer that comes
/// late can only be one to a datagram of this bridge, and the protocols compare their numbers.
///
/// It belongs to the reactor of its jump host, hence `@unchecked`.
public final class DatagramBridge: @unchecked Sendable {
  /// What comes back.
  public enum Arrival: Sendable, Equatable {
    case datagram([UInt8])
    /// No process takes datagrams on that port (ICMP port unreachable).
    case refused
  }

  /// The longest datagram in bytes; of a longer one the beginning is received.
  public static let longest = 4096
  /// All datagrams that one bridge receives, in bytes.
  private static let receivedLimit = 16 << 20
  /// The time to start the command, in which the jump host also looks up the address.
  private static let startLimit: Duration = .seconds(10)

  private let stream: TunnelStream
  private let place: String
  private var buffer: [UInt8] = []
  private var received = 0
  private var refusals = 0
  private var hasSent = false
  /// What carries the datagrams on the jump host: `bash`, `socat`, `nc`, `python3` or `perl`.
  public private(set) var tool = ""

  private init(_ stream: TunnelStream, to place: String) {
    self.stream = stream
    self.place = place
  }

  /// The name of the jump host.
  public var jumpHost: String { stream.jumpHost }

  /// Starts the command on the last jump host, where the address is looked up.
  ///
  /// Throws `not_supported` where the jump host has no tool for it or runs no commands for the account,
  /// `name_unknown` and `unreachable` as it finds the address, `not_reached` where other commands ran
  /// there until the deadline, and `unreachable` with `via NAME: …` where the jump host fails.
  public static func open(
    to address: String, port: UInt16, through tunnel: Tunnel, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) -> DatagramBridge {
    let name = tunnel.hop.name
    guard let script = BridgeScript.text(address, port) else {
      throw TargetError(
        .nameUnknown, "\"\(address.prefix(100))\" is no name that \(name) could look up")
    }
    let stream: TunnelStream
    do throws(TargetError) {
      stream = try await tunnel.run("exec sh", on: reactor, by: deadline)
    } catch {
      guard error.reason == .noShell else { throw error }
      throw TargetError(.notSupported, "UDP needs a command on the jump host: \(error.detail)")
    }
    let bridge = DatagramBridge(
      stream, to: address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)")
    let limit = min(deadline, .after(startLimit))
    let doing = "\(name) starts a command for UDP"
    let line: String
    do throws(TargetError) {
      try await stream.write(Array(script.utf8), while: doing, on: reactor, by: limit)
      line = try await bridge.line(while: doing, on: reactor, by: limit)
    } catch {
      switch error.reason {
      // An account without a shell, or one that may run one command only.
      case .connectionLost:
        throw TargetError(
          .notSupported,
          "\(name) runs no commands of the shell for this account, and UDP needs one there")
      case .timeout:
        guard deadline.isPast else { throw .behind(name, error) }
        throw TargetError(.notReached, "via \(name): the time ended while \(doing)")
      default: throw error
      }
    }
    let words = line.split(separator: " ")
    switch words.first {
    case "+" where words.count > 1: bridge.tool = String(words[1])
    case "?":
      throw TargetError(
        .nameUnknown,
        "\(name) does not know \(address); names are looked up there, give an `address` in the "
          + "inventory")
    case "!":
      throw TargetError(.unreachable, "\(name) has no route to \(address)")
    case "none":
      throw TargetError(
        .notSupported,
        "\(name) has nothing that carries UDP: it has no bash with /dev/udp, socat, nc with -u, python3 "
          + "or perl (the first three need dd and od, too)")
    default:
      throw TargetError(
        .notSupported, "\(name) answers a command with \"\(line.prefix(60))\", not as a shell does")
    }
    // The command ends that process when the bridge ends.
    if words.count > 2 {
      try await stream.write(
        Array("k\(words[2])\n".utf8), while: doing, on: reactor, by: deadline)
    }
    return bridge
  }

  /// The time to the jump host and back, through the command.
  public func roundTrip(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> Duration {
    let start = Deadline.now
    let doing = "the way to \(jumpHost) was measured"
    try await stream.write([UInt8(ascii: "p"), 10], while: doing, on: reactor, by: deadline)
    while try await line(while: doing, on: reactor, by: deadline) != "p" {}
    return Deadline.now.since(start)
  }

  /// Sends a datagram of at most `longest` bytes.
  public func send(
    _ datagram: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    guard (1...Self.longest).contains(datagram.count) else {
      throw TargetError(.localError, "a datagram of \(datagram.count) bytes")
    }
    hasSent = true
    do throws(TargetError) {
      try await stream.write(
        BridgeScript.line(of: datagram), while: "a datagram to \(place) was sent", on: reactor,
        by: deadline)
    } catch {
      // One that has ended has said why.
      if error.reason != .connectionLost { throw error }
    }
  }

  /// The next datagram that comes; nil at the deadline, and after the end that a refusal brought about.
  ///
  /// Throws `unreachable` with `via NAME: …` where the jump host or the command there ends.
  public func receive(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> Arrival? {
    while true {
      let line: String
      do throws(TargetError) {
        line = try await self.line(
          while: "a datagram from \(place) was waited for", on: reactor, by: deadline)
      } catch {
        if error.reason == .timeout { return nil }
        guard error.reason == .connectionLost else { throw error }
        // These end at an error of their socket, which the last datagram brought about.
        guard tool == "socat" || tool == "nc", hasSent else { throw .behind(jumpHost, error) }
        if refusals > 0 { return nil }
        refusals += 1
        return .refused
      }
      switch line.utf8.first {
      case UInt8(ascii: "p"): continue
      case UInt8(ascii: "!"):
        refusals += 1
        guard refusals < 64 else {
          throw TargetError(.protocolError, "\(place): too many refusals")
        }
        return .refused
      case UInt8(ascii: "="):
        guard let bytes = BridgeScript.bytes(line.utf8.dropFirst()), bytes.count <= Self.longest
        else { break }
        received += bytes.count
        guard received <= Self.receivedLimit else {
          throw TargetError(.protocolError, "\(place) sends datagrams without end")
        }
        return .datagram(bytes)
      default: break
      }
      throw TargetError(
        .protocolError, "the command for UDP on \(jumpHost) writes \"\(line.prefix(60))\"")
    }
  }

  private func line(
    while doing: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> String {
    var searched = 0
    while true {
      if let end = buffer[searched...].firstIndex(of: 10) {
        let line = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeFirst(end + 1)
        return line
      }
      searched = buffer.count
      guard searched <= 3 * Self.longest + 64 else {
        throw TargetError(.protocolError, "a line without end came while \(doing)")
      }
      let more = try await stream.read(while: doing, on: reactor, by: deadline)
      guard !more.isEmpty else {
        if let failure = stream.failure { throw failure }
        throw TargetError(.connectionLost, "the command on \(jumpHost) ended while \(doing)")
      }
      buffer += more
    }
  }
}
