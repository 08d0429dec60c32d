public import Metrics
internal import Sinks
internal import IPMI
public import Inventory

/// The result of scraping one BMC: points, memory for the next pass, and errors.
public struct BMCReading: Sendable {
  /// The name of the target, in `--only` and in the store.
  public static let name = "bmc"

  public var result: HostResult
  /// Why scraping the BMC failed or ended early.
  public var failure: TargetError?
  /// The most privilege that its user was granted; nil if that was not tried.
  public let mostPrivilege: BMCSettings.Privilege?

  init(_ answer: BMCAnswer, of turn: Plan.BMCTurn, took: Duration) {
    let host = turn.host
    failure = answer.failure
    mostPrivilege = answer.mostPrivilege
    result = HostResult(
      batch: PointBatch(host: host.name, tags: host.pointTags, time: answer.time))
    result.isOfBoot = false
    result.memory[Self.name] = Memory(time: answer.time, values: answer.memory)
    // Not run: it stays due for the next pass.
    let hadTurn = failure?.reason != .notReached && failure?.reason != .cancelled
    result.due[Self.name] = turn.due.map { hadTurn ? $0 : answer.time }
    result.facts = answer.facts
    result.batch.points = answer.points
    let milliseconds = (took.milliseconds * 1000).rounded() / 1000
    // Parts without an answer keep their state.
    if answer.isOpen {
      let asked = Set(answer.steps.map(\.name))
      result.ran = BMCAnswer.parts.filter(asked.contains).map(Self.part)
      result.problems = answer.problems.map(Self.problem)
    }
    result.outcomes = [
      TargetOutcome(
        target: Self.name, up: failure == nil, severity: failure.severity(.major),
        reason: failure?.reason,
        message: failure?.detail, milliseconds: milliseconds)
    ]
    var point = Point("scrape", tags: [Tag("target", Self.name)])
    point.integer("up", failure.up)
    point.string("reason", failure?.reason.rawValue)
    point.float("duration_ms", milliseconds)
    point.integer("problems", Int64(result.problems.count))
    result.batch.points.append(point)
  }

  /// The problem of a part as that of a collector.
  static func problem(_ problem: BMCAnswer.Problem) -> CollectorProblem {
    CollectorProblem(
      collector: part(problem.part), reason: problem.reason, detail: problem.detail)
  }

  /// A part of a BMC as a collector's name: `bmc sensors`.
  public static func part(_ name: String) -> String { "\(self.name) \(name)" }

  /// Whether a collector's name is that of a part of a BMC.
  public static func isPart(_ collector: String) -> Bool { collector.hasPrefix("\(name) ") }
}
