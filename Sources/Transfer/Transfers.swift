public import Engine
internal import Synchronization

/// Runs libcurl transfers without ever blocking their reactor.
///
/// Any number may run in parallel. Certificates are always verified. FTP is not supported here:
/// libcurl blocks while it waits for a server's last answer; see `BlockingTransfer`.
public final class Transfers: Sendable {
  /// One handle for all HTTP transfers of a reactor: each has descriptors and tables of its own.
  private let shared = Mutex<[ObjectIdentifier: MultiHandle]>([:])

  public init() {}

  /// Closes the idle connections.
  public func close() { shared.withLock { $0.removeAll() } }

  /// Sends the request and waits for the whole answer; errors are part of the answer.
  public func run(
    _ request: TransferRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> TransferAnswer {
    // libcurl blocks its thread until a server has answered to a mail, which may take long if the
    // server scans it: each mail has its own thread.
    guard request.sender == nil else {
      return await perform(request, on: Reactor(), by: deadline)
    }
    let answer = await perform(request, on: reactor, by: deadline)
    return await follow(answer, to: request, on: reactor, by: deadline)
  }

  /// Sends the request and waits for the whole answer; a missing one is thrown.
  public func answer(
    to request: TransferRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) -> TransferAnswer {
    let answer = await run(request, on: reactor, by: deadline)
    if let error = answer.error { throw error }
    return answer
  }

  /// Sends one request, without following redirects.
  func perform(
    _ request: TransferRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> TransferAnswer {
    do throws(TransferError) {
      var request = request
      var dialled = Duration.zero
      if let dialer = request.dialer {
        let start = Deadline.now
        guard let place = NetworkPlace(request.url) else {
          throw TransferError(.invalid, "\(request.url) has no host")
        }
        request.carried = try await dialer.connection(
          to: request.address ?? place.host, port: place.port, as: .door, by: deadline)
        dialled = Deadline.now.since(start)
      }
      let authorities = try await Authorities.of(request.trust, on: reactor, by: deadline)
      // A mail protocol's connection is not kept, and libcurl waits for the answer to its QUIT when
      // it closes one: the handle is released with it.
      let multi =
        request.isConversation ? try MultiHandle() : try handle(for: ObjectIdentifier(reactor))
      var answer = try await multi.run(
        request, trusting: authorities, on: reactor, by: deadline)
      answer.phases.delay(by: dialled)
      answer.hide(request.hidden)
      return answer
    } catch {
      var answer = TransferAnswer(error: error)
      answer.hide(request.hidden)
      return answer
    }
  }

  /// A reactor that was released and whose address another now has, has no running transfers.
  private func handle(for reactor: ObjectIdentifier) throws(TransferError) -> MultiHandle {
    if let known = shared.withLock({ $0[reactor] }) { return known }
    let new = try MultiHandle()
    shared.withLock { $0[reactor] = new }
    return new
  }
}
