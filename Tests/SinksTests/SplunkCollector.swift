import Foundation
import Glibc
import Lab
import Synchronization

@testable import Sinks
@testable import Store

/// Splunk's HTTP Event Collector at the level of HTTP, as its documentation describes it: it checks
/// the token, the body and each event, and answers with the documented codes.
final class SplunkCollector: Sendable {
  private let listener: Listener
  private let taken = Mutex<[String]>([])
  private let busy: Mutex<Int>
  private let token: String
  private let indexes: [String]
  /// How many bytes of JSON it takes at once.
  private let limit: Int
  var url: String { "http://127.0.0.1:\(listener.port)" }

  /// The events that were taken, in order.
  var events: [[String: Any]] {
    taken.withLock { $0 }.compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
  }

  init(
    token: String, indexes: [String] = ["main"], limit: Int = 800_000, busyTimes: Int = 0
  ) throws {
    (self.token, self.indexes, self.limit) = (token, indexes, limit)
    listener = try Listener()
    busy = Mutex(busyTimes)
    listener.serve(inTurn: true) { [self] client in
      while serve(client) {}
    }
  }

  func stop() { listener.stop() }

  private func serve(_ client: Int32) -> Bool {
    guard let (head, body) = receive(client) else { return false }
    let (status, text, code, extra) = answer(head, body)
    let json = "{\"text\":\"\(text)\",\"code\":\(code)\(extra)}"
    let answer =
      "HTTP/1.1 \(status) X\r\nContent-Type: application/json; charset=UTF-8\r\n"
      + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)"
    return write(client, answer, answer.utf8.count) == answer.utf8.count
  }

  private func answer(_ head: String, _ body: [UInt8]) -> (Int, String, Int, String) {
    guard head.hasPrefix("POST /services/collector/event HTTP/1.1") else {
      return (404, "The requested URL was not found on this server.", 404, "")
    }
    let lines = head.components(separatedBy: "\r\n")
    func header(_ name: String) -> String? {
      lines.first { $0.lowercased().hasPrefix(name + ": ") }
        .map { String($0.dropFirst(name.count + 2)) }
    }
    guard let shown = header("authorization") else { return (401, "Token is required", 2, "") }
    guard shown.hasPrefix("Splunk ") else { return (401, "Invalid authorization", 3, "") }
    if shown == "Splunk disabled" { return (403, "Token disabled", 1, "") }
    guard shown == "Splunk \(token)" else { return (403, "Invalid token", 4, "") }
    let isBusy = busy.withLock { left in
      defer { left = max(0, left - 1) }
      return left > 0
    }
    if isBusy { return (503, "Server is busy", 9, "") }
    guard header("content-encoding") == "gzip",
      let text = Decompressor().unpack(body, limit: 1 << 26)
    else { return (400, "Invalid data format", 6, ",\"invalid-event-number\":0") }
    if text.isEmpty { return (400, "No data", 5, "") }
    if text.count > limit { return (413, "Content-Length too large", 27, "") }
    let events = String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    for (number, event) in events.enumerated() {
      let extra = ",\"invalid-event-number\":\(number)"
      guard
        let object = try? JSONSerialization.jsonObject(with: Data(event.utf8)) as? [String: Any],
        object["time"] is NSNumber, object["host"] is String, object["source"] is String
      else { return (400, "Invalid data format", 6, extra) }
      guard let content = object["event"] else {
        return (400, "Event field is required", 12, extra)
      }
      if content as? String == "" { return (400, "Event field cannot be blank", 13, extra) }
      if event.contains("poison") { return (400, "Error in handling indexed fields", 15, extra) }
      if let index = object["index"] as? String, !indexes.contains(index) {
        return (400, "Incorrect index", 7, extra)
      }
    }
    taken.withLock { $0 += events }
    return (200, "Success", 0, "")
  }

  private func receive(_ client: Int32) -> (String, [UInt8])? {
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 65_536)
    while true {
      if let end = bytes.indices.first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) }) {
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        var length = 0
        for line in head.lowercased().split(separator: "\r\n")
        where line.hasPrefix("content-length:") {
          length = Int(line.dropFirst(15).drop { $0 == " " }) ?? 0
        }
        if bytes.count >= end + 4 + length {
          return (head, Array(bytes[(end + 4)..<(end + 4 + length)]))
        }
      }
      let count = read(client, &room, room.count)
      guard count > 0 else { return nil }
      bytes += room[..<count]
    }
  }
}
