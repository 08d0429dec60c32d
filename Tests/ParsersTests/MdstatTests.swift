import Testing

@testable import Parsers

@Suite struct MdstatTests {
  @Test func `flags belong to the disks and words in brackets to none`() throws {
    let text =
      "md0 : active (auto-read-only) raid1 sda1[0](F) sdb1[12](S)\n      8 blocks [12/10] [UU_U_UUUUUUU]\n"
    let array = try #require(try parse(text, as: Mdstat.self).arrays.first)
    #expect(array.level == "raid1")
    #expect(array.disks.map(\.name) == ["sda1", "sdb1"])
    #expect(array.disks.map(\.isFailed) == [true, false])
    #expect(array.disks.map(\.isSpare) == [false, true])
    #expect(array.wanted == 12)
    #expect(array.working == 10)
    #expect(array.down == 2)
  }

  @Test(
    arguments: [
      ("      resync=DELAYED", Mdstat.Action(name: "resync", isWaiting: true)),
      ("      recovery=PENDING", Mdstat.Action(name: "recovery", isWaiting: true)),
      (
        "      [=>...]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec",
        Mdstat.Action(
          name: "recovery", done: 16_775_552, percent: 8.5, minutesLeft: 17, speed: 259_783)
      ),
      ("      [>...]  check = x% (/) finish=min speed=K/sec", Mdstat.Action(name: "check")),
      ("      bitmap: 0/30 pages [0KB], 65536KB chunk", nil),
    ] as [(String, Mdstat.Action?)])
  func `what is being done`(_ line: String, _ action: Mdstat.Action?) throws {
    let text = "md0 : active raid1 sda1[0]\n      8 blocks [1/1] [U]\n\(line)\n"
    #expect(try parse(text, as: Mdstat.self).arrays.first?.action == action)
  }

  @Test(arguments: ["", "md0\n", "md0 : broken\n", "garbage\n"])
  func `what is no array is an error`(_ text: String) {
    #expect(throws: ParseError.self) { try parse(text, as: Mdstat.self) }
  }
}
