import Metrics
import Testing

@Suite struct GovernorTests {
  private let guests = Governor.Key(.guests, "esx1")
  private let rate = Governor.Key(.handshakes, "jp1")
  private let time = Timestamp(seconds: 1_700_000_000)

  /// One step of a planted sequence: `w` a request waits, `a` an answer, `r` and `o` refusals of hosts
  /// and of the shared server, `c` closed ports, `.` a second.
  private func play(_ steps: String, _ governor: inout Governor, _ key: Governor.Key) -> Int {
    var now = 0.0
    var host = 0
    for step in steps {
      now += 0.001
      host += 1
      switch step {
      case "w": governor.wait(for: key, at: now)
      case "a": governor.raise(key, at: now)
      case "o": refuse(.own, 1)
      case "r": refuse(.shed, host)
      case "s": refuse(.shed, 0)
      case "c": refuse(.closed, host)
      default: now += 1
      }
    }
    func refuse(_ refusal: Governor.Refusal, _ host: Int) {
      governor.refuse(
        key, by: "h\(host)", refusal, "h\(host): refused", began: now, at: now, time: time)
    }
    return governor.value(key)
  }

  @Test(
    arguments: [
      // Nothing waits: nothing changes.
      ("aaaaaaaa", 16), ("w..aaaa", 16),
      // Before the first refusal each answer counts one.
      ("waaaa", 20),
      // A refusal of the shared server halves it; then four times 8 answers raise it by about one.
      ("o", 8), ("ow" + String(repeating: "a", count: 33), 8),
      ("ow" + String(repeating: "a", count: 36), 9), ("oo", 4), ("ooooo", 1), ("oooooooooo", 1),
      // One host alone has a cause of its own; two have a common one.
      ("ssss", 16), ("r", 16), ("rr", 8), ("rs", 8), ("rrr", 8), ("rrrr", 4),
      // Closed ports: from three hosts on.
      ("cc", 16), ("ccc", 8),
      // It ends at its cap and comes back from one.
      ("w" + String(repeating: "a", count: 900), 256),
      ("oooooow" + String(repeating: "a", count: 40), 4),
    ])
  func `answers raise and refusals halve a limit`(steps: String, value: Int) {
    var governor = Governor()
    let result = play(steps, &governor, guests)
    #expect(result == value, "\(steps)")
  }

  @Test func `one burst of refusals halves once`() {
    var governor = Governor()
    for host in 1...10 {
      governor.refuse(
        guests, by: "h\(host)", .shed, "", began: 1, at: 2 + Double(host) / 100, time: time)
    }
    #expect(governor.value(guests) == 8)
    #expect(governor.records[guests]?.refusals == 9)
  }

  @Test func `hosts that failed at the last pass say nothing about what they share`() {
    var governor = Governor(failing: ["h1", "h2", "h3"])
    for host in 1...3 {
      governor.refuse(guests, by: "h\(host)", .shed, "", began: 0, at: 0, time: time)
    }
    #expect(governor.value(guests) == 16 && governor.records.isEmpty)
    governor.refuse(guests, by: "h1", .own, "x", began: 0, at: 0, time: time)
    #expect(governor.value(guests) == 8)
    #expect(governor.records[guests]?.message == "x" && governor.records[guests]?.refused == time)
  }

  @Test func `requests begin while there is room, and at least one always does`() {
    var governor = Governor([guests: .init(value: 2), rate: .init(value: 100)])
    var begun = 0
    while governor.admits([guests, rate], at: 10), begun < 100 {
      governor.begin([guests, rate], at: 10)
      begun += 1
    }
    #expect(begun == 2)
    governor.end([guests, rate], answered: false, at: 10)
    let isFree = governor.admits([guests, rate], at: 10)
    #expect(isFree)
    for value in [0.0, -5, .nan, .infinity, 1e300] {
      var spoiled = Governor([guests: .init(value: value)])
      let begins = spoiled.admits([guests], at: 0)
      #expect((1...256).contains(spoiled.value(guests)) && begins)
    }
  }

  @Test(arguments: [1.0, 20, 50, 500])
  func `handshakes are spread over time`(value: Double) {
    var governor = Governor([rate: .init(value: value)])
    var now = 100.0
    var begun = 0
    while now < 110 {
      if governor.admits([rate], at: now) {
        governor.begin([rate], at: now)
        begun += 1
      } else {
        let pause = governor.pause([rate], at: now)
        #expect(pause > 0 && pause <= 1 / value + 1e-9)
        now += max(pause, 1e-6)
      }
    }
    // Ten seconds, and the burst at the begin.
    #expect(abs(Double(begun) - value * 10 - max(1, value / 10)) <= 1.5, "\(begun)")
    let used = Double(governor.records[rate]?.used ?? 0)
    #expect(used >= value * 0.9 && used <= value * 1.1 + 2, "\(used)")
  }

  @Test func `a cap of the settings holds, and what was learned stays`() {
    var governor = Governor(
      [guests: .init(value: 40, used: 30, refusals: 4, refused: time, message: "m")],
      caps: [.guests: 20, .bmcs: 4])
    #expect(governor.value(guests) == 20)
    #expect(governor.value(.init(.bmcs, "10.0.7.0/24")) == 4)
    // Limits that this pass does not meet are not written.
    #expect(governor.records.isEmpty)
    governor.begin([guests], at: 0)
    #expect(
      governor.records == [
        guests: .init(value: 20, used: 1, refusals: 0, refused: time, message: "m")
      ])
  }

  /// A server that serves so many at once and refuses the rest, asked by 400 hosts in each pass.
  @Test(arguments: [1, 3, 12, 100])
  func `the limit finds what a server bears`(capacity: Int) {
    var record = Governor.Record(value: 16)
    var refusals: [Int] = []
    for _ in 1...6 {
      var governor = Governor([guests: record])
      var now = 0.0
      var waiting = Array(1...400)
      var running: [(host: Int, began: Double, end: Double, refused: Bool)] = []
      while !waiting.isEmpty || !running.isEmpty {
        while let host = waiting.last, governor.admits([guests], at: now) {
          waiting.removeLast()
          governor.begin([guests], at: now)
          let isRefused = running.count { !$0.refused } >= capacity
          running.append((host, now, now + (isRefused ? 0.01 : 0.1), isRefused))
        }
        running.sort { $0.end > $1.end }
        guard let first = running.popLast() else { break }
        now = first.end
        if first.refused {
          governor.refuse(
            guests, by: "h\(first.host)", .shed, "", began: first.began, at: now, time: time)
          waiting.insert(first.host, at: 0)
        }
        governor.end([guests], answered: !first.refused, at: now)
      }
      record = governor.records[guests] ?? record
      refusals.append(record.refusals)
    }
    #expect(record.value >= 1 && record.value <= Double(capacity) * 2 + 2, "\(record.value)")
    // Six passes later fewer than before: 400 hosts on a server that serves one at a time meet 133.
    #expect(refusals[5] < refusals[0] && refusals[5] <= 150, "\(refusals)")
  }
}
