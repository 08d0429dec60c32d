import CLab
import Foundation
import Synchronization

/// All packets of a network namespace, from the beginning until `stop`.
public final class Capture: Sendable {
  /// A packet without its link header.
  public struct Packet: Sendable {
    public var interface: Int32
    public var bytes: [UInt8]

    public var version: UInt8 { (bytes.first ?? 0) >> 4 }
    /// 1 ICMP, 6 TCP, 17 UDP; of IPv6 the next header.
    public var transport: UInt8 { byte(version == 6 ? 6 : 9) }
    public var source: String { version == 6 ? "ipv6" : address(12) }
    public var target: String { version == 6 ? "ipv6" : address(16) }
    public var isLoopback: Bool { source.hasPrefix("127.") || target.hasPrefix("127.") }
    public var sourcePort: Int { hasPorts ? word(header) : 0 }
    public var targetPort: Int { hasPorts ? word(header + 2) : 0 }
    /// Whether it begins a TCP connection.
    public var isCall: Bool { transport == 6 && byte(header + 13) & 0x12 == 0x02 }
    public var sequence: UInt32 {
      UInt32(word(header + 4)) << 16 | UInt32(word(header + 6))
    }
    /// The bytes that it carries for a process.
    public var payload: ArraySlice<UInt8> {
      let end = min(bytes.count, version == 4 ? max(word(2), 0) : bytes.count)
      let skip =
        switch transport {
        case 6: header + Int(byte(header + 12) >> 4) * 4
        case 17: header + 8
        default: header
        }
      return skip < end ? bytes[skip..<end] : []
    }

    private var header: Int { version == 6 ? 40 : Int(byte(0) & 0x0f) * 4 }
    private var hasPorts: Bool { transport == 6 || transport == 17 }
    private func byte(_ place: Int) -> UInt8 { place < bytes.count ? bytes[place] : 0 }
    private func word(_ place: Int) -> Int { Int(byte(place)) << 8 | Int(byte(place + 1)) }
    private func address(_ place: Int) -> String {
      (place..<place + 4).map { String(byte($0)) }.joined(separator: ".")
    }
  }

  private let socket: Int32
  private let state = Mutex<(packets: [Packet], isOver: Bool, isDone: Bool)>(([], false, false))

  /// Begins in the network namespace of the calling thread.
  public init() throws {
    socket = lab_open_capture(128 << 20)
    guard socket >= 0 else { throw Unavailable(description: "no socket for packets") }
    Thread.detachNewThread { [self] in
      var room = [UInt8](repeating: 0, count: 1 << 17)
      while true {
        let isLast = state.withLock { $0.isOver }
        var interface: Int32 = 0
        while true {
          let count = lab_next_packet(socket, &room, room.count, &interface)
          guard count > 0 else { break }
          let packet = Packet(interface: interface, bytes: Array(room.prefix(count)))
          guard [4, 6].contains(packet.version) else { continue }
          state.withLock { $0.packets.append(packet) }
        }
        if isLast { break }
        usleep(2_000)
      }
      state.withLock { $0.isDone = true }
    }
  }

  deinit { close(socket) }

  /// Ends it. Throws where packets were lost.
  public func stop() throws -> [Packet] {
    state.withLock { $0.isOver = true }
    _ = eventually(within: 30) { state.withLock { $0.isDone } }
    let lost = lab_lost_packets(socket)
    guard lost == 0 else { throw Unavailable(description: "\(lost) packets lost") }
    return state.withLock { $0.packets }
  }

  /// What processes sent: the streams of TCP, each direction put together, and all datagrams in one.
  public static func contents(of packets: [Packet]) throws -> [[UInt8]] {
    struct Flow: Hashable { var text: String }
    var begun: [Flow: UInt32] = [:]
    var streams: [Flow: (bytes: [UInt8], have: Int)] = [:]
    var ended: [(Flow, (bytes: [UInt8], have: Int))] = []
    var rest: [UInt8] = []
    for packet in packets where packet.version == 4 {
      guard packet.transport == 6 else {
        rest += packet.payload
        // Not the end of one and the beginning of the next.
        rest += [0, 0xff, 0]
        continue
      }
      let flow = Flow(
        text: "\(packet.source):\(packet.sourcePort) \(packet.target):\(packet.targetPort) "
          + "\(packet.interface)")
      let payload = packet.payload
      // The number of a SYN, with or without ACK, is one before that of the first byte.
      if packet.bytes.count > 33, packet.isOpening {
        let first = packet.sequence &+ 1
        // A later connection may have the same ports.
        if begun[flow] != first, let stream = streams.removeValue(forKey: flow) {
          ended.append((flow, stream))
        }
        begun[flow] = first
        continue
      }
      guard !payload.isEmpty else { continue }
      let start = begun[flow] ?? packet.sequence
      begun[flow] = start
      let place = Int(Int32(bitPattern: packet.sequence &- start))
      // A sign of life repeats the byte before the first.
      guard place >= 0, place < 256 << 20 else { continue }
      var (bytes, have) = streams[flow] ?? ([], 0)
      streams[flow] = nil
      if bytes.count < place + payload.count {
        bytes += [UInt8](repeating: 0, count: place + payload.count - bytes.count)
      }
      bytes.replaceSubrange(place..<place + payload.count, with: payload)
      have += payload.count
      streams[flow] = (bytes, have)
    }
    ended += streams.map { ($0.key, $0.value) }
    for (flow, stream) in ended where stream.have < stream.bytes.count {
      throw Unavailable(
        description: "\(flow.text): \(stream.have) of \(stream.bytes.count) bytes captured")
    }
    return ended.map(\.1.bytes) + [rest]
  }
}

extension Capture.Packet {
  /// Whether it has the flag SYN.
  fileprivate var isOpening: Bool {
    let header = Int(bytes[0] & 0x0f) * 4
    return header + 13 < bytes.count && bytes[header + 13] & 0x02 != 0
  }
}

extension [UInt8] {
  /// Whether these bytes stand somewhere in it.
  public func holds(_ part: [UInt8]) -> Bool {
    !part.isEmpty
      && withUnsafeBytes { all in
        part.withUnsafeBytes {
          lab_find(all.baseAddress, all.count, $0.baseAddress, $0.count) >= 0
        }
      }
  }
}
