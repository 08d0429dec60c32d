import Foundation

/// What a command printed and how it ended.
public struct Outcome: Sendable {
  public var status: Int32
  public var output: String
  public var errors: String
}

/// Runs a command to its end; its output goes to files, so that no pipe can fill.
@discardableResult
public func run(
  _ program: String, _ arguments: [String], environment: [String: String] = [:],
  input: String? = nil, in folder: String? = nil, timeout: TimeInterval = 60
) throws -> Outcome {
  let scratch = Scratch()
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
  let output = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.write("out", "")))
  let errors = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.write("err", "")))
  process.standardOutput = output
  process.standardError = errors
  process.standardInput =
    try input.map { try FileHandle(forReadingFrom: URL(fileURLWithPath: scratch.write("in", $0))) }
    ?? FileHandle.nullDevice
  try process.run()
  let deadline = Date().addingTimeInterval(timeout)
  while process.isRunning, Date() < deadline { usleep(5_000) }
  if process.isRunning {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
  return Outcome(
    status: process.terminationReason == .exit
      ? process.terminationStatus : 128 + process.terminationStatus,
    output: scratch.read("out") ?? "", errors: scratch.read("err") ?? "")
}

/// A program that runs until the test lets go of it.
public final class Daemon: @unchecked Sendable {
  private let process = Process()
  public let log: String

  public init(_ program: String, _ arguments: [String], log: String) throws {
    self.log = log
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
    process.standardOutput = handle
    process.standardError = handle
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  deinit { stop() }

  public var isRunning: Bool { process.isRunning }
  public var identifier: Int32 { process.processIdentifier }

  public func stop(_ signal: Int32 = SIGKILL) {
    guard process.isRunning else { return }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
  }
}

/// Waits for something to become true; false where it did not in time.
public func eventually(within seconds: Double = 10, _ condition: () -> Bool) -> Bool {
  let deadline = Date().addingTimeInterval(seconds)
  while Date() < deadline {
    if condition() { return true }
    usleep(10_000)
  }
  return condition()
}

/// A TCP port of the loopback address that nobody uses at this moment.
public func freePort() -> UInt16 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  return withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, size)
      getsockname(descriptor, $0, &size)
    }
    return UInt16(bigEndian: $0.pointee.sin_port)
  }
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
