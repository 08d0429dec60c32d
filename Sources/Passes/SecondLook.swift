internal import Engine
internal import Rules
internal import Sinks
internal import Store
internal import Probes

/// Whether the scraper was cut off in the middle of a pass: those asked first answered, and the others
/// are silent for a reason of ours.
extension SelfQuestions {
  /// So many of those that answered are asked again.
  private static let sample = 4

  /// Asks again where some answered and others did not: first the gateway, which costs a healthy network
  /// a millisecond, and only if that says that the fault is ours some of those that answered.
  func lookAgain(
    _ answers: Answers, _ report: Pass.Report, _ known: HostState?, on reactor: Reactor
  ) async -> Answers {
    let (answered, silent) = report.heard(self)
    guard settings.isOn, !report.interrupted, !answered.isEmpty, silent > 0 else { return answers }
    var later = answers
    if way == .open {
      let asked = gateways.filter { SelfReading.answersPings($0, known) != nil }
      guard !asked.isEmpty else { return answers }
      func isThereByARP(_ gateway: String) -> Bool {
        SelfReading.answersPings(gateway, known) == false
          && OwnNetwork.isNeighbour(gateway) != false
      }
      // To wait for the answer of one that gives none would cost each pass with a dead host two seconds.
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
