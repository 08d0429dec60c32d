import Testing

@testable import Parsers

@Suite struct NetworkTests {
  private static let heading = "Inter-|   Receive\n face |bytes\n"

  @Test(arguments: [
    ("  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "eth0"),
    ("eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "eth0"),
    ("eth0:7:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "eth0:7"),
  ])
  func `an interface's name ends at the last colon`(_ line: String, _ name: String) throws {
    let interface = try #require(
      try parse(Self.heading + line, as: NetDev.self).interfaces.first)
    #expect(interface.name == name)
    #expect(interface.bytesReceived == 1)
    #expect(interface.sendDrops == 12)
  }

  @Test(arguments: [
    "", "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", heading + "eth0 1 2 3\n",
    heading + "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n", heading + ": 1 2\n",
    heading + String(repeating: "x", count: 65) + ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
  ])
  func `a clipped table of interfaces is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: NetDev.self) }
  }

  @Test(
    arguments: [
      ("/tcp st 1\n/tcp 06 5\n/tcp 0A 2\n", [6: 5, 10: 2], nil),
      ("/tcp6 0A 3\n/tcp 0A 2\n/tcp6 st 1\n/tcp st 1\n", [10: 2], [10: 3]),
      (
        "  sl  local_address rem_address   st\n   0: 0100007F:0016 00000000:0000 0A 0\n", [10: 1],
        nil
      ),
      (
        "  sl  local_address rem_address   st\n   0: 0100007F:0016 00000000:0000 0A 0\n"
          + "  sl  local_address   remote_address   st\n   0: 0:0016 0:0000 01 0\n", [10: 1], [1: 1]
      ),
      ("/tcp st 1\n/tcp FF 9\n/tcp 00 9\n", [:], nil),
      ("/tcp st 1\n/tcp 01 18446744073709551615\n/tcp 01 1\n", [1: .max], nil),
    ] as [(String, [UInt8: UInt64]?, [UInt8: UInt64]?)])
  func `sockets are counted by family and state`(
    _ text: String, _ four: [UInt8: UInt64]?, _ six: [UInt8: UInt64]?
  ) throws {
    let reading = try parse(text, as: TCPStates.self)
    #expect(reading.four == four && reading.six == six)
  }

  @Test(arguments: [
    "", "/tcp 0A 2\n", "/tcp st 1\n0A 2\n", "/tcp st 1\n/tcp 0A\n", "/tcp st 1\n/tcp 0A x\n",
    "/tcp st 1\n0: a b\n", "/tcp st 1\n/tcp xyz 1\n",
  ])
  func `what counts no sockets is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: TCPStates.self) }
  }

  @Test func `a kernel with fewer values than names gives the values it has`() throws {
    let reading = try parse("Tcp: A B C\nTcp: 1 -2\nUdp: A\nUdp: 3\n", as: NetSNMP.self)
    #expect(reading.values == ["TcpA": 1, "TcpB": -2, "UdpA": 3])
  }

  @Test(arguments: ["", "Tcp: A\n", "Tcp: A\nUdp: 1\n", "Tcp\nTcp\n"])
  func `names without their values are an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: NetSNMP.self) }
  }

  @Test func `counters of IPv6 have a line each`() throws {
    let text = "Ip6InDiscards   \t7\nIp6OutNoRoutes -1\nUdp6InErrors 18446744073709551615\n"
    let all = try parse(text, as: SNMP6.self)
    #expect(all.values == ["Ip6InDiscards": 7, "Ip6OutNoRoutes": -1])
    for bad in ["", "Ip6InDiscards\n", "\n"] {
      #expect(throws: ParseError.self) { try parse(bad, as: SNMP6.self) }
    }
  }

  @Test(arguments: [
    ("eth0 0x1003 1000", LinkStates.Link(isUp: true, isLoopback: false, speed: 1000)),
    ("lo 0x9 -", LinkStates.Link(isUp: true, isLoopback: true)),
    ("em1 0x1002 -1", LinkStates.Link(isUp: false, isLoopback: false)),
    ("em1 0x1002 4294967295", LinkStates.Link(isUp: false, isLoopback: false)),
    ("* - -", LinkStates.Link()),
    ("x 0x 9", LinkStates.Link(speed: 9)),
    (
      "eno1 0x1003 1000 full 1 up 3 1500",
      LinkStates.Link(
        isUp: true, isLoopback: false, speed: 1000, isFullDuplex: true, hasCarrier: true,
        state: "up", changes: 3, mtu: 1500)
    ),
    (
      "eno1 0x1003 -1 half 0 lowerlayerdown - 9000",
      LinkStates.Link(
        isUp: true, isLoopback: false, isFullDuplex: false, hasCarrier: false,
        state: "lowerlayerdown", mtu: 9000)
    ),
    (
      "eno1 0x1003 1e3 unknown 2 sideways -1 x",
      LinkStates.Link(isUp: true, isLoopback: false)
    ),
  ])
  func `a link is read from its flags and speed`(_ line: String, _ link: LinkStates.Link) throws {
    let reading = try parse(line, as: LinkStates.self)
    #expect(reading.links.values.map { $0 } == [link])
    #expect(reading.names == Array(reading.links.keys))
  }
}
