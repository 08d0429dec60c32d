internal import Engine
internal import Rules
internal import Sinks
internal import Store
internal import Probes

/// Detects a cut in the middle of a pass: the first hosts answered, the others did not because of a fault
/// on this side.
extension SelfQuestions {
  /// The number of answering targets to contact again.
  private static let sample = 4

  /// Runs if some targets answered and others did not: checks the gateway, which takes 1 ms in a healthy
  /// network, and only after its failure some of the targets that answered.
  func lookAgain(
    _ answers: Answers, _ report: Pass.Report, _ known: HostState?, on reactor: Reactor
  ) async -> Answers {
    let (answered, silent) = report.proofs(self)
    guard settings.isOn, !report.interrupted, !answered.isEmpty, silent > 0 else { return answers }
    var later = answers
    if way == .open {
      let asked = gateways.filter { SelfReading.answersPings($0, known) != nil }
      guard !asked.isEmpty else { return answers }
      func isThereByARP(_ gateway: String) -> Bool {
        SelfReading.answersPings(gateway, known) == false
          && OwnNetwork.isNeighbour(gateway) != false
      }
      // Do not wait for a gateway that ignores pings: that costs 2 s in each pass with a dead host.
      if asked.contains(where: isThereByARP) { return answers }
      await withTaskGroup(of: (String, Bool?).self) { group in
        for gateway in asked {
          group.addTask {
            await reactor.open { reactor in
              (gateway, await OwnQuestions.echo(gateway, on: reactor))
            }
          }
        }
        for await (gateway, echo) in group { later.echoes[gateway] = echo }
      }
      let isThere = asked.contains { later.echoes[$0] == true || isThereByARP($0) }
      guard !isThere, asked.contains(where: { later.echoes[$0] == false }) else { return answers }
    }
    let isAnyThere = await withTaskGroup(of: Bool.self) { group in
      for place in answered.shuffled().prefix(Self.sample) {
        guard let number = place.number else { continue }
        group.addTask {
          await reactor.open { reactor in
            await OwnQuestions.isThere(number, port: place.port, on: reactor)
          }
        }
      }
      for await isThere in group where isThere { return true }
      return false
    }
    later.isCutSince = !isAnyThere
    return isAnyThere ? answers : later
  }
}
