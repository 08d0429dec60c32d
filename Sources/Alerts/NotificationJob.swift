public import Transfer
public import Engine
public import Notifiers

/// One notice that one notifier is to send.
public struct NotificationJob: Sendable {
  var notifier: any Notifier
  var notice: Notice
  var occasion: Occasion
  /// What the notifier sent of the same incident before.
  var sent = SentMessage()

  public init(
    _ notifier: any Notifier, _ notice: Notice, _ occasion: Occasion,
    sent: SentMessage = SentMessage()
  ) {
    self.notifier = notifier
    self.notice = notice
    self.occasion = occasion
    self.sent = sent
  }

  /// The result of one job.
  public struct Outcome: Sendable {
    /// What the notifier has sent by now; keep it after an error, too.
    public var sent: SentMessage
    /// Nil after a successful delivery.
    public var error: DeliveryError?
    /// False if an earlier failure closed the lane, so that no attempt was made.
    public var wasTried = true
  }

  /// The time limit of one job.
  static let limit = Duration.seconds(15)

  /// Sends all notices and returns the outcome of each, in the order of the jobs.
  ///
  /// Lanes run in parallel. The jobs of one lane run in order until an error closes the lane.
  /// `memories` holds the memory of each notifier by its name, before and after the call. `keep` is
  /// called after each attempt, with the index of the job, so that a crash repeats no notification.
  public static func send(
    _ jobs: [NotificationJob], memories: inout [String: NotifierMemory], on reactor: Reactor,
    by deadline: Deadline,
    keep: @escaping @Sendable (Int, Outcome, NotifierMemory) async -> Void = { _, _, _ in }
  ) async -> [Outcome] {
    var lanes: [[Int]] = []
    var places: [String: Int] = [:]
    for (index, job) in jobs.enumerated() {
      let lane = "\(type(of: job.notifier).kind) \(job.notifier.lane)"
      if let place = places[lane] {
        lanes[place].append(index)
      } else {
        places[lane] = lanes.count
        lanes.append([index])
      }
    }
    let known = memories
    typealias Lane = (outcomes: [(Int, Outcome)], memories: [String: NotifierMemory])
    let lanesDone = await withTaskGroup(of: Lane.self) { group in
      for lane in lanes {
        group.addTask(executorPreference: reactor.executor) {
          await reactor.open { reactor in
            await send(
              lane, of: jobs, memories: known, on: reactor, by: deadline, keep: keep)
          }
        }
      }
      var all: [Lane] = []
      for await lane in group { all.append(lane) }
      return all
    }
    var outcomes = jobs.map { Outcome(sent: $0.sent) }
    for lane in lanesDone {
      for (index, outcome) in lane.outcomes { outcomes[index] = outcome }
      memories.merge(lane.memories) { $1 }
    }
    return outcomes
  }

  /// Sends the notices of one lane; returns the memories of the notifiers of that lane only.
  private static func send(
    _ lane: [Int], of jobs: [NotificationJob], memories: [String: NotifierMemory],
    on reactor: isolated Reactor, by deadline: Deadline,
    keep: @escaping @Sendable (Int, Outcome, NotifierMemory) async -> Void
  ) async -> (outcomes: [(Int, Outcome)], memories: [String: NotifierMemory]) {
    var changed: [String: NotifierMemory] = [:]
    var outcomes: [(Int, Outcome)] = []
    var closing: DeliveryError?
    for index in lane {
      let job = jobs[index]
      let name = job.notifier.name
      var outcome = Outcome(sent: job.sent)
      if closing == nil, deadline.isPast {
        closing = DeliveryError(.timeout, name, "the pass ended before its turn")
      }
      if let closing {
        outcome.error = closing
        outcome.error?.name = name
        outcome.wasTried = false
        outcomes.append((index, outcome))
        continue
      }
      var memory = changed[name] ?? memories[name] ?? NotifierMemory()
      do throws(DeliveryError) {
        try await job.notifier.deliver(
          job.notice, job.occasion, &outcome.sent, &memory, on: reactor,
          by: min(deadline, .after(limit)))
      } catch {
        outcome.error = error
        if error.closesLane { closing = error }
      }
      changed[name] = memory
      outcomes.append((index, outcome))
      await keep(index, outcome, memory)
    }
    return (outcomes, changed)
  }
}
