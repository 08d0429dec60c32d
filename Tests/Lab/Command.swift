import Foundation
import Synchronization

/// What a command printed and how it ended.
public struct Outcome: Sendable {
  public var status: Int32
  public var output: String
  public var errors: String
}

/// Runs a command to its end; its output goes to files, so that no pipe can fill. An empty value in
/// `environment` takes the variable away.
@discardableResult
public func run(
  _ program: String, _ arguments: [String], environment: [String: String] = [:],
  input: String? = nil, in folder: String? = nil, timeout: TimeInterval = 60
) throws -> Outcome {
  let scratch = Scratch()
  let (program, arguments) =
    folder.map { ("/usr/bin/env", ["-C", $0, program] + arguments) } ?? (program, arguments)
  let child = try Child(
    program, arguments, environment: environment, input: input.map { scratch.write("in", $0) },
    output: scratch.write("out", ""), errors: scratch.write("err", ""))
  let ended = eventually(within: timeout) { child.exit != nil }
  if !ended { child.stop(SIGKILL) }
  return Outcome(
    status: child.exit ?? -1, output: scratch.read("out") ?? "", errors: scratch.read("err") ?? "")
}

/// A program that runs until the test lets go of it.
public final class Daemon: Sendable {
  private let start: @Sendable () throws -> Child
  private let current: Mutex<Child>
  public let log: String

  public init(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], log: String
  ) throws {
    self.log = log
    start = {
      try Child(program, arguments, environment: environment, input: nil, output: log, errors: log)
    }
    current = Mutex(try start())
  }

  deinit { stop() }

  private var child: Child { current.withLock { $0 } }
  public var isRunning: Bool { child.exit == nil }
  /// The exit status as a shell gives it, once it has ended.
  public var status: Int32? { child.exit }
  public var identifier: Int32 { child.identifier }

  public func stop(_ signal: Int32 = SIGKILL) { child.stop(signal) }

  /// Starts the same command again, after the end of the one that runs.
  public func restart() throws {
    stop()
    let next = try start()
    current.withLock { $0 = next }
  }

  /// Sends a signal to all processes of its group and does not wait.
  public func signal(_ number: Int32) { kill(-identifier, number) }
}

/// Waits for something to become true; false where it did not in time.
public func eventually(within seconds: Double = 10, _ condition: () -> Bool) -> Bool {
  let deadline = Date().addingTimeInterval(seconds)
  while Date() < deadline {
    if condition() { return true }
    usleep(3_000)
  }
  return condition()
}

/// Whether something accepts TCP connections on the loopback port.
public func listens(_ port: UInt16, at host: String = "127.0.0.1") -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  inet_pton(AF_INET, host, &address.sin_addr)
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
}

extension String {
  /// How often the words stand in it. Lines would not do: sshd ends its own with CR LF, which is one
  /// character to Swift.
  public func occurrences(of words: String) -> Int { components(separatedBy: words).count - 1 }
}
