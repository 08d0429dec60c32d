import Foundation
import Lab
import Testing

/// The responder that checks the calls of all other tests: it must see what a client does wrong.
struct TelegramResponderTests {
  private let api: BotAPI

  init() throws {
    api = try BotAPI(token: "1:ABC", chats: [42, .init(-1_001, topics: [7: "CTF"]), "@range"])
  }

  /// The status and the body of the answer.
  private func post(
    _ method: String, _ body: String, type: String = "application/json", token: String = "1:ABC"
  ) -> (status: Int, body: String) {
    let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(connection) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = (UInt16(api.url.split(separator: ":")[2]) ?? 0).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(connection, $0, length)
      }
    }
    let request =
      "POST /bot\(token)/\(method) HTTP/1.1\r\nHost: x\r\nContent-Type: \(type)\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    write(connection, request, request.utf8.count)
    shutdown(connection, Int32(SHUT_WR))
    var answer: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(connection, &room, room.count)
      guard count > 0 else { break }
      answer += room[..<count]
    }
    let text = String(decoding: answer, as: UTF8.self)
    let words = text.split(separator: " ", maxSplits: 2)
    return (
      words.count > 1 ? Int(words[1]) ?? 0 : 0,
      text.components(separatedBy: "\r\n\r\n").dropFirst().joined()
    )
  }

  private static let long = String(repeating: "😀", count: 2049)

  @Test(
    arguments: [
      ("sendMessage", "{\"chat_id\":42,\"text\":\"a\",\"colour\":1}", "unknown parameter colour"),
      ("sendMessage", "{\"chat_id\":42,\"text\":\"a\",\"caption\":\"b\"}", "parameter caption"),
      ("sendMessage", "{\"chat_id\":42,\"text\":\"a\",\"parse_mode\":\"HTML\"}", "parse_mode"),
      ("sendMessage", "{\"chat_id\":42,\"text\":\"\"}", "no text"),
      ("sendMessage", "{\"chat_id\":42,\"text\":\" \"}", "non-empty"),
      ("sendMessage", "{\"chat_id\":42,\"text\":\"\(long)\"}", "too long"),
      ("sendMessage", "{\"chat_id\":\"42\",\"text\":\"a\"}", "neither a number nor a name"),
      ("sendMessage", "{\"chat_id\":42,\"text\":\"a\",\"disable_notification\":1}", "no boolean"),
      (
        "sendMessage",
        "{\"chat_id\":42,\"text\":\"ab\",\"entities\":[{\"type\":\"bold\",\"offset\":1,\"length\":2}]}",
        "ends after the end"
      ),
      (
        "sendMessage",
        "{\"chat_id\":42,\"text\":\"😀\",\"entities\":[{\"type\":\"bold\",\"offset\":1,\"length\":1}]}",
        "begins in a middle"
      ),
      (
        "sendMessage",
        "{\"chat_id\":42,\"text\":\"a😀\",\"entities\":[{\"type\":\"code\",\"offset\":0,\"length\":2}]}",
        "ends in a middle"
      ),
      (
        "sendMessage",
        "{\"chat_id\":42,\"text\":\"ab\",\"entities\":[{\"type\":\"bold\",\"offset\":0,\"length\":0}]}",
        "BOUNDS"
      ),
      (
        "sendMessage",
        "{\"chat_id\":42,\"text\":\"ab\",\"entities\":[{\"type\":\"loud\",\"offset\":0,\"length\":1}]}",
        "unsupported"
      ),
      ("sendMessage", "{\"chat_id\":42,\"text\":", "cannot be read"),
      ("sendPhoto", "{\"chat_id\":42,\"photo\":\"x\"}", "no photo"),
      ("sendDice", "{\"chat_id\":42}", "unknown method"),
      ("editMessageText", "{\"chat_id\":42,\"message_id\":\"x\",\"text\":\"a\"}", "no number"),
    ])
  func `what a client must never send is held against it`(
    method: String, body: String, violation: String
  ) {
    _ = post(method, body)
    #expect(api.violations.contains { $0.contains(violation) }, "\(api.violations)")
  }

  @Test(
    arguments: [
      ("sendMessage", "{\"chat_id\":41,\"text\":\"a\"}", 400, "chat not found"),
      ("sendMessage", "{\"chat_id\":-1001,\"text\":\"a\",\"message_thread_id\":8}", 400, "thread"),
      (
        "sendMessage", "{\"chat_id\":42,\"text\":\"a\",\"reply_parameters\":{\"message_id\":9}}",
        400,
        "replied not found"
      ),
      (
        "editMessageText", "{\"chat_id\":42,\"message_id\":9,\"text\":\"a\"}", 400,
        "message to edit not found"
      ),
      (
        "deleteMessage", "{\"chat_id\":42,\"message_id\":9}", 400, "message to delete not found"
      ),
      ("sendMessage", "{\"chat_id\":\"@range\",\"text\":\"a\"}", 200, "\"type\":\"channel\""),
      ("getMe", "", 200, "\"is_bot\":true"),
    ])
  func `what may happen to anybody is answered in the words of the Bot API`(
    method: String, body: String, status: Int, words: String
  ) {
    let answer = post(method, body)
    #expect(answer.status == status && answer.body.contains(words), "\(answer)")
    #expect(api.violations == [])
  }

  @Test func `a form is read as JSON is`() {
    let type = "application/x-www-form-urlencoded"
    #expect(
      post("sendMessage", "chat_id=42&text=%F0%9F%94%B4+5&colour=1", type: type).status == 200)
    #expect(api.messages(in: 42).map(\.text) == ["🔴 5"])
    #expect(api.violations == ["sendMessage: unknown parameter colour"])
  }

  @Test func `another bot's token is not valid`() {
    #expect(post("getMe", "", token: "2:DEF").status == 401)
  }

  @Test func `messages that come too fast are held against their sender`() {
    for _ in 0..<2 { _ = post("sendMessage", "{\"chat_id\":42,\"text\":\"a\"}") }
    #expect(api.violations.count == 1 && api.violations[0].contains("two messages within"))
  }

  @Test(
    arguments: [
      (1200, 675, nil), (5000, 5000, nil), (5001, 5000, "DIMENSIONS"), (2100, 100, "DIMENSIONS"),
      (0, 5, "DIMENSIONS"),
    ] as [(Int, Int, String?)])
  func `a picture is accepted by its size`(width: Int, height: Int, fault: String?) {
    var png: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]
    png += "IHDR".utf8
    for value in [width, height] { png += [24, 16, 8, 0].map { UInt8(value >> $0 & 0xff) } }
    png += [8, 2, 0, 0, 0, 0, 0, 0, 0]
    png += [0, 0, 0, 0] + Array("IEND".utf8) + [0xae, 0x42, 0x60, 0x82]
    #expect(BotAPI.fault(ofPhoto: png)?.contains(fault ?? "?") ?? (fault == nil))
    #expect(BotAPI.fault(ofPhoto: Array(png.dropFirst())) == "IMAGE_PROCESS_FAILED")
  }

  @Test func `a conversation can be read`() throws {
    _ = post(
      "sendMessage",
      "{\"chat_id\":-1001,\"message_thread_id\":7,\"text\":\"🔴 web3 down\\nscrape host web3\","
        + "\"entities\":[{\"type\":\"bold\",\"offset\":3,\"length\":4},"
        + "{\"type\":\"code\",\"offset\":13,\"length\":16}]}")
    _ = post("editMessageText", "{\"chat_id\":-1001,\"message_id\":101,\"text\":\"🟢 back\"}")
    _ = post(
      "sendMessage",
      "{\"chat_id\":-1001,\"text\":\"ok\",\"disable_notification\":true,"
        + "\"reply_parameters\":{\"message_id\":101}}")
    let text = api.conversation(of: -1001, versions: true)
    let lines = text.components(separatedBy: "\n").map { $0.drop { "0123456789:".contains($0) } }
    #expect(
      lines == [
        "── -1001 ──", "  #101 in topic CTF  🔔", "  │ 🔴 **web3** down", "  │ `scrape host web3`",
        lines[4], "  │ 🟢 back", "  #102  silent  ↪ #101", "  │ ok",
      ], "\(text)")
    #expect(lines[4].hasPrefix("  ✎ "))
    #expect(api.conversation(of: -1001).contains("changed 1 time"))
  }
}
