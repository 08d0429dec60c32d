/// What of an incident was sent by mail: how many, in which thread, and who has not got the last yet.
struct EmailHistory: Equatable {
  /// How many mails went out.
  var count = 0
  /// The identifier of the first, below which all others belong.
  var thread: String?
  /// Stands for what the last one told, where it was refused for some.
  private(set) var content = ""
  /// How often those were tried, and who they are.
  private(set) var attempts = 0
  private(set) var refused: [String] = []

  /// A mailbox that is gone is tried again once; one that is full, or greylists, ten times.
  private static let attemptLimit = (forGood: 2, forNow: 10)

  init() {}

  /// Reads what `told` wrote. Text that is not of that form is nothing.
  init(_ told: Told) {
    let words = told.text.split(separator: " ").map { String($0) }
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

  var told: Told {
    guard let thread else { return Told() }
    let part = isPartial ? " \(content) \(attempts) \(refused.joined(separator: ","))" : ""
    return Told("\(count) \(thread)\(part)")
  }

  /// Whether some have not got the last mail and are to be tried again.
  var isPartial: Bool { !refused.isEmpty }

  /// To whom the content goes: to all, or, where it is that of the last mail, to those who lack it.
  mutating func recipients(of content: String, among all: [String]) -> [String] {
    let lacking = refused.filter { all.contains($0) }
    if content == self.content, !lacking.isEmpty { return lacking }
    if isPartial { next() }
    return all
  }

  /// Notes that a mail went out, and for whom it was refused.
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
