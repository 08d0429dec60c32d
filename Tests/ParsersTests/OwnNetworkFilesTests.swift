import Testing

@testable import Parsers

@Suite struct OwnNetworkFilesTests {
  private static let head =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

  @Test func `the ways over a gateway are read, and no others`() throws {
    let table =
      Self.head
      + "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0   \n"
      + "eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0   \n"
      + "eth1\t0002A8C0\tFE00000A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0   \n"
      + "eth2\t00000000\t0200000A\t0002\t0\t0\t0\t00000000\t0\t0\t0   \n"
    let routes = try parse(table, as: Routes.self)
    #expect(
      routes == [
        Route(gateway: "10.0.0.1", interface: "eth0", isDefault: true, metric: 100),
        Route(gateway: "10.0.0.254", interface: "eth1", isDefault: false, metric: 0),
      ])
    #expect(try parse(Self.head, as: Routes.self).isEmpty)
  }

  @Test(arguments: ["", "eth0 00000000 0100000A 0003\n", "\u{0}\n"])
  func `what is no table of ways is an error`(text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Routes.self) }
  }

  @Test(arguments: [
    "eth0\t00000000\tX\t0003\t0\t0\t0\t00000000\n", "eth0\t00000000\t0100000A\t0003\n", "eth0\n",
    "eth0\t00000000\t0100000A\t0003\t0\t0\t-1\t00000000\n",
  ])
  func `a broken line is left out`(line: String) throws {
    #expect(try parse(Self.head + line, as: Routes.self).isEmpty)
  }

  @Test func `the ways of IPv6 are read`() throws {
    let zero = String(repeating: "0", count: 32)
    let gateway = "fe800000000000000000000000000001"
    let table =
      "\(zero) 00 \(zero) 00 \(gateway) 00000400 00000001 00000000 00000003     eth0\n"
      + "\(zero) 00 \(zero) 00 \(zero) ffffffff 00000001 00000000 00200200       lo\n"
      + "\(zero) 00 \(zero) 00 zz800000000000000000000000000001 00000400 1 0 00000003 eth1\n"
    let routes = try parse(table, as: Routes6.self)
    #expect(
      routes == [
        Route(
          gateway: "fe80:0000:0000:0000:0000:0000:0000:0001", interface: "eth0", isDefault: true,
          metric: 1024)
      ])
  }

  @Test func `neighbours are complete or not`() throws {
    let head = "IP address       HW type     Flags       HW address            Mask     Device\n"
    let table =
      head
      + "10.0.0.1         0x1         0x2         02:00:00:00:00:01     *        eth0\n"
      + "10.0.0.2         0x1         0x0         00:00:00:00:00:00     *        eth0\n"
      + "10.0.0.3         0x1         0x6         02:00:00:00:00:03     *        eth0\n"
      + "10.0.0.1         0x1         0x0         00:00:00:00:00:00     *        eth1\n"
      + "10.0.0.4 0x1\n"
    let reading = try parse(table, as: Neighbours.self)
    #expect(reading.isComplete == ["10.0.0.1": true, "10.0.0.2": false, "10.0.0.3": true])
    #expect(throws: ParseError.self) { try parse("nonsense\n", as: Neighbours.self) }
  }

  @Test(
    arguments: [
      ("nameserver 10.0.0.53\nsearch lab.test example.test\n", ["10.0.0.53"], "lab.test"),
      (
        "# nameserver 1.1.1.1\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\n",
        ["10.0.0.1", "fe80::1%eth0"], nil
      ),
      (
        "domain a\nsearch b\nnameserver 1\nnameserver 2\nnameserver 3\nnameserver 4\n",
        ["1", "2", "3"], "b"
      ),
      ("options edns0\nnameserver\n", ["127.0.0.1"], nil), ("", ["127.0.0.1"], nil),
    ] as [(String, [String], String?)])
  func `name servers are read`(text: String, servers: [String], domain: String?) throws {
    let reading = try parse(text, as: ResolvConf.self)
    #expect(reading.servers == servers && reading.search.first == domain)
  }
}
