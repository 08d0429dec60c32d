internal import Hosts
internal import Inventory
internal import Synchronization

/// The batches of sets of due collectors, each made once: hosts of one profile mostly share one, and a kept
/// session that was sent a batch need not be sent it again.
public final class BatchBook: Sendable {
  private let made = Mutex<[(tasks: [Profile.Task], batch: Batch)]>([])

  /// More sets than these come from schedules that do not meet; they are not kept.
  private static let most = 512

  public init() {}

  func batch(of tasks: [Profile.Task]) -> Batch {
    made.withLock { made in
      if let known = made.first(where: { $0.tasks == tasks }) { return known.batch }
      let batch = Batch(of: tasks)
      if made.count < Self.most { made.append((tasks, batch)) }
      return batch
    }
  }
}
