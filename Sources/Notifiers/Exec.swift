public import Configuration
public import Engine
internal import Glibc
internal import Metrics
public import Transfer

/// Sends notifications by running a program, with the notice as a JSON object on standard input.
///
/// `exec: {command: [/usr/local/bin/notify, --now], timeout: 10s}`. There is no shell; the
/// arguments come from the configuration alone. The program gets `PATH`, `HOME` (`/`), `LC_ALL` and
/// `SCRAPE_KIND`, `SCRAPE_OCCASION`, `SCRAPE_SEVERITY`, `SCRAPE_SUBJECT`, `SCRAPE_INCIDENT` and
/// `SCRAPE_CONTACT`, and nothing of the scraper's own environment, which may hold secrets.
public struct Exec: Notifier {
  public static let kind = "exec"
  public let name: String
  public var lane: String { name }
  public let isLiving = false
  private let command: [String]
  private let timeout: Duration

  /// The first word is the program's path.
  public init(_ command: [String], timeout: Duration = .seconds(10)) {
    self.command = command
    self.timeout = timeout
    name = "exec \(command.joined(separator: " "))"
  }

  public func close() {}

  public func inquire(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> String? {
    let path = command.first ?? ""
    guard access(path, X_OK) == 0 else {
      throw DeliveryError(
        .failed, name, "\(path) cannot be run by this user: \(SystemError("access").message)")
    }
    return "the program is there"
  }

  /// The limit of the program's output that is kept, in bytes; the rest is dropped.
  private static let outputLimit = 64 << 10

  public func deliver(
    _ notice: Notice, _ occasion: Occasion, _ sent: inout SentMessage,
    _ memory: inout NotifierMemory,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) {
    let input = notice.object(occasion).bytes + [UInt8(ascii: "\n")]
    let (errors, status) = try await run(
      input, variables(notice, occasion), on: reactor, by: min(deadline, .after(timeout)))
    guard status != 0 else {
      sent = SentMessage("sent")
      return
    }
    let end = status.map { "ended with status \($0)" } ?? "was ended by a signal"
    let line = Self.lastLine(errors)
    let said = line.isEmpty ? ", and said nothing on standard error" : ": \(line)"
    throw DeliveryError(.failed, name, "the program \(end)\(said)")
  }

  private func variables(_ notice: Notice, _ occasion: Occasion) -> [String] {
    let facts = [
      ("KIND", notice.kind.rawValue), ("OCCASION", occasion.rawValue),
      ("SEVERITY", notice.severity.rawValue), ("SUBJECT", notice.subject),
      ("INCIDENT", notice.incident), ("CONTACT", notice.contact),
    ]
    return [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
      "LC_ALL=C.UTF-8",
    ] + facts.map { "SCRAPE_\($0)=\($1.visible.cut(to: 1024))" }
  }

  /// Runs the program to its end; returns its standard error and its exit status.
  private func run(
    _ input: [UInt8], _ variables: [String], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> (errors: [UInt8], status: Int32?) {
    let child: ChildProcess
    do throws(SystemError) {
      child = try ChildProcess(command[0], command, environment: variables, wantsErrors: true)
    } catch {
      let hint = error.code == ENOENT || error.code == EACCES ? "; is it there and executable?" : ""
      throw DeliveryError(.failed, name, "\(command[0].visible): \(error.message)\(hint)")
    }
    var rest = input[...]
    var errors: [UInt8] = []
    var sockets = WatchedSockets()
    sockets.set(child.input.number, .write)
    sockets.set(child.output.number, .read)
    sockets.set(child.errors.number, .read)
    sockets.set(child.end.number, .read)
    while true {
      let ready: [(socket: Int32, readiness: Readiness)]
      do throws(WaitError) {
        ready = try await sockets.ready(on: reactor, by: deadline)
      } catch {
        // The group is killed when the child goes.
        switch error {
        case .timedOut:
          throw DeliveryError(
            .timeout, name, "the program had not ended in the time given, and was killed")
        case .cancelled: throw DeliveryError(.cancelled, name, "ended while the program ran")
        case .failed(let cause): throw DeliveryError(.failed, name, "\(cause)")
        }
      }
      let ended = ready.contains { $0.socket == child.end.number }
      for socket in ready.map(\.socket) {
        switch socket {
        case child.input.number:
          if !Self.give(&rest, to: socket) {
            shutdown(socket, Int32(SHUT_WR))
            sockets.set(socket, [])
          }
        case child.output.number:
          if !Self.drain(socket, into: nil) { sockets.set(socket, []) }
        case child.errors.number:
          if !Self.drain(socket, into: &errors) { sockets.set(socket, []) }
        default: break
        }
      }
      if ended {
        _ = Self.drain(child.errors.number, into: &errors)
        return (errors, child.reap())
      }
    }
  }

  /// Writes as much as fits; false if all is written or the reader has closed.
  private static func give(_ rest: inout ArraySlice<UInt8>, to socket: Int32) -> Bool {
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 { return errno == EAGAIN || errno == EINTR }
      rest = rest.dropFirst(count)
    }
    return false
  }

  /// Reads what is there, in bounded pieces so that other tasks can run, and keeps its end; false
  /// at the end of the output.
  private static func drain(_ socket: Int32, into bytes: inout [UInt8]) -> Bool {
    let isOpen = drain(socket) { bytes.append(contentsOf: $0) }
    if bytes.count > outputLimit { bytes.removeFirst(bytes.count - outputLimit) }
    return isOpen
  }

  private static func drain(_ socket: Int32, into none: Void?) -> Bool { drain(socket) { _ in } }

  private static func drain(
    _ socket: Int32, _ take: (Slice<UnsafeMutableRawBufferPointer>) -> Void
  ) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { buffer in
      for _ in 0..<16 {
        let count = read(socket, buffer.baseAddress, buffer.count)
        if count == 0 { return false }
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        take(buffer[..<count])
      }
      return true
    }
  }

  private static func lastLine(_ text: [UInt8]) -> String {
    let line = text.split { $0 == 0x0a || $0 == 0x0d }.last { $0.contains { $0 > 0x20 } }
    return line.map { firstLine($0) } ?? ""
  }

  // MARK: configuration

  public static let summary = "A program on this machine, with a JSON object on its standard input."
  public static let example =
    "{command: [/usr/local/bin/notify, --now]}"

  public static func decode(_ fields: inout Fields, secrets: Bool) -> [any Notifier] {
    let words = SettingType<[String]>("list of words", example: "[/usr/local/bin/notify, --now]") {
      node, _ throws(ConfigurationError) in try Self.command(node)
    }
    let command = fields.require("command", words, "Program with its arguments; no shell.")
    let timeout = fields.take(
      "timeout", .duration(.milliseconds(100) ... .seconds(15)), default: .seconds(10),
      "Time limit of the program.", example: "5s")
    guard let command, !command.isEmpty else {
      fields.needs("command", example: words.example)
      return []
    }
    return [Exec(command, timeout: timeout)]
  }

  private static func command(_ node: Node) throws(ConfigurationError) -> [String] {
    var words: [String] = []
    for item in node.items ?? [node] {
      let text = try item.string("a word of command")
      guard !text.utf8.contains(0) else {
        throw ConfigurationError("a word of command holds a NUL byte", at: item)
      }
      words.append(text)
    }
    guard let program = words.first else { return [] }
    guard node.items != nil || !program.contains(" ") else {
      throw ConfigurationError(
        "command must be a list of words, as there is no shell", at: node,
        hint: "[\(program.split(separator: " ").joined(separator: ", "))]")
    }
    guard program.hasPrefix("/") else {
      throw ConfigurationError(
        "the program must be named with its whole path", at: node.items?.first ?? node,
        hint: "/usr/local/bin/\(program)")
    }
    return words
  }
}
