public import Engine
internal import CLinux
internal import Glibc
internal import Metrics
internal import Synchronization

/// Shows the monitor's view to other processes of the same user, through a Unix socket.
///
/// A client that reads slowly is given the newest snapshot when it is ready, and is left out after 10 s; it
/// holds up nobody.
public final class LiveServer: Sendable {
  private let feed: LiveFeed
  private let listener: FileDescriptor
  /// The file's inode: another process may have replaced it.
  private let inode: ino_t
  public let path: String

  /// The limit of connections at once.
  static let most = 16
  static let patience = Duration.seconds(10)

  /// Listens at that path. It throws where another process serves there.
  public init(at path: String, _ feed: LiveFeed) throws(LiveError) {
    self.feed = feed
    self.path = path
    do throws(SystemError) {
      listener = try SocketPlace(path).listen()
    } catch {
      throw LiveError(
        error.code == EADDRINUSE
          ? "\(path): another `scrape watch` serves there" : "\(path): \(error.message)")
    }
    inode = Self.inode(of: path)
  }

  private static func inode(of path: String) -> ino_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_ino : 0
  }

  deinit { if inode != 0, Self.inode(of: path) == inode { unlink(path) } }

  /// Serves until the task is cancelled.
  public func serve(on reactor: isolated Reactor) async {
    let clients = Clients()
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        do { try await reactor.wait(listener.number, for: .read, by: .never) } catch { break }
        let number = scrape_accept(listener.number)
        guard number >= 0 else {
          if errno == EMFILE || errno == ENFILE {
            try? await reactor.sleep(until: .after(.seconds(1)))
          }
          continue
        }
        guard clients.enter() else {
          _ = Glibc.close(number)
          continue
        }
        group.addTask { [self] in
          await serve(number, on: reactor)
          clients.leave()
        }
      }
      group.cancelAll()
    }
  }

  private func serve(_ number: Int32, on reactor: isolated Reactor) async {
    var connection = LiveConnection(FileDescriptor(owning: number), limit: Frame.request)
    // The file's mode says the same; root may always.
    guard let peer = connection.peer, peer == geteuid() || peer == 0 else { return }
    do throws(LiveError) {
      while !Task.isCancelled {
        let request = try await connection.receive(by: .after(.seconds(60)), on: reactor)
        let deadline = Deadline.after(Self.patience)
        guard request["version"]?.integer == Frame.version else {
          let answer = LiveAnswer.failed("the service is another version of scrape: restart it")
          try await connection.send(Frame.bytes(answer.json), by: deadline, on: reactor)
          return
        }
        if request.flag("watch") { return try await show(&connection, on: reactor) }
        let answer: LiveAnswer =
          if let asked = LiveRequest(request) {
            await feed.ask(asked, on: reactor)
          } else {
            .failed("an unknown request")
          }
        try await connection.send(
          Frame.bytes(answer.json), by: .after(Self.patience), on: reactor)
      }
    } catch {
      // The client is gone, or sends what no client sends.
    }
  }

  /// Sends snapshots until the client ends the connection.
  private func show(
    _ connection: inout LiveConnection, on reactor: isolated Reactor
  ) async throws(LiveError) {
    var number: UInt64 = 0
    feed.enter()
    defer { feed.leave() }
    while !Task.isCancelled {
      let ticket = reactor.ticket()
      if let (newer, snapshot) = feed.newest(after: number, ticket) {
        ticket.wake()
        _ = await reactor.wait(on: ticket, by: .never)
        number = newer
        try await connection.send(
          feed.frame(of: newer, snapshot), by: .after(Self.patience), on: reactor)
        continue
      }
      let awakening = await reactor.wait(
        on: ticket, connection.descriptor.number, for: .read, by: .never)
      switch awakening {
      case .ready:
        guard try connection.fill() else { return }
        // A client that watches says no more.
        guard try connection.next() == nil else { return }
      case .failed: return
      case .timedOut, .woken: break
      }
    }
  }
}

/// The number of connections.
private final class Clients: Sendable {
  private let count = Mutex(0)

  func enter() -> Bool {
    count.withLock { count in
      guard count < LiveServer.most else { return false }
      count += 1
      return true
    }
  }

  func leave() { count.withLock { $0 -= 1 } }
}
