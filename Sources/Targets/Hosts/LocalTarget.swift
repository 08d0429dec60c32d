public import Engine
internal import Collectors
internal import Metrics
internal import Inventory

/// This machine itself, scraped without SSH: `connection: local`.
public struct LocalTarget: Sendable {
  /// How long the batch may take; the host's own deadline bounds it too.
  public var timeout: Duration

  /// Keeps the shell between scrapes; nil starts one for each batch.
  public var keeper: KeptSessions?

  public init(timeout: Duration = .seconds(45), keeper: KeptSessions? = nil) {
    self.timeout = timeout
    self.keeper = keeper
  }

  /// Asks one or more batches; see `HostTarget.ask`.
  public func ask(
    _ batches: [Batch], pause: Duration = .zero, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> [HostAnswer] {
    guard let keeper else {
      return await askOnce(batches, pause: pause, on: reactor, by: deadline)
    }
    return await keeper.ask(batches, pause: pause, of: .local(self), on: reactor, by: deadline)
  }

  /// Asks one or more batches, each of a shell of its own.
  func askOnce(
    _ batches: [Batch], pause: Duration, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [HostAnswer] {
    var answers: [HostAnswer] = []
    for (index, batch) in batches.enumerated() {
      if index > 0 { try? await reactor.sleep(until: min(deadline, .after(pause))) }
      var answer = HostAnswer(time: .now)
      let start = Deadline.now
      let nonce = Batch.nonce()
      answer.script = batch.script(nonce: nonce, last: true)
      var frames = Frames(nonce: nonce, limits: batch.limits)
      do throws(TargetError) {
        let shell = try LocalShell()
        defer { answer.received = shell.received }
        let limit = min(deadline, .after(timeout))
        try await shell.run(
          answer.script, into: &frames, byteLimit: Batch.byteLimit, on: reactor, hello: limit,
          by: limit)
      } catch {
        answer.failure = error
      }
      answer.sent = answer.script.count
      answer.take(frames, of: batch)
      answer.session.address = nil
      answer.steps.append(
        .init(
          name: "batch", took: Deadline.now.since(start),
          detail: "\(frames.sections.count) sections"))
      answers.append(answer)
    }
    return answers
  }
}
