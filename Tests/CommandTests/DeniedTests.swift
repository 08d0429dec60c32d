import Foundation
import Lab
import Testing

/// What the system denies is said in words, with an exit code of its own, and is no trap.
@Suite(.timeLimit(.minutes(2))) struct DeniedTests {
  private func scrape(_ range: Range, _ line: String, under limits: String = "true") throws
    -> Outcome
  {
    try run(
      "/bin/bash",
      [
        "-c",
        "\(limits); exec \(Scrape.program) \(line) --inventory \(range.inventory) "
          + "--store \(range.store)",
      ])
  }

  private let range = Range(
    hosts: "all: {hosts: {me: {connection: local, profile: p}}}\n",
    settings: "profiles: {p: {collectors: {mem: }}}\n")

  @Test(arguments: [
    ("list", 3), ("list --json", 3), ("lint", 3), ("host me --json", 3), ("run --stdout", 3),
    ("run --json", 3), ("lint --help", 3), ("status --nonsense", 2),
  ])
  func `a full disk behind standard output is an error of its own`(line: String, code: Int32) throws
  {
    let shell = "exec >/dev/full"
    let outcome = try scrape(range, line, under: shell)
    #expect(outcome.status == code, "\(outcome.errors)")
    if code == 3 {
      #expect(outcome.errors.contains("No space left on device"), "\(outcome.errors)")
    }
    // A reader that has had enough is none.
    let head = try run(
      "/bin/bash", ["-c", "\(Scrape.program) --help | true; echo ${PIPESTATUS[0]}"])
    #expect(head.output == "0\n")
  }

  @Test(arguments: ["run", "list", "doctor", "host me"])
  func `too few descriptors are said before the work`(line: String) throws {
    let outcome = try scrape(range, line, under: "ulimit -n 20")
    #expect(outcome.status == 5)
    #expect(outcome.errors.contains("only 20 open files are allowed"), "\(outcome.errors)")
    #expect(outcome.errors.contains("ulimit -n") && !outcome.errors.contains("Fatal error"))
    #expect(try scrape(range, line, under: "ulimit -n 64").status != 5)
  }

  @Test(arguments: [100_000, 200_000, 786_431])
  func `too little address space is said before the work`(kibibytes: Int) throws {
    let outcome = try scrape(range, "run", under: "ulimit -v \(kibibytes)")
    #expect(outcome.status == 5, "\(outcome.errors)")
    #expect(outcome.errors.contains("of address space are allowed"), "\(outcome.errors)")
    #expect(outcome.errors.contains("ulimit -v"))
  }

  @Test func `the least that is asked for suffices`() throws {
    let outcome = try scrape(range, "run --stdout", under: "ulimit -n 64; ulimit -v 786432")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("mem,"))
  }
}
