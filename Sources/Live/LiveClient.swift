public import Engine
internal import Glibc
internal import Metrics

/// The view of another process, through its socket.
public struct LiveClient: SnapshotSource {
  private let path: String

  /// The time for an answer; a snapshot may take longer while nothing changes.
  private static let patience = Duration.seconds(10)

  public init(at path: String) { self.path = path }

  public var word: String { "attached" }

  private func connect() throws(LiveError) -> LiveConnection {
    do {
      let connection = LiveConnection(try SocketPlace(path).connect(), limit: Frame.answer)
      guard let peer = connection.peer, peer == geteuid() || peer == 0 || geteuid() == 0 else {
        throw LiveError("\(path): the service is not yours")
      }
      return connection
    } catch let error as SystemError {
      throw LiveError(words(error))
    } catch let error as LiveError {
      throw error
    } catch {
      throw LiveError("\(path): \(error)")
    }
  }

  private func words(_ error: SystemError) -> String {
    switch error.code {
    case ENOENT, ECONNREFUSED:
      "no `scrape watch` runs with this store (\(path)); systemctl status scrape-watch?"
    case EACCES, EPERM:
      "\(path): permission denied: only the service's user may attach, as with sudo -u USER scrape watch --attach"
    case EAGAIN: "\(path): the service does not accept; is it stopped?"
    default: "\(path): \(error.message)"
    }
  }

  /// Throws where no service answers.
  public func check(on reactor: isolated Reactor) async throws(LiveError) {
    if case .failed(let words) = await ask(.greeting, on: reactor) { throw LiveError(words) }
  }

  public func follow(
    on reactor: isolated Reactor, _ show: @Sendable (Snapshot) -> Void
  ) async throws(LiveError) {
    var connection = try connect()
    let hello = JSON.object([("version", .integer(Frame.version)), ("watch", .boolean(true))])
    try await connection.send(Frame.bytes(hello), by: .after(Self.patience), on: reactor)
    while !Task.isCancelled {
      let json = try await connection.receive(by: .never, on: reactor)
      if let failure = json["failed"]?.string { throw LiveError(failure) }
      show(Snapshot(json))
    }
  }

  public func ask(_ request: LiveRequest, on reactor: isolated Reactor) async -> LiveAnswer {
    do throws(LiveError) {
      var connection = try connect()
      guard case .object(let members) = request.json else { return .failed("") }
      let json = JSON.object([("version", .integer(Frame.version))] + members)
      try await connection.send(Frame.bytes(json), by: .after(Self.patience), on: reactor)
      return LiveAnswer(try await connection.receive(by: .after(Self.patience), on: reactor))
    } catch {
      return .failed(error.message)
    }
  }
}
