internal import Engine
internal import Hosts
internal import IPMI
internal import Inventory
internal import Metrics

/// BMCs that are read on their hosts: `bmc: {through: host}`.
extension Gatherer {
  /// Reads the BMC of a host on the host itself, in a session of its own: it has its own interval, and must
  /// not hold up the collectors.
  func askThroughHost(
    _ settings: BMCSettings, of host: Host, remembering memory: [String: [UInt64]],
    on reactor: Reactor, by deadline: Deadline
  ) async -> BMCAnswer {
    var gatherer = self
    let reach = Reach(host, &gatherer)
    let script = Batch.Extra(
      name: HostBMC.section, script: HostBMC.script(remembering: memory),
      byteLimit: HostBMC.byteLimit)
    let limit = min(deadline, .after(settings.deadline))
    var given = HostAnswer(time: .now)
    given.failure = .notReached
    if !deadline.isPast {
      given =
        await reach.ask([Batch([], extras: [script])], on: reactor, by: limit).first ?? given
    }
    var answer: BMCAnswer
    if let section = given.sections[HostBMC.section] {
      answer = HostBMC.answer(
        output: section.output, status: section.status, isCut: section.overflowed,
        remembering: memory, at: given.time)
    } else {
      answer = BMCAnswer(time: given.time)
      answer.memory = memory
      var failure = given.failure ?? .notReached
      if !failure.isOfJumpHost, failure.reason != .notReached {
        failure.detail = "through the host: \(failure.detail)"
      }
      answer.failure = failure
    }
    answer.steps = given.steps + answer.steps
    return answer
  }
}
