import Foundation
import Testing

@testable import Notifiers

/// How many messages a bot sends in what time.
struct TelegramPaceTests {
  /// The moments that a hundred messages one after the other would be sent at, from the first on.
  private func moments(_ count: Int, _ chats: [String]) -> [Int64] {
    let pace = TelegramPace()
    var now: Int64 = 1_700_000_000_000
    return (0..<count).map { index in
      let (moment, isTaken) = pace.take(
        chats[index % chats.count], now: now, latest: now + 3_600_000)
      #expect(isTaken)
      now = moment
      return moment - 1_700_000_000_000
    }
  }

  @Test func `a person gets one a second`() {
    let moments = moments(100, ["42"])
    #expect(zip(moments.dropFirst(), moments).allSatisfy { $0 - $1 >= 1_000 })
    #expect(moments[99] < 110_000)
  }

  @Test(arguments: ["-100", "@range"])
  func `a group gets twenty a minute`(chat: String) {
    let moments = moments(100, [chat])
    for (index, moment) in moments.enumerated() where index >= 20 {
      #expect(moment - moments[index - 20] >= 60_000)
    }
    #expect(moments[19] < 21_000 && moments[99] < 270_000)
  }

  @Test func `changes leave room for what is urgent`() {
    let pace = TelegramPace()
    var now: Int64 = 1_000_000
    for _ in 0..<15 { now = pace.take("-1", isUrgent: false, now: now, latest: .max).moment }
    #expect(!pace.take("-1", isUrgent: false, now: now, latest: now + 15_000).isTaken)
    #expect(pace.take("-1", now: now, latest: now + 2_000).isTaken)
  }

  @Test func `all chats together get thirty a second`() {
    let moments = moments(300, (1...300).map { "\($0)" })
    for (index, moment) in moments.enumerated() where index >= 30 {
      #expect(moment - moments[index - 30] >= 1_000)
    }
    #expect(moments[299] < 11_000)
  }

  @Test func `where there is no room in time nothing is taken`() {
    let pace = TelegramPace()
    #expect(pace.take("1", now: 10_000, latest: 10_000).isTaken)
    let refused = pace.take("1", now: 10_100, latest: 10_500)
    #expect(!refused.isTaken && refused.moment == 10_000 + TelegramPace.second)
    #expect(pace.take("1", now: 10_100, latest: 20_000).moment == refused.moment)
  }

  @Test func `a call that took long is counted from its end`() {
    let pace = TelegramPace()
    let first = pace.take("1", now: 10_000, latest: 10_000).moment
    pace.finish("1", taken: first, now: 10_700)
    #expect(pace.take("1", now: 10_800, latest: 20_000).moment == 10_700 + TelegramPace.second)
  }

  @Test func `another pass knows what this one sent`() {
    let pace = TelegramPace()
    var now: Int64 = 1_000_000
    for _ in 0..<20 {
      now = pace.take("-1", now: now, latest: .max).moment
      pace.finish("-1", taken: now, now: now)
    }
    var memory = NotifierMemory()
    pace.remember("-1", in: &memory, now: now)
    #expect((memory.values["sent"] ?? "").utf8.count < 400)
    let next = TelegramPace()
    next.recall("-1", memory, now: now + 10)
    // Once more changes nothing.
    next.recall("-1", memory, now: now + 10)
    #expect(next.take("-1", now: now + 10, latest: .max).moment == 1_000_000 + TelegramPace.minute)
    // A minute later it is forgotten.
    pace.remember("-1", in: &memory, now: now + 70_000)
    #expect(memory.values["sent"] == nil)
  }

  @Test(
    arguments: [
      "", ",", "x", "1,2,x", "9999999999999999999999", "-5", String(repeating: "7,", count: 9999),
      "1000001,1000002", "9223372036854775807",
      "1,9223372036854775807",
    ])
  func `what is remembered wrongly, or of a clock that was set, holds nobody up`(text: String) {
    let pace = TelegramPace()
    pace.recall(
      "1", NotifierMemory(["sent": text, "silent": text]), now: 1_000_000)
    #expect(pace.take("1", now: 1_000_000, latest: 1_000_000).isTaken)
  }

  @Test func `silence is kept as long as it was asked for`() {
    let pace = TelegramPace()
    pace.silence("1", until: 60_000)
    var memory = NotifierMemory()
    pace.remember("1", in: &memory, now: 10_000)
    let next = TelegramPace()
    next.recall("1", memory, now: 20_000)
    #expect(!next.take("1", now: 20_000, latest: 59_999).isTaken)
    #expect(next.take("1", now: 60_001, latest: 60_001).isTaken)
    // Of a clock that has been set back since.
    let other = TelegramPace()
    other.recall("1", memory, now: 9_000)
    #expect(other.take("1", now: 9_000, latest: 9_000).isTaken)
  }
}
