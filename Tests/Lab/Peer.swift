import Foundation
import Synchronization

/// A server at the level of bytes: on each connection it plays a script, however wrong.
public final class Peer: Sendable {
  public enum Step: Sendable, Equatable {
    /// Sends these bytes.
    case say(String)
    /// Reads up to the end of a line.
    case line
    /// Reads up to an empty line: a request's head. Who closes before would reset the connection.
    case head
    /// Sends this text again and again until nobody takes it.
    case flood(String)
    /// Sends the text a byte at a time, so many milliseconds apart.
    case drip(String, Int)
    /// Waits without a word until the test ends.
    case silence
    /// Waits so many milliseconds.
    case pause(Int)
    /// Resets the connection.
    case reset
    /// Closes the connection.
    case close
  }

  public var port: UInt16 { listener.port }
  private let listener: Listener
  private let seen = Mutex<[String]>([])
  private let open = Mutex<[Int32]>([])

  /// The lines that were read, of all connections.
  public var lines: [String] { seen.withLock { $0 } }

  public init(_ steps: [Step], address host: String = "127.0.0.1", port: UInt16 = 0) throws {
    listener = try Listener(on: host, port: port)
    listener.serve { [self] in play(steps, on: $0) }
  }

  /// Ends the thread: the accept fails.
  public func stop() {
    listener.stop()
    open.withLock { open in
      for connection in open { shutdown(connection, Int32(SHUT_RDWR)) }
    }
  }

  private func play(_ steps: [Step], on connection: Int32) {
    open.withLock { $0.append(connection) }
    defer { open.withLock { $0.removeAll { $0 == connection } } }
    for step in steps {
      switch step {
      case .say(let text): guard send(text, connection) else { return }
      case .line:
        guard let line = readLine(connection) else { return }
        seen.withLock { $0.append(line) }
      case .head:
        while let line = readLine(connection), !line.isEmpty { seen.withLock { $0.append(line) } }
      case .flood(let text): while send(text, connection) {}
      case .drip(let text, let milliseconds):
        for byte in text.utf8 {
          guard send(String(decoding: [byte], as: UTF8.self), connection) else { return }
          usleep(UInt32(milliseconds) * 1_000)
        }
      case .silence: while readLine(connection) != nil {}
      case .pause(let milliseconds): usleep(UInt32(milliseconds) * 1_000)
      case .reset:
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
          connection, SOL_SOCKET, SO_LINGER, &linger,
          socklen_t(MemoryLayout.size(ofValue: linger)))
        return
      case .close: return
      }
    }
  }

  private func send(_ text: String, _ connection: Int32) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private func readLine(_ connection: Int32) -> String? {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(connection, &byte, 1) == 1 {
      if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
      if byte != UInt8(ascii: "\r") { line.append(byte) }
    }
    return nil
  }
}
