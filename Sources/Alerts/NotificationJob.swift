public import Engine
public import Notifiers

/// One thing that is to be told at one place.
public struct NotificationJob: Sendable {
  var notifier: any Notifier
  var notice: Notice
  var occasion: Occasion
  /// What the notifier told of the same before.
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

  /// What came of it.
  public struct Outcome: Sendable {
    /// What is there now: to be kept also where there is an error.
    public var sent: SentMessage
    /// Nil where it was told.
    public var error: NotifierError?
    /// Whether it was tried at all: nobody is asked again who does not answer.
    public var wasTried = true
  }

  /// The longest that one of them takes.
  static let limit = Duration.seconds(15)

  /// Brings them to their places, and returns what came of each in the same order.
  ///
  /// Lanes are told side by side, those of one lane one after the other in their order, until one
  /// closes it. `memories` are those of the notifiers by their names, and hold afterwards what these
  /// remember now. `keep` hears of each as soon as it is known, with its place in the list: what was
  /// told is not told twice, whatever happens to this process then.
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

  /// Tells those of one lane; returns with it only the memories of its own notifiers.
  private static func send(
    _ lane: [Int], of jobs: [NotificationJob], memories: [String: NotifierMemory],
    on reactor: isolated Reactor, by deadline: Deadline,
    keep: @escaping @Sendable (Int, Outcome, NotifierMemory) async -> Void
  ) async -> (outcomes: [(Int, Outcome)], memories: [String: NotifierMemory]) {
    var changed: [String: NotifierMemory] = [:]
    var outcomes: [(Int, Outcome)] = []
    var closing: NotifierError?
    for index in lane {
      let job = jobs[index]
      let name = job.notifier.name
      var outcome = Outcome(sent: job.sent)
      if closing == nil, deadline.isPast {
        closing = NotifierError(.timeout, name, "the pass ended before its turn")
      }
      if let closing {
        outcome.error = closing
        outcome.error?.notifier = name
        outcome.wasTried = false
        outcomes.append((index, outcome))
        continue
      }
      var memory = changed[name] ?? memories[name] ?? NotifierMemory()
      do throws(NotifierError) {
        try await job.notifier.tell(
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
