import Metrics
import Testing

@testable import Rules

@Suite struct SelfWatchTests {
  private typealias Neighbour = SelfWatch.Neighbour

  /// A pass in which nobody answered, changed by the row.
  private static func silence(
    _ change: (inout SelfWatch.Witnesses) -> Void = { _ in }
  ) -> SelfWatch.Witnesses {
    var witnesses = SelfWatch.Witnesses()
    witnesses.asked = 400
    change(&witnesses)
    return witnesses
  }

  private static func gateway(_ answers: Bool?, before: Bool = true) -> Neighbour {
    Neighbour("10.0.0.1", answers: answers, hasAnswered: before)
  }

  @Test(
    arguments: [
      ("no witness: they are down", silence(), nil),
      ("no interface", silence { $0.way = .noInterface }, "no network interface"),
      ("no carrier", silence { $0.way = .noCarrier("eth0") }, "eth0 has no carrier"),
      ("no route", silence { $0.way = .noRoute }, "there is no route to any host"),
      (
        "a gateway that fell silent", silence { $0.gateways = [gateway(false)] },
        "gateway 10.0.0.1 does not answer"
      ),
      ("a gateway that answers", silence { $0.gateways = [gateway(true)] }, nil),
      (
        "a gateway that never answered proves nothing",
        silence { $0.gateways = [gateway(false, before: false)] }, nil
      ),
      ("a gateway that could not be asked", silence { $0.gateways = [gateway(nil)] }, nil),
      (
        "one of two gateways answers",
        silence { $0.gateways = [gateway(false), Neighbour("10.0.0.2", answers: true)] }, nil
      ),
      (
        "two gateways that fell silent",
        silence {
          $0.gateways = [
            gateway(false), Neighbour("10.0.0.2", answers: false, hasAnswered: true),
          ]
        }, "gateways 10.0.0.1, 10.0.0.2 do not answer"
      ),
      (
        "an anchor answers",
        silence {
          $0.gateways = [gateway(false)]
          $0.anchors = [Neighbour("10.9.9.9", answers: true)]
        }, nil
      ),
      (
        "an anchor is silent, too",
        silence {
          $0.gateways = [gateway(false)]
          $0.anchors = [Neighbour("10.9.9.9", answers: false)]
        }, "gateway"
      ),
      (
        "a silent anchor alone proves nothing",
        silence { $0.anchors = [Neighbour("10.9.9.9", answers: false)] }, nil
      ),
      (
        "a name server beyond this machine answers",
        silence {
          $0.way = .noRoute
          $0.nameServers = [Neighbour("10.0.0.53", answers: true)]
        }, nil
      ),
      (
        "a name server of this machine is no proof of a network",
        silence {
          $0.way = .noRoute
          $0.nameServers = [Neighbour("127.0.0.53", answers: true, isHere: true)]
        }, "there is no route"
      ),
      (
        "one host answered",
        silence {
          $0.answered = 1
          $0.way = .noInterface
        }, nil
      ),
      (
        "nobody was asked",
        silence {
          $0.asked = 0
          $0.way = .noInterface
        }, nil
      ),
    ] as [(String, SelfWatch.Witnesses, String?)])
  func `the scraper is cut off where a witness says so`(
    name: String, witnesses: SelfWatch.Witnesses, cause: String?
  ) {
    let verdict = SelfWatch.verdict(witnesses)
    #expect(verdict.isCutOff == (cause != nil), "\(name)")
    let network = verdict.findings.first { $0.check == "network" }
    #expect(network?.severity == (witnesses.asked == 0 ? nil : cause == nil ? .ok : .critical))
    if let cause {
      #expect(network?.message.hasPrefix("the scraper is cut off: \(cause)") == true)
      // One message: what it explains is no trouble of its own.
      #expect(verdict.findings.filter { $0.severity != .ok }.count == 1)
    }
  }

  private static func named(
    _ servers: [Bool?], resolved: Int = 0, answered: Int = 0
  ) -> SelfWatch.Witnesses {
    var witnesses = SelfWatch.Witnesses()
    witnesses.asked = 9
    witnesses.answered = answered
    witnesses.names = 9
    witnesses.resolved = resolved
    witnesses.nameServers = servers.enumerated().map { Neighbour("10.0.0.5\($0)", answers: $1) }
    return witnesses
  }

  @Test(
    arguments: [
      (named([false, false]), true, .critical), (named([false, true]), false, .ok),
      (named([nil]), false, nil), (named([]), false, nil),
      (named([false], resolved: 1), false, .ok), (named([true]), false, .ok),
    ] as [(SelfWatch.Witnesses, Bool, Severity?)])
  func `names are lost where no name server answers`(
    witnesses: SelfWatch.Witnesses, isLost: Bool, severity: Severity?
  ) {
    let verdict = SelfWatch.verdict(witnesses)
    #expect(verdict.hasNoNames == isLost && !verdict.isCutOff)
    #expect(verdict.findings.first { $0.check == "resolver" }?.severity == severity)
  }

  private static func clock(
    _ isSynchronised: Bool?, was: Bool = false, jump: Int = 0, bound: Int? = nil
  ) -> SelfWatch.Witnesses {
    var witnesses = SelfWatch.Witnesses()
    witnesses.isSynchronised = isSynchronised
    witnesses.wasSynchronised = was
    witnesses.jump = .seconds(jump)
    witnesses.errorBound = bound.map { .seconds($0) }
    return witnesses
  }

  @Test(
    arguments: [
      (clock(true), nil), (clock(false), nil), (clock(false, was: true), .clockUnsynchronised),
      (clock(true, was: true), nil), (clock(true, was: true, bound: 16), .clockUncertain),
      (clock(true, was: true, bound: 0), nil), (clock(true, jump: 3600), .clockJumped),
      (clock(false, jump: -90), .clockJumped),
    ] as [(SelfWatch.Witnesses, Reason?)])
  func `a clock that was right and is not any more is reported`(
    witnesses: SelfWatch.Witnesses, reason: Reason?
  ) {
    let clock = SelfWatch.verdict(witnesses).findings.first { $0.check == "clock" }
    #expect(clock?.reason == reason && clock?.severity == (reason == nil ? .ok : .minor))
  }

  @Test func `a clock state that the kernel does not give is no finding`() {
    #expect(SelfWatch.verdict(Self.clock(nil)).findings.isEmpty)
    let back = SelfWatch.verdict(Self.clock(nil, jump: -90)).findings
    #expect(back.first?.message.contains("set back by 90 s") == true)
  }

  @Test func `a gateway that fell silent while others answer is reported without a storm`() {
    let verdict = SelfWatch.verdict(
      Self.silence {
        $0.answered = 399
        $0.gateways = [Self.gateway(false)]
      })
    #expect(!verdict.isCutOff)
    #expect(verdict.findings.map(\.severity) == [.ok, .minor])
  }
}
