import Metrics
import Testing

@testable import Passes

/// Figures of a day: means of ten minutes that grow by what is read of the last hour.
@Suite struct DayFiguresTests {
  private let now: Int64 = 2_991_666

  private func values(_ slots: Range<Int64>, _ value: (Int64) -> Double) -> [(
    time: Timestamp, value: Double
  )] {
    slots.flatMap { slot in
      [0, 300].map {
        (DayFigures.start(of: slot).after(.seconds($0)), value(slot) + Double($0) / 100)
      }
    }
  }

  @Test func `means and greatest values of complete slots`() {
    var day = DayFigures(at: now - 6)
    day.add(["cpu": values(now - 6..<now) { Double($0 - now) }], of: now - 6..<now)
    let found = day.values(
      of: "cpu", from: DayFigures.start(of: now - 144), to: DayFigures.start(of: now))
    #expect(found.count == 6)
    #expect(found.first?.mean == -4.5 && found.first?.peak == -3)
    #expect(found.last?.time == DayFigures.start(of: now - 1).after(.seconds(300)))
    #expect(day.values(of: "load", from: DayFigures.start(of: 0), to: .now).isEmpty)
  }

  @Test func `old slots go, and what was not read stays empty`() {
    var day = DayFigures(at: now - 6)
    day.add(["cpu": values(now - 6..<now) { _ in 1 }], of: now - 6..<now)
    day.add(["load": values(now + 10..<now + 12) { _ in 2 }], of: now + 10..<now + 12)
    #expect(day.end == now + 12 && day.begin == now - 6)
    let all = {
      day.values(of: $0, from: DayFigures.start(of: 0), to: DayFigures.start(of: now + 99))
    }
    #expect(all("cpu").count == 6 && all("load").count == 2)
    day.advance(to: now + 140)
    #expect(all("cpu").count == 4)
    day.advance(to: now + 1000)
    #expect(day.lines.isEmpty && day.begin == now + 1000)
  }

  @Test func `what is older is added in front`() {
    var day = DayFigures(at: now - 6)
    day.add(["cpu": values(now - 6..<now) { _ in 1 }], of: now - 6..<now)
    day.add(["cpu": values(now - 12..<now - 6) { _ in 3 }], of: now - 12..<now - 6)
    #expect(day.begin == now - 12 && day.end == now)
    let found = day.values(of: "cpu", from: DayFigures.start(of: 0), to: DayFigures.start(of: now))
    #expect(found.map(\.mean).prefix(7) == [4.5, 4.5, 4.5, 4.5, 4.5, 4.5, 2.5])
  }

  @Test func `they come back from their bytes, and damaged bytes are refused`() throws {
    var day = DayFigures(at: now - 6)
    day.add(
      ["cpu": values(now - 6..<now) { _ in 1 }, "disk\u{1F}/ä": values(now - 2..<now) { _ in 7 }],
      of: now - 6..<now)
    let bytes = day.bytes
    let again = try #require(DayFigures(bytes))
    #expect(again.bytes == bytes && again.begin == day.begin && again.end == day.end)
    #expect(again.lines.keys.sorted() == ["cpu", "disk\u{1F}/ä"])
    #expect(DayFigures([]) == nil && DayFigures([9] + bytes.dropFirst()) == nil)
    // A cut inside a line; one between two lines is a day with fewer.
    for count in 0..<200 { #expect(count == 17 || DayFigures(Array(bytes.prefix(count))) == nil) }
    // Nothing traps, whatever a disk made of it.
    for place in 0..<60 {
      var other = bytes
      other[place] ^= 0xFF
      var read = DayFigures(other)
      read?.advance(to: now + 3)
      _ = read?.values(of: "cpu", from: DayFigures.start(of: 0), to: DayFigures.start(of: now))
    }
  }

  @Test func `a host with ever new disks does not grow for ever`() {
    var day = DayFigures(at: now - 6)
    for number in 0..<1000 {
      day.add(["disk\(number)": values(now - 6..<now) { _ in 1 }], of: now - 6..<now)
    }
    #expect(day.lines.count == 400)
  }
}
