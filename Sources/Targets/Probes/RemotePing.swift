internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Parsers

/// Echo requests of a jump host, by its ping(8) of iputils, busybox or inetutils.
///
/// The round trips are those from the jump host. Programs differ in their options: the jump host itself
/// finds out which one it has. At most 200 ms between requests are asked of iputils and inetutils, which
/// allow others no less; busybox sends one per second.
struct RemotePing {
  let count: Int
  let interval: Duration
  let wait: Duration
  let size: Int

  /// More than 100 replies need.
  static let outputLimit = 32 << 10

  func run(
    _ endpoint: Endpoint, through tunnel: Tunnel, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(Verdict) -> ICMPProbe.Echoes {
    let via = "via \(tunnel.hop.name)"
    let line = try command(for: endpoint.number)
    endpoint.byHand("ssh \(tunnel.hop.name) ping -c \(count) -s \(size) \(endpoint.number)")
    let output: [UInt8]
    var status: Int32?
    do throws(TargetError) {
      let stream = try await tunnel.run(line, in: endpoint.turn, on: reactor, by: deadline)
      stream.finish()
      (output, status) = try await read(stream, via, on: reactor, by: deadline)
    } catch {
      if error.isOfJumpHost { throw Verdict(error) }
      switch error.reason {
      case .noShell, .permission:
        throw Verdict(.unknown, .notPermitted, "\(via): no command may be run: \(error.detail)")
      case .outputTooLarge: throw Verdict(.unknown, .notSupported, error.detail)
      default: throw Verdict(error)
      }
    }
    guard status != 127 else {
      throw Verdict(.unknown, .notSupported, "\(via): ping is not installed there")
    }
    let reading: Ping.Reading
    do throws(ParseError) { reading = try Ping.parse(output.span) } catch {
      guard status != nil else {
        throw Verdict(.critical, .timeout, "\(endpoint.number): no reply to echo requests \(via)")
      }
      throw Verdict(
        .unknown, .notSupported, "\(via): its ping has an unknown output: \(shown(output))")
    }
    return try echoes(reading, endpoint, via)
  }

  /// Reads up to the end; what came by the deadline is kept, then without a status.
  private func read(
    _ stream: TunnelStream, _ via: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) -> ([UInt8], Int32?) {
    var output: [UInt8] = []
    do throws(TargetError) {
      while true {
        let piece = try await stream.read(
          atMost: 4096, while: "ping runs", on: reactor, by: deadline)
        if piece.isEmpty { break }
        output += piece
        guard output.count <= Self.outputLimit else {
          throw TargetError(.outputTooLarge, "\(via): its ping writes without end")
        }
      }
      return (output, try await stream.exitStatus(on: reactor, by: deadline))
    } catch {
      guard error.reason == .timeout, !error.isOfJumpHost else { throw error }
      return (output, nil)
    }
  }

  private func echoes(
    _ reading: Ping.Reading, _ endpoint: Endpoint, _ via: String
  ) throws(Verdict) -> ICMPProbe.Echoes {
    if reading.replies.isEmpty {
      switch reading.fault {
      case .unknownName:
        throw Verdict(
          .critical, .nameUnknown, "\(endpoint.number) has no address on the jump host")
      case .notPermitted(let said):
        throw Verdict(.unknown, .notPermitted, "\(via): its ping may not send ICMP: \(said)")
      case .other(let said) where !reading.isUnreachable && reading.transmitted == nil:
        throw Verdict(.unknown, .notSupported, "\(via): its ping failed: \(said)")
      default: break
      }
      if reading.isUnreachable {
        throw Verdict(.critical, .unreachable, "\(endpoint.number): no route from the jump host")
      }
    }
    var echoes = ICMPProbe.Echoes()
    // Without the line at the end, those up to the last reply.
    let numbers = reading.replies.map { Int($0.number) }
    let seen = (numbers.max() ?? count - 1) - min(numbers.min() ?? 0, 1) + 1
    echoes.sent = max(reading.transmitted ?? seen, reading.replies.count)
    for (index, reply) in reading.replies.enumerated() {
      echoes.times.append(Int64(reply.milliseconds * 1e6))
      echoes.hops = reply.hops ?? echoes.hops
      endpoint.note(
        "reply",
        "\(index + 1) after \(reply.milliseconds) ms" + (reply.hops.map { ", ttl \($0)" } ?? ""))
    }
    return echoes
  }

  /// The command line, for any shell. The name is that of a host, and no option.
  func command(for name: String) throws(Verdict) -> String {
    guard Self.isHarmless(name) else {
      throw Verdict(.unknown, .notSupported, "\(name) is no name for a command line")
    }
    let tenths = max(2, Int((interval / .milliseconds(100)).rounded(.up)))
    let quick = "-i \(tenths / 10).\(tenths % 10)"
    let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
    // ping6 of inetutils takes whole seconds only.
    let six = name.utf8.contains(UInt8(ascii: ":"))
    return
      "exec sh -c 'LC_ALL=C;export LC_ALL;p=ping;"
      + (six ? "command -v ping6 >/dev/null 2>&1&&p=ping6;" : "")
      + "command -v $p >/dev/null 2>&1||exit 127;o=;case \"$($p -V 2>&1)\" in "
      + "*iputils*)o=\"-n \(quick)\";;*inetutils*)o=\"-n\(six ? "" : " \(quick)")\";;esac;"
      + "exec $p $o -c \(count) -s \(size) -W \(seconds) \(name) 2>&1'"
  }

  /// Letters, digits, and what else stands in names and addresses; no option and nothing of a shell.
  static func isHarmless(_ name: String) -> Bool {
    guard let first = name.utf8.first, first != UInt8(ascii: "-"), name.utf8.count <= 253 else {
      return false
    }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: ":"):
        true
      default: false
      }
    }
  }
}
