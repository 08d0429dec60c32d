internal import Configuration
internal import Console
internal import Engine
internal import Live
internal import Metrics
internal import Passes

/// `scrape watch --attach`: the view of a running service, through its socket.
enum AttachView {
  static func run(_ arguments: Arguments) async throws -> Int32 {
    // A faulty inventory is the service's to report: here it only says where the store is.
    var findings = Findings()
    let site = try Site(arguments, checkingKeys: false, &findings)
    // Before the view: a signal is to end it in order.
    let signals = try Signals()
    let client = LiveClient(at: site.liveSocket)
    let view = LiveView(client, .ofTerminal, who: Account.person)
    let reactor = Reactor()
    do {
      try await client.check(on: reactor)
      return try await withThrowingTaskGroup(of: LiveView.End?.self) { group in
        group.addTask { try await view.run(on: reactor) }
        group.addTask {
          try? await signals.next(on: reactor)
          return nil
        }
        let first = try await group.next()
        group.cancelAll()
        // The view gives the terminal back.
        while try await group.next() != nil {}
        return first == .some(.quit) ? ExitCode.ok : ExitCode.interrupted
      }
    } catch let error as LiveError {
      Terminal.note("scrape watch: \(error.message.visible)")
      return ExitCode.notOK
    }
  }
}

extension Capabilities {
  /// What the environment says of the terminal.
  static var ofTerminal: Capabilities {
    Capabilities(isUTF8: Terminal.isUTF8, isColoured: environment("NO_COLOR") == nil)
  }
}
