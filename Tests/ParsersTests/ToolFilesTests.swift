import Testing

@testable import Parsers

/// Formats of containers, virtual machines and VPNs, whose captures stand beside their collectors.
@Suite struct ToolFilesTests {
  private static let id = String(repeating: "0a", count: 32)

  @Test(arguments: [
    "docker/\(id)", "./system.slice/docker-\(id).scope", "memory/libpod_parent/libpod-\(id)",
    "user.slice/user-1000.slice/libpod-\(id).scope",
  ])
  func `the group of a container is known by its ID`(_ group: String) throws {
    let reading = try parse(
      """
      \(group)/memory.current:4096
      \(group)/memory.max:max
      \(group)/cpu.stat:usage_usec 12

      """, as: ContainerFiles.self)
    #expect(reading.ids == [Self.id])
    #expect(reading.groups == [Self.id: ["memory.current": 4096, "cpu.stat usage_usec": 12]])
  }

  @Test(arguments: [
    "docker/\(id.dropLast())/memory.current:1", "docker/\(id)0/memory.current:1",
    "docker/\(id.uppercased())/memory.current:1", "libpod-conmon-\(id).scope/memory.current:1",
    "docker/\(id)/system.slice/memory.current:1", "\(id):1", "nothing", "{}",
  ])
  func `other groups are left out`(_ line: String) throws {
    #expect(try parse(line, as: ContainerFiles.self) == ContainerFiles.Reading())
  }

  @Test(arguments: [
    "docker/\(id)/memory.current:x", "docker/\(id)/memory.current:", "docker/\(id)/memory.current",
    "docker/\(id)/cpu.stat:usage_usec -1", "/proc/x/net/dev:  lo: 1", "/proc/7/net/dev:  lo: 1 2 3",
    "/proc/7/status:x",
  ])
  func `a file of a container with other content is an error`(_ line: String) {
    #expect(throws: ParseError.self) { try parse(line, as: ContainerFiles.self) }
  }

  @Test func `no more containers than the limit are read`() throws {
    var text = ""
    for number in 0..<1_100 {
      let digits = String(number)
      let id = String(repeating: "0", count: 64 - digits.utf8.count) + digits
      text += "docker/\(id)/memory.current:1\n"
    }
    #expect(try parse(text, as: ContainerFiles.self).ids.count == 1_024)
  }

  @Test(arguments: ["state.state=1", "Domain: 'a'\nnothing", "error: failed"])
  func `values without a machine are an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: DomainStats.self) }
  }

  @Test func `a machine has its values, however they are indented`() throws {
    let domains = try parse(
      "\nDomain: 'it's'\n  a=1\n\tb=x=y\nc=\n\nDomain: 'b'\n", as: DomainStats.self
    ).domains
    #expect(
      domains == [
        DomainStats.Domain(name: "it's", values: ["a": "1", "b": "x=y", "c": ""]),
        DomainStats.Domain(name: "b"),
      ])
    #expect(domains.first?["a"] == 1 && domains.first?["b"] == nil)
  }

  @Test(arguments: ["wg0", "wg0 a b c", "wg0 a b c d e", "wg0 1 2 3 4 5 6 7 8 9 10"])
  func `a line of another number of words is an error`(_ line: String) {
    #expect(throws: ParseError.self) { try parse(line, as: WireGuardDump.self) }
  }

  @Test func `what WireGuard has not is none, what is off is zero`() throws {
    let device = try #require(
      try parse(
        """
        wg0 userspace key 51820 off
        wg0 peer (none) (none) 0 0 0 off
        """, as: WireGuardDump.self
      ).devices.first)
    #expect(device.port == 51820 && device.mark == 0)
    #expect(
      device.peers == [
        WireGuardDump.Peer(
          publicKey: "peer", endpoint: nil, allowed: [], handshake: nil, received: 0, sent: 0,
          keepalive: 0)
      ])
  }

  @Test(arguments: [
    "", "\n", "TITLE\nEND", "OpenVPN", "Common Name,Real Address\nEND\n", "END",
    "OpenVPN CLIENT LIST\nUpdated,2026-11-27 11:11:28\nCommon Name,Real Addr",
    "OpenVPN STATISTICS\nTUN/TAP read bytes,1\nEN",
  ])
  func `a file that is not OpenVPN's is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: OpenVPNStatus.self) }
  }

  @Test func `columns are found by their names`() throws {
    let client = try #require(
      try parse(
        "TITLE,OpenVPN 2.6.14 x\nHEADER,CLIENT_LIST,Common Name,New,Bytes Sent,Username\n"
          + "CLIENT_LIST,a,b,7,UNDEF\nEND\n", as: OpenVPNStatus.self
      ).clients.first)
    #expect(client.commonName == "a" && client.sent == 7 && client.received == nil)
    #expect(client.user == nil && client.virtualAddress == nil)
  }

  @Test func `what the script says about CPUs is read in any order`() throws {
    let reading = try parse(
      "processor 1\nmhz 2596.098\ncpu 1 scaling_min_freq 4\ncpu 0 scaling_cur_freq <unknown>\n"
        + "address eth0 192.0.2.2/24\nmodel  A B \narch x86_64\n", as: Hardware.self)
    #expect(reading.architecture == "x86_64" && reading.model == "A B")
    #expect(reading.addresses == ["eth0 192.0.2.2/24"])
    #expect(
      reading.cpus == [
        Hardware.CPU(number: 1, values: ["scaling_min_freq": 4], clock: 2_596_098),
        Hardware.CPU(number: 0),
      ])
  }

  @Test(
    arguments: [
      ("250m", 1000, 250), ("0.1", 1000, 100), ("2", 1000, 2000), ("1500m", 1000, 1500),
      ("1n", 1000, 1), ("64Mi", 1, 67_108_864), ("1Gi", 1, 1_073_741_824), ("170M", 1, 170_000_000),
      ("1e3", 1, 1000), ("12k", 1, 12_000), ("1Ti", 1, 1_099_511_627_776), ("64", 1000, 64_000),
      ("0", 1, 0), ("-", 1, nil), ("", 1, nil), ("-5", 1, nil),
      ("Mi", 1, nil), ("1.5.5", 1, nil), ("1e400", 1, nil), ("9999999999999Pi", 1, nil),
      ("nan", 1, nil), ("inf", 1, nil),
    ] as [(String, Double, UInt64?)])
  func `a quantity of Kubernetes is a number`(_ word: String, _ times: Double, _ value: UInt64?) {
    #expect(KubernetesPods.quantity(word, times: times) == value)
  }

  @Test(arguments: [
    "container a b - - - -", "status a true 1 running -", "pod a b", "pod a b - - - more", "odd",
    "pod n p - - -\ncontainer a b", "pod n p - - -\nstatus a",
  ])
  func `a line of no pod is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: KubernetesPods.self) }
  }

  @Test func `sockets are read by protocol, without the 6`() throws {
    let reading = try parse(
      "sockets: used 45\nTCP: inuse 2 orphan 1 tw 6\nUDP6: inuse 3\nRAW: inuse x\n",
      as: Sockstat.self)
    #expect(
      reading.values == [
        "sockets_used": 45, "tcp_inuse": 2, "tcp_orphan": 1, "tcp_tw": 6, "udp_inuse": 3,
      ])
  }
}
