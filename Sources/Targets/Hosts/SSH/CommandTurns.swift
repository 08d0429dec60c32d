internal import Engine

/// The right to run one command on a jump host. Its end lets the next one run.
///
/// It belongs to the reactor of its jump host, hence `@unchecked`.
public final class CommandTurn: @unchecked Sendable {
  private let turns: CommandTurns

  fileprivate init(_ turns: CommandTurns) { self.turns = turns }

  deinit { turns.end() }
}

/// The commands that run on one jump host at a time, in the order in which they were asked for.
///
/// A server allows MaxSessions of them on one connection, 10 by default. It belongs to one reactor.
final class CommandTurns {
  static let limit = 8

  /// How many may run at a time; the server may allow less.
  private var limit = CommandTurns.limit
  private(set) var taken = 0
  private var lastNumber = 0
  private var waiting: [(number: Int, ticket: Ticket)] = []
  private var granted: Set<Int> = []

  /// Whether nobody would have to wait.
  var isFree: Bool { taken < limit && waiting.isEmpty }

  /// Waits for a turn; nil at the deadline and where the task is cancelled.
  func next(on reactor: isolated Reactor, by deadline: Deadline) async -> CommandTurn? {
    if isFree {
      taken += 1
      return CommandTurn(self)
    }
    lastNumber += 1
    let number = lastNumber
    let ticket = reactor.ticket()
    waiting.append((number, ticket))
    _ = await reactor.wait(on: ticket, by: deadline)
    if granted.remove(number) != nil {
      let turn = CommandTurn(self)
      return Task.isCancelled ? nil : turn
    }
    waiting.removeAll { $0.number == number }
    return nil
  }

  /// Allows fewer than run now, at least one: the server refused the last one.
  func lower() { limit = max(1, min(limit, taken - 1)) }

  /// What was learnt of the server is forgotten, as between two passes.
  func reset() { limit = Self.limit }

  fileprivate func end() {
    taken -= 1
    guard taken < limit, !waiting.isEmpty else { return }
    let next = waiting.removeFirst()
    taken += 1
    granted.insert(next.number)
    next.ticket.wake()
  }
}
