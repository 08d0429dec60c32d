public import Engine
internal import Synchronization

/// Runs transfers of libcurl's without ever blocking the reactor that they are run on.
///
/// Any number may run at the same time. Certificates are always verified. FTP is not for it: libcurl
/// waits for a server's last words in a way that blocks; see `BlockingTransfer`.
public final class Transfers: Sendable {
  /// One for all transfers of HTTP on a reactor: a handle has descriptors and tables of its own.
  private let shared = Mutex<[ObjectIdentifier: MultiHandle]>([:])

  public init() {}

  /// Closes the connections that are kept.
  public func close() { shared.withLock { $0.removeAll() } }

  /// Sends the request and waits for the whole answer; what goes wrong stands in the answer.
  public func run(
    _ request: TransferRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> TransferAnswer {
    // libcurl blocks its thread until a server has answered to a mail, which may take its time to
    // look through it: each has a thread of its own.
    guard request.sender == nil else {
      return await perform(request, on: Reactor(), by: deadline)
    }
    let answer = await perform(request, on: reactor, by: deadline)
    return await follow(answer, to: request, on: reactor, by: deadline)
  }

  /// Sends one request, without following where its answer leads.
  func perform(
    _ request: TransferRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> TransferAnswer {
    do throws(TransferError) {
      let authorities = try await Authorities.of(request.trust, on: reactor, by: deadline)
      // A mail protocol's connection is not kept, and libcurl would wait for an answer to its QUIT
      // where it closes one: the handle goes with it.
      let multi =
        request.isConversation ? try MultiHandle() : try handle(for: ObjectIdentifier(reactor))
      var answer = try await multi.run(
        request, trusting: authorities, on: reactor, by: deadline)
      answer.hide(request.hidden)
      return answer
    } catch {
      var answer = TransferAnswer(error: error)
      answer.hide(request.hidden)
      return answer
    }
  }

  /// Where a reactor has gone and another has taken its place in memory, nothing of it is under way.
  private func handle(for reactor: ObjectIdentifier) throws(TransferError) -> MultiHandle {
    if let known = shared.withLock({ $0[reactor] }) { return known }
    let new = try MultiHandle()
    shared.withLock { $0[reactor] = new }
    return new
  }
}
