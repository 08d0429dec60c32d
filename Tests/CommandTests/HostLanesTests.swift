import Engine
import Metrics
import Sinks
@testable import Store
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

struct HostLanesTests {
  @Test func `those that were slow begin when all others have, in a lane of their own`() {
    var lanes = HostLanes([true, false, true, false, false], fanout: 2)
    var first: [Int] = []
    while let place = lanes.next() { first.append(place) }
    // Two quick ones, and nobody else as long as a quick one waits.
    #expect(first.count == 2 && Set(first).isSubset(of: [1, 3, 4]))
    lanes.ended(first[0])
    var rest: [Int] = []
    while let place = lanes.next() { rest.append(place) }
    // The last quick one, and then the slow ones beside those.
    #expect(Set(rest) == Set([0, 1, 2, 3, 4]).subtracting(first) && !lanes.hasWaiting)
    #expect([0, 2].contains(rest.last ?? -1))
  }

  @Test func `who takes too long now gives the turn to the next`() {
    var lanes = HostLanes([Bool](repeating: false, count: 200), fanout: 2)
    var begun: [Int] = []
    while let place = lanes.next() { begun.append(place) }
    lanes.sortOut(at: .now)
    #expect(begun.count == 2 && lanes.next() == nil)
    for round in 1...200 {
      lanes.sortOut(at: Deadline.now.advanced(by: (HostLanes.limit + .seconds(1)) * round))
      while let place = lanes.next() { begun.append(place) }
    }
    // The lane of slow ones has bounds, too.
    let most = 2 + 2 + HostLanes.spare
    #expect(begun.count == most && lanes.hasWaiting)
    for place in begun.prefix(3) { lanes.ended(place) }
    lanes.sortOut(at: Deadline.now.advanced(by: .seconds(3_600)))
    while let place = lanes.next() { begun.append(place) }
    #expect(begun.count == most + 2)
  }

  @Test func `hosts that wait for a limit let others pass, slow ones too`() {
    var lanes = HostLanes([false, false, false, true], fanout: 3)
    let blocked: Set<Int> = [0, 1]
    var begun: [Int] = []
    while let place = lanes.next(where: { !blocked.contains($0) }) { begun.append(place) }
    #expect(begun == [2, 3] && lanes.hasWaiting)
    lanes.ended(2)
    #expect(Set([lanes.next(), lanes.next()]) == [0, 1] && !lanes.hasWaiting)
  }

  @Test func `a host is slow until it was quick`() {
    let now = Timestamp.now
    #expect(HostLanes.verdict(.seconds(1), before: false, at: now) == nil)
    let until = HostLanes.verdict(HostLanes.limit + .seconds(1), before: false, at: now)
    #expect(HostLanes.wasSlow(HostState(due: [HostLanes.name: until ?? now]), at: now))
    let over = HostLanes.verdict(.seconds(1), before: true, at: now)
    #expect(over != nil)
    #expect(!HostLanes.wasSlow(HostState(due: [HostLanes.name: over ?? now]), at: now))
    #expect(!HostLanes.wasSlow(nil, at: now))
  }
}
