import Engine
import Parsers
import Testing

@testable import Probes

@Suite struct OwnGroundTests {
  private let network = OwnNetwork([
    "lo": .init(isLoopback: true, isRunning: true, addresses: [[127, 0, 0, 1]]),
    "eth0": .init(isLoopback: false, isRunning: true, addresses: [[10, 0, 0, 5]]),
  ])

  @Test(arguments: [
    ("127.0.0.1", true), ("127.77.40.1", true), ("0.0.0.0", true), ("::1", true), ("::", true),
    ("::ffff:127.0.0.1", true), ("10.0.0.5", true), ("::ffff:10.0.0.5", true), ("10.0.0.6", false),
    ("::2", false), ("fe80::1", false), ("128.0.0.1", false),
  ])
  func `loopback addresses and the machine's own are here`(text: String, isHere: Bool) throws {
    let address = try #require(Dial.number(text))
    #expect(network.isHere(address) == isHere)
  }

  @Test func `an interface without an address or a carrier carries nothing`() {
    #expect(network.hasLink)
    func only(_ isRunning: Bool, _ addresses: [[UInt8]]) -> OwnNetwork {
      OwnNetwork([
        "lo": .init(isLoopback: true, isRunning: true, addresses: [[127, 0, 0, 1]]),
        "eth0": .init(isLoopback: false, isRunning: isRunning, addresses: addresses),
      ])
    }
    #expect(!only(false, [[10, 0, 0, 5]]).hasLink && !only(true, []).hasLink)
    #expect(only(true, [[10, 0, 0, 5]]).hasLink)
  }

  @Test func `the best default way counts, and all where there is none`() {
    func route(_ gateway: String, _ isDefault: Bool, _ metric: UInt64) -> Route {
      Route(gateway: gateway, interface: "eth0", isDefault: isDefault, metric: metric)
    }
    let first = route("10.0.0.1", true, 100)
    let second = route("10.0.0.2", true, 200)
    let other = route("10.0.0.3", false, 0)
    #expect(OwnNetwork.gateways(of: [other, second, first]) == ["10.0.0.1"])
    #expect(OwnNetwork.gateways(of: [other, other]) == ["10.0.0.3"])
    #expect(OwnNetwork.gateways(of: []).isEmpty)
    let local = route("fe80:0000:0000:0000:0000:0000:0000:0001", true, 1)
    // The kernel of this machine may not have the interface.
    #expect(OwnNetwork.gateways(of: [local]).first?.contains("eth0") == true)
  }

  @Test(
    arguments: [
      (15.0, 15.0, 0.0), (15, 15.2, 0), (15, 12, 0), (15, 10, -5), (15, 3615, 3600), (15, -75, -90),
      (3600, 3500, 0), (3600, 3000, -600), (-5, 15, 0),
    ])
  func `a clock that was set is distinguished from one that slews`(
    elapsed: Double, shown: Double, jump: Double
  ) {
    let before = OwnClock(wall: 1_700_000_000_000_000_000, sinceBoot: 9_000_000_000)
    let now = OwnClock(
      wall: before.wall + Int64(shown * 1e9), sinceBoot: before.sinceBoot + Int64(elapsed * 1e9))
    #expect(now.jump(since: before) == .seconds(jump))
  }

  @Test func `times that no clock shows make no jump and no trap`() {
    let least = OwnClock(wall: .min, sinceBoot: .min)
    let most = OwnClock(wall: .max, sinceBoot: .max)
    #expect(most.jump(since: least) == .zero && least.jump(since: most) == .zero)
  }
}
