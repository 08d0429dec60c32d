public import Configuration
public import Engine
internal import Metrics

/// `smb`: the negotiation with a file server (MS-SMB2, sections 2.2.3 and 2.2.4).
///
/// Options: `dialect` (the lowest that will do: 2.0.2, 2.1, 3.0, 3.0.2, 3.1.1), `signing` (`required`
/// or `enabled`: what the server must insist on).
public struct SMBProbe: Probe {
  public static let name = "smb"
  public static let summary = "A file server agrees on a dialect, with the expected signing."
  public static let canBind = true
  public static let defaultPort: UInt16? = 445

  private static let dialects: [(name: String, number: UInt16)] = [
    ("2.0.2", 0x0202), ("2.1", 0x0210), ("3.0", 0x0300), ("3.0.2", 0x0302), ("3.1.1", 0x0311),
  ]

  private let lowest: UInt16
  private let mustSign: Bool

  public init(_ options: inout Fields) {
    let name = options.take(
      "dialect", .choice(Self.dialects.map(\.name)), "Least dialect.", example: "3.0")
    lowest = Self.dialects.first { $0.name == name }?.number ?? 0
    mustSign =
      options.take(
        "signing", .choice(["enabled", "required"]), otherwise: "`enabled`",
        "`required`: the server must require signed messages.", example: "required") == "required"
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand("smbclient -N -L //\(endpoint.number) -p \(endpoint.port)")
    do throws(Verdict) {
      return try await negotiate(endpoint, on: reactor, by: deadline)
    } catch {
      return error
    }
  }

  private func negotiate(
    _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> Verdict {
    let start = Deadline.now
    let stream = try await ByteStream.open(
      endpoint, limit: 128 << 10, on: reactor, by: deadline)
    stream.doing = "agreeing on a dialect"
    try await stream.send(Self.request(), on: reactor, by: deadline)
    let head = try await stream.read(exactly: 4, on: reactor, by: deadline)
    // A session message's type and its length, of which 17 bits count (RFC 1002, section 4.3.1).
    let length = Int(head.long32(at: 0) & 0xff_ffff)
    guard head[0] == 0, length >= 64 + 8, length <= 64 << 10 else {
      throw Verdict(.critical, .protocolError, "no answer of a file server: \(shown(head))")
    }
    let answer = try await stream.read(exactly: length, on: reactor, by: deadline)
    let latency = Deadline.now.since(start)
    guard answer.starts(with: [0xfe, 0x53, 0x4d, 0x42]) else {
      throw Verdict(
        .critical, .protocolError,
        answer.starts(with: [0xff, 0x53, 0x4d, 0x42])
          ? "it speaks SMB 1 only" : "no answer of a file server: \(shown(answer))")
    }
    let status = answer.little(at: 8, count: 4)
    guard status == 0, answer.little(at: 12, count: 2) == 0, answer.little(at: 64, count: 2) == 65
    else {
      let refusal = String(status, radix: 16)
      throw Verdict(
        .critical, .wrongAnswer, "the server agrees on no dialect (status 0x\(refusal))",
        latency: latency)
    }
    let mode = answer.little(at: 66, count: 2)
    let number = UInt16(truncatingIfNeeded: answer.little(at: 68, count: 2))
    guard let dialect = Self.dialects.first(where: { $0.number == number }) else {
      throw Verdict(
        .critical, .protocolError, "a dialect that was not offered: 0x\(String(number, radix: 16))")
    }
    let signing = mode & 2 != 0 ? "required" : mode & 1 != 0 ? "enabled" : "off"
    let summary = "SMB \(dialect.name), signing \(signing)"
    endpoint.note("agreed", summary)
    if number < lowest || mustSign && mode & 2 == 0 {
      return Verdict(.major, .wrongAnswer, summary, latency: latency)
    }
    return .ok(latency, summary)
  }

  /// Offers all dialects; 3.1.1 needs to know how to hash what was said, and with what to encrypt.
  private static func request() -> [UInt8] {
    func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
      (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: .min ... .max) } }
    var packet: [UInt8] = [0xfe, 0x53, 0x4d, 0x42]
    packet += little(UInt16(64)) + little(UInt16(0))  // header's size, credit charge
    packet += little(UInt32(0)) + little(UInt16(0)) + little(UInt16(1))  // negotiate, one credit
    packet += [UInt8](repeating: 0, count: 64 - packet.count)
    let offset = 64 + 36 + dialects.count * 2
    let aligned = (offset + 7) & ~7
    packet += little(UInt16(36)) + little(UInt16(dialects.count))
    packet += little(UInt16(1)) + little(UInt16(0))  // we can sign
    packet += little(UInt32(0x44)) + random(16)  // encryption and large reads; who we are
    packet += little(UInt32(aligned)) + little(UInt16(2)) + little(UInt16(0))
    for dialect in dialects { packet += little(dialect.number) }
    packet += [UInt8](repeating: 0, count: aligned - offset)
    // SHA-512 with 32 bytes of salt.
    packet += little(UInt16(1)) + little(UInt16(38)) + little(UInt32(0))
    packet += little(UInt16(1)) + little(UInt16(32)) + little(UInt16(1)) + random(32)
    packet += [0, 0]  // to the next multiple of eight
    // AES-128-GCM or AES-128-CCM.
    packet += little(UInt16(2)) + little(UInt16(6)) + little(UInt32(0))
    packet += little(UInt16(2)) + little(UInt16(2)) + little(UInt16(1))
    var framed: [UInt8] = [0, 0, 0, 0]
    framed.put(UInt32(packet.count), at: 0)
    return framed + packet
  }
}
