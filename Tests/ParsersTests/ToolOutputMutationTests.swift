import Foundation
import Testing

@testable import Parsers

/// A small generator that gives the same numbers each run.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}

/// What people of the tools' formats wrote, bent at random: nothing may trap or hang.
@Suite struct ToolOutputMutationTests {
  static let seeds: [String] =
    WhoTests.rows.map(\.line) + LastTests.rows.map { $0.0 } + [
      WTmpDBTests.entry(rest: "\"logout\": \"10:20\",\n \"length\": \"01:10\""),
      "PING 10.0.0.5 (10.0.0.5): 56 data bytes\n64 bytes from 10.0.0.5: seq=0 ttl=64 time=0.05 ms\n"
        + "3 packets transmitted, 1 packets received, 66% packet loss\n",
      "PING x (10.0.0.5) 56(84) bytes of data.\n64 bytes from 10.0.0.5: icmp_seq=1 ttl=1 time=3 ms\n"
        + "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable\n3 packets transmitted, 1 received\n",
      "PING x (10.0.0.5): 56 data bytes\nping: sendto: Operation not permitted\n",
      "ping: bad address 'x'\nping: socket: Permission denied\nping: unknown host\n",
      String(decoding: IPMIToolTests.capture, as: UTF8.self),
      "Name=alice\nTimestamp=Fri 2026-11-20 09:10:11 UTC\nTTY=pts/0\nClass=user\n\nName=b\n",
      "sshd: alice@pts/0,pts/1\nsshd-session: bob@notty\0\0",
      "a\\ b,t=x,u=y\\,z v=1.5,w=-2i,s=\"a \\\" b\",o=true 1760000000000000000\n# words\na v=1\n",
      """
      <?xml version="1.0" ?>
      <!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">
      <nvidia_smi_log><driver_version>595</driver_version><gpu id="1"><uuid>GPU-1</uuid>
      <performance_state>P0</performance_state><compute_mode>Default</compute_mode>
      <fb_memory_usage><total>10 MiB</total></fb_memory_usage><mig_devices><mig_device><index>0</index>
      </mig_device></mig_devices><supported_clocks><v>1</v></supported_clocks>
      <processes><process_info><pid>1</pid><process_name>a &amp; b</process_name></process_info></processes>
      </gpu></nvidia_smi_log>
      """,
    ]

  /// Pieces that have a meaning in one of the formats.
  static let pieces = [
    "\0", "\n", "\n\n", "\r\n", "\"", "<", ">", "&", "&#0;", "&#x10ffff;", "]]>", "<![CDATA[",
    "<!DOCTYPE a [", "<!ENTITY x \"y\">", "<?xml encoding=\"UTF-16\"?>", "</gpu>", "<gpu>", "(",
    ")",
    ":", "-", " - ", "99999999999999999999", "-9223372036854775808", "Feb 29", "Mon", "2026",
    "still logged in", "\u{feff}", "\u{1b}[2J", "=", "@", ",", " ", "\t", "é",
  ]

  fileprivate static func mutated(_ seed: String, with random: inout Seeded) -> [UInt8] {
    var bytes = Array(seed.utf8)
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let at = Int.random(in: 0...bytes.count, using: &random)
      let end = min(bytes.count, at + Int.random(in: 0...12, using: &random))
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes.removeSubrange(at..<end)
      case 1: bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
      case 2:
        bytes.insert(
          contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8, at: at)
      case 3: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &random) }
      case 4: bytes.removeSubrange(at...)
      default:
        bytes.replaceSubrange(
          at..<end, with: pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8)
      }
    }
    return bytes
  }

  /// Every parser of this kind, its reading's size as proof that it was made.
  static let parsers: [(name: String, read: @Sendable ([UInt8]) throws -> Int)] = [
    ("who", { try Who.parse($0.span).count }), ("last", { try Last.parse($0.span).count }),
    ("wtmpdb", { try WTmpDB.parse($0.span).count }),
    ("loginctl", { try Loginctl.parse($0.span).count }),
    ("sshd", { try SSHProcesses.parse($0.span).count }),
    ("line protocol", { try LineProtocolReader.parse($0.span).points.count }),
    ("ipmitool", { try IPMITool.parse($0.span).sensors.count }),
    ("ping", { try Ping.parse($0.span).replies.count }),
    ("nvidia-smi", { try NvidiaSMI.parse($0.span).gpus.count }),
  ]

  @Test(.timeLimit(.minutes(2)), arguments: 0..<parsers.count)
  func `no input traps or hangs a parser`(_ index: Int) {
    var random = Seeded(state: 20_261_120 + UInt64(index))
    var read = 0
    for _ in 0..<4000 {
      let seed = Self.seeds[Int.random(in: 0..<Self.seeds.count, using: &random)]
      let bytes = Self.mutated(seed, with: &random)
      if let count = try? Self.parsers[index].read(bytes) {
        read += 1
        #expect(count <= Last.most)
      }
    }
    // Some mutants are still of the format, else nothing was tried.
    #expect(read > 10, "\(Self.parsers[index].name) read \(read)")
  }

  @Test func `a prefix of nvidia-smi's document is never more than the whole`() throws {
    let bytes = Array(try #require(Self.seeds.last).utf8)
    for end in 0..<bytes.count {
      let part = Array(bytes[..<end])
      let gpus = (try? NvidiaSMI.parse(part.span))?.gpus ?? []
      #expect(gpus.count <= 1)
      for gpu in gpus { #expect(gpu.values.text("uuid") == "GPU-1") }
    }
  }
}
