/// The mails sent for one incident: their number, their thread, and the recipients that lack the
/// last one.
struct EmailHistory: Equatable {
  /// The number of mails sent.
  var count = 0
  /// The identifier of the first mail, the root of the thread.
  var thread: String?
  /// A hash of the last mail's content if some recipients refused it.
  private(set) var content = ""
  /// The number of attempts for those recipients, and the recipients.
  private(set) var attempts = 0
  private(set) var refused: [String] = []

  /// A missing mailbox is retried once; one that is full or greylists, ten times.
  private static let attemptLimit = (forGood: 2, forNow: 10)

  init() {}

  /// Reads the stored text; any other text yields an empty history.
  init(_ sent: SentMessage) {
    let words = sent.text.split(separator: " ").map { String($0) }
    guard words.count >= 2, let count = Int(words[0]), count >= 0, count < 1 << 30 else { return }
    self.count = count
    thread = words[1]
    guard words.count == 5, let attempts = Int(words[3]), attempts >= 0, attempts < 100 else {
      return
    }
    content = words[2]
    self.attempts = attempts
    refused = words[4].split(separator: ",").map { String($0) }
  }

  var sent: SentMessage {
    guard let thread else { return SentMessage() }
    let part = isPartial ? " \(content) \(attempts) \(refused.joined(separator: ","))" : ""
    return SentMessage("\(count) \(thread)\(part)")
  }

  /// Whether some recipients lack the last mail and are due for a retry.
  var isPartial: Bool { !refused.isEmpty }

  /// The recipients of the content: all, or for a repeated content those that lack it.
  mutating func recipients(of content: String, among all: [String]) -> [String] {
    let lacking = refused.filter { all.contains($0) }
    if content == self.content, !lacking.isEmpty { return lacking }
    if isPartial { next() }
    return all
  }

  /// Records that a mail was sent, and who refused it.
  mutating func note(_ content: String, refused: [String], forNow: Bool) {
    self.content = content
    self.refused = refused
    attempts += 1
    let limit = forNow ? Self.attemptLimit.forNow : Self.attemptLimit.forGood
    if refused.isEmpty || attempts >= limit { next() }
  }

  private mutating func next() {
    count += 1
    attempts = 0
    (content, refused) = ("", [])
  }
}
