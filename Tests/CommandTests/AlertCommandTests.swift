import Foundation
import Lab
import Testing

/// The command with real hosts to ask and a Bot API that checks every call.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AlertCommandTests {
  /// Four hundred hosts on loopback behind one port that is open or not, and a team's chat.
  struct Team {
    let bot: BotAPI
    let door: Door
    let range: Range
    static let chat: BotAPI.Chat = -1_001_234_567_890

    init(alerts: String = "", contact: String = "") throws {
      bot = try BotAPI(chats: [Self.chat])
      door = try Door()
      var inventory = "all: {vars: {profile: none, probes: [\"tcp:\(door.port)\"]}, hosts: {"
      inventory +=
        (1...400).map {
          let number = String($0 + 1000).dropFirst()
          return "h\(number): {ansible_host: 127.0.\($0 / 200 + 1).\($0 % 200 + 1)}"
        }.joined(separator: ", ") + "}}\n"
      range = Range(
        hosts: inventory,
        settings: """
          profiles: {none: {collectors: []}}
          contacts:
            team:
              telegram: {token: "file:token", chats: [\(Self.chat.id)], api: "\(bot.url)"}
          \(contact)
          \(alerts)
          """)
      range.scratch.write("inventory/token", bot.token)
      chmod("\(range.inventory)/token", 0o600)
    }

    /// A pass, with the door open or shut.
    @discardableResult
    func pass(isUp: Bool, _ words: String...) throws -> Outcome {
      if isUp { try door.open() } else { door.shut() }
      let outcome = try range.scrape("run")
      try #require([0, 1].contains(outcome.status), "\(outcome.status): \(outcome.errors)")
      return outcome
    }

    var messages: [BotAPI.Message] { bot.messages(in: Self.chat) }
    var conversation: String { bot.conversation(of: Self.chat) }

    /// Lets a person read what the team would have seen.
    static func keep(_ conversation: String, as name: String) throws {
      let folder = ".build/conversations"
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      try conversation.write(toFile: "\(folder)/\(name).txt", atomically: true, encoding: .utf8)
    }
  }

  @Test func `four hundred hosts that go down and come back are a message and its answer`()
    throws
  {
    let team = try Team()
    try team.pass(isUp: true)
    #expect(team.messages.isEmpty)
    for _ in 0..<3 { try team.pass(isUp: false) }
    #expect(team.messages.count == 1, "\(team.conversation)")
    #expect(team.messages.first?.text.contains("h[001-400]") == true, "\(team.conversation)")
    #expect(team.messages.first?.isSilent == false)
    for _ in 0..<3 { try team.pass(isUp: true) }
    #expect(team.messages.count == 2, "\(team.conversation)")
    #expect(team.messages.first?.text.hasPrefix("🟢 h[001-400]") == true, "\(team.conversation)")
    #expect(team.messages.last?.replyTo == team.messages.first?.id)
    try Team.keep(team.bot.conversation(of: Team.chat, versions: true), as: "four-hundred-hosts")
    #expect(team.bot.violations.isEmpty, "\(team.bot.violations)")
  }

  @Test func `what happens while the Bot API is away is sent when it is back`() throws {
    let team = try Team()
    try team.pass(isUp: true)
    team.bot.stop()
    let down = try team.pass(isUp: false)
    #expect(down.errors.contains("delivery failed"), "\(down.errors)")
    #expect(!down.errors.contains(team.bot.token))
    try team.pass(isUp: false)
    try team.bot.start()
    try team.pass(isUp: false)
    #expect(team.messages.count == 1, "\(team.conversation)")
    team.bot.stop()
    let unheard = try team.pass(isUp: true)
    try team.bot.start()
    let heard = try team.pass(isUp: true)
    #expect(team.messages.count == 2, "\(team.conversation)\n\(unheard)\n\(heard)")
    #expect(team.messages.first?.text.hasPrefix("🟢 h[001-400]") == true)
    #expect(team.bot.violations.isEmpty, "\(team.bot.violations)")
  }

  @Test func `what began and ended while the Bot API was away is one line`() throws {
    let team = try Team()
    try team.pass(isUp: true)
    team.bot.stop()
    try team.pass(isUp: false)
    try team.pass(isUp: true)
    try team.bot.start()
    try team.pass(isUp: true)
    try team.pass(isUp: true)
    #expect(team.messages.count == 1, "\(team.conversation)")
    #expect(team.messages.first?.text.contains("h[001-400]") == true, "\(team.conversation)")
  }

  @Test func `killed at any moment, a pass repeats no alert and misses none`() throws {
    let team = try Team()
    try team.pass(isUp: true)
    // On a busy machine a pass takes longer, and its moments are later.
    let clock = ContinuousClock()
    let length = try clock.measure { try team.pass(isUp: true) }
    var isUp = true
    // Few enough changes, that it is not flapping in the end.
    for round in 0..<4 {
      isUp.toggle()
      if isUp { try team.door.open() } else { team.door.shut() }
      for share in [0.08, 0.25, 0.45, 0.7] {
        let pass = try Daemon(
          Scrape.program,
          ["run", "--inventory", team.range.inventory, "--store", team.range.store],
          log: "\(team.range.scratch.path)/log")
        Thread.sleep(forTimeInterval: (share + Double(round) * 0.03) * (length / .seconds(1)))
        pass.stop(SIGKILL)
      }
      try team.pass(isUp: isUp)
      let text = team.messages.last { $0.replyTo == nil }?.text ?? ""
      #expect(text.hasPrefix(isUp ? "🟢" : "🔴"), "\(round): \(team.conversation)")
    }
    // It came and went within one interval: one message, and one answer that it is over. A send may be
    // there twice where the kill came between it and its being noted; nobody noted its time, then.
    #expect((2...4).contains(team.messages.count), "\(team.conversation)")
    // That passes were killed is shown, and is no alert.
    #expect(try team.range.scrape("status").output.contains("vanished"))
    let violations = team.bot.violations.filter { !$0.contains("two messages within") }
    #expect(violations.isEmpty, "\(violations)")
  }

  @Test func `silenced hosts are not sent, and are sent afterwards`() throws {
    let team = try Team()
    try team.pass(isUp: true)
    let said = try team.range.scrape("silence", "h*,!h007", "1h", "--why", "reset")
    #expect(said.output.contains("silence 1: h[001-006,008-400] until"), "\(said)")
    try team.pass(isUp: false)
    #expect(team.messages.map { $0.text.contains("h007 ") } == [true], "\(team.conversation)")
    #expect(try team.range.scrape("silence").output.contains("reset"))
    #expect(try team.range.scrape("silence", "--end", "1").status == 0)
    try team.pass(isUp: false)
    #expect(team.messages.first?.text.contains("h[001-400]") == true, "\(team.conversation)")
  }

  @Test func `who acknowledged is named, and reminders stop`() throws {
    let team = try Team()
    try team.pass(isUp: true)
    try team.pass(isUp: false)
    let said = try team.range.scrape("ack", "h*", "--why", "power cut")
    #expect(said.status == 0 && said.output.contains("h400"), "\(said)")
    // At once, not with the next pass.
    #expect(try team.range.scrape("alerts").output.contains("power cut"))
    try team.pass(isUp: false)
    #expect(team.messages.count == 1)
    #expect(team.messages.first?.text.contains("power cut") == true, "\(team.conversation)")
    let alerts = try team.range.scrape("alerts")
    #expect(alerts.status == 1 && alerts.output.contains("sent "), "\(alerts)")
    try team.pass(isUp: true)
    #expect(try team.range.scrape("ack", "h*").status == 1)
  }

  @Test func `a number that crossed its line comes as a picture, which is closed at the end`()
    throws
  {
    let bot = try BotAPI(chats: [Team.chat])
    func settings(_ threshold: String) -> String {
      """
      contacts:
        team:
          telegram: {token: "file:token", chats: [\(Team.chat.id)], api: "\(bot.url)", theme: dark}
      rules: {memory: {when: mem.used_percent, critical: "\(threshold)", for: 3}}
      """
    }
    let range = Range(
      hosts: "all: {hosts: {here: {connection: local}}}\n", settings: settings("> 0"))
    range.scratch.write("inventory/token", bot.token)
    chmod("\(range.inventory)/token", 0o600)
    for _ in 0..<3 { try range.scrape("run") }
    let message = try #require(bot.messages(in: Team.chat).first)
    #expect(message.text.hasPrefix("🔴 here memory"), "\(message.text)")
    let picture = try #require(message.photo)
    #expect(picture.starts(with: [0x89, 0x50, 0x4e, 0x47]) && picture.count > 5000)
    range.scratch.write("inventory/scrape.yml", settings("> 100"))
    try range.scrape("run")
    let messages = bot.messages(in: Team.chat)
    #expect(messages.count == 2 && messages[0].text.hasPrefix("🟢 here memory resolved"))
    #expect(bot.violations.isEmpty, "\(bot.violations)")
    try Team.keep(bot.conversation(of: Team.chat, versions: true), as: "a-picture")
  }

  @Test func `a store that cannot be written is reported once, and forgotten when it can`() throws {
    let team = try Team()
    try FileManager.default.createDirectory(
      atPath: team.range.store, withIntermediateDirectories: true)
    for _ in 0..<3 { _ = try team.range.scrape("run") }
    #expect(team.messages.count == 1, "\(team.conversation)")
    #expect(team.messages.first?.text.contains("cannot keep") == true, "\(team.conversation)")
    try FileManager.default.removeItem(atPath: team.range.store)
    try team.pass(isUp: true)
    #expect(team.messages.count == 1, "\(team.conversation)")
    #expect(!FileManager.default.fileExists(atPath: team.range.store + ".failed"))
  }
}
