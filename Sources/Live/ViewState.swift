internal import Metrics

/// A key of the keyboard.
public enum Key: Sendable, Equatable {
  case up, down, left, right, pageUp, pageDown, home, end
  case enter, escape, backspace
  case character(Unicode.Scalar)
}

/// What a person has chosen: the page, its order, and what is typed. Keys change it, and nothing else does.
public struct ViewState: Sendable {
  public enum Page: Sendable, Equatable {
    case list
    case host(String)
    case events, incidents, help
  }

  public enum Order: String, Sendable, CaseIterable {
    case trouble, name, cpu, memory, load, latency
  }

  /// What a key leads to, beside a new screen.
  public enum Effect: Sendable, Equatable {
    case quit
    case redraw
    case ask(LiveRequest)
  }

  /// A line that is typed.
  struct Prompt: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
      case filter
      case acknowledge(pattern: String, check: String?)
      case silence(pattern: String, check: String?)
      case reason(pattern: String, check: String?, length: String)
    }
    var kind: Kind
    var question: String
    var text = ""
  }

  var page = Page.list
  /// The pages below, to which Esc leads back.
  private var below: [Page] = []
  var order = Order.trouble
  var filter = ""
  /// The hosts of the filter; nil for all.
  var matching: Set<String>?
  var folded: Set<String> = []
  /// The chosen row of the list.
  var chosen: ListRow.Key?
  /// The chosen line of another page.
  var line = 0
  /// The first shown row of the list, and of another page.
  var top = 0
  var lineTop = 0
  var prompt: Prompt?
  /// The outcome of the last request, until the next key.
  var message: (text: String, isBad: Bool)?
  var detail: HostDetail?
  /// Why there are no new snapshots; nil where there are.
  public var lost: String?
  private let who: String

  /// The limit of a typed line.
  private static let longest = 500

  /// `who` acknowledges and silences.
  public init(who: String) { self.who = who }

  // MARK: Keys

  /// Handles a key on a screen of that height.
  public mutating func press(
    _ key: Key, _ snapshot: Snapshot?, width: Int, height: Int
  ) -> Effect? {
    if prompt != nil { return type(key) }
    message = nil
    switch key {
    case .character("q"): return .quit
    case .character("\u{c}"): return .redraw
    case .escape, .backspace:
      if !back(), key == .escape, matching != nil {
        filter = ""
        matching = nil
      }
      return nil
    case .character("?"):
      open(.help)
      return nil
    case .character("e"):
      open(.events)
      return nil
    case .character("i"):
      open(.incidents)
      return nil
    case .character("/"):
      prompt = Prompt(kind: .filter, question: "filter (pattern of hosts)", text: filter)
      return nil
    default: break
    }
    guard let snapshot else { return nil }
    switch key {
    case .character("s") where page == .list:
      let all = Order.allCases
      let place = all.firstIndex(of: order) ?? 0
      order = all[(place + 1) % all.count]
      top = 0
      chosen = nil
      message = ("sorted by \(order.rawValue)", false)
    case .character("a"), .character("S"):
      ask(key == .character("a"), snapshot, width: width, height: height)
    case .enter where page == .list, .right where page == .list, .left where page == .list:
      return enter(key, snapshot)
    case .enter:
      return enterLine(snapshot, width: width)
    default: move(key, snapshot, width: width, height: height)
    }
    return nil
  }

  private mutating func open(_ new: Page) {
    guard page != new else { return }
    below.append(page)
    page = new
    line = 0
    lineTop = 0
  }

  private mutating func back() -> Bool {
    guard let last = below.popLast() else { return false }
    page = last
    line = 0
    lineTop = 0
    if case .host = page {} else { detail = nil }
    return true
  }

  private mutating func open(host: String) -> Effect {
    detail = nil
    open(.host(host))
    return .ask(.host(host))
  }

  private mutating func enter(_ key: Key, _ snapshot: Snapshot) -> Effect? {
    let rows = ListRow.all(snapshot, self)
    guard let row = chosenRow(rows).map({ rows[$0] }) else { return nil }
    switch row.key {
    case .host(let name): return key == .enter ? open(host: name) : nil
    case .group(let name):
      if key == .left || key == .enter && !folded.contains(name) {
        folded.insert(name)
      } else {
        folded.remove(name)
      }
      chosen = row.key
      return nil
    }
  }

  /// Opens the host of the chosen line.
  private mutating func enterLine(_ snapshot: Snapshot, width: Int) -> Effect? {
    let lines = PageLine.all(snapshot, self, width: width, .plain)
    guard lines.indices.contains(line), let host = lines[line].host,
      snapshot.hosts.contains(where: { $0.name == host }), page != .host(host)
    else { return nil }
    return open(host: host)
  }

  // MARK: Moving

  func chosenRow(_ rows: [ListRow]) -> Int? {
    guard !rows.isEmpty else { return nil }
    guard let chosen else { return 0 }
    if let place = rows.firstIndex(where: { $0.key == chosen }) { return place }
    return min(max(0, top), rows.count - 1)
  }

  private mutating func move(_ key: Key, _ snapshot: Snapshot, width: Int, height: Int) {
    let room = Frames.room(snapshot, self, height: height)
    func target(_ now: Int, _ count: Int) -> Int? {
      switch key {
      case .up, .character("k"): now - 1
      case .down, .character("j"): now + 1
      case .pageUp: now - max(1, room - 1)
      case .pageDown, .character(" "): now + max(1, room - 1)
      case .home, .character("g"): 0
      case .end, .character("G"): count - 1
      default: nil
      }
    }
    if page == .list {
      let rows = ListRow.all(snapshot, self)
      guard let now = chosenRow(rows), let next = target(now, rows.count) else { return }
      let place = min(max(0, next), rows.count - 1)
      chosen = rows[place].key
      top = Self.scrolled(top, to: place, room: room, count: rows.count)
    } else {
      let count = PageLine.all(snapshot, self, width: width, .plain).count
      guard count > 0, let next = target(min(line, count - 1), count) else { return }
      line = min(max(0, next), count - 1)
      lineTop = Self.scrolled(lineTop, to: line, room: room, count: count)
    }
  }

  /// The first shown row, so that the chosen one is shown.
  static func scrolled(_ top: Int, to place: Int, room: Int, count: Int) -> Int {
    let highest = max(0, min(place, count - room))
    return max(place - room + 1, min(max(0, top), highest))
  }

  // MARK: Typing

  /// Begins to acknowledge or silence what is chosen.
  private mutating func ask(_ isAck: Bool, _ snapshot: Snapshot, width: Int, height: Int) {
    var pattern: String?
    var check: String?
    switch page {
    case .list:
      let rows = ListRow.all(snapshot, self)
      switch chosenRow(rows).map({ rows[$0].key }) {
      case .host(let name)?: pattern = name
      case .group(let name)?:
        // Only those that are shown: a filter leaves out the others.
        pattern = snapshot.hosts.filter { $0.group == name && isShown($0.name) }.map(\.name)
          .joined(separator: ",")
      case nil: break
      }
    case .host(let name):
      pattern = name
      let lines = PageLine.all(snapshot, self, width: width, .plain)
      if lines.indices.contains(line) { check = lines[line].check }
    case .events, .incidents:
      let lines = PageLine.all(snapshot, self, width: width, .plain)
      if lines.indices.contains(line) { pattern = lines[line].host }
    case .help: break
    }
    guard let pattern else {
      message = ("choose a host first", true)
      return
    }
    let names =
      pattern.contains(",") ? "\(Format.count(pattern.count { $0 == "," } + 1)) hosts" : pattern
    let what = check.map { "\(names) \($0)" } ?? names
    prompt =
      isAck
      ? Prompt(
        kind: .acknowledge(pattern: pattern, check: check), question: "acknowledge \(what), why")
      : Prompt(
        kind: .silence(pattern: pattern, check: check),
        question: "silence \(what), for (2h, until 18:00)")
  }

  func isShown(_ host: String) -> Bool { matching?.contains(host) ?? true }

  private mutating func type(_ key: Key) -> Effect? {
    guard var typed = prompt else { return nil }
    message = nil
    switch key {
    case .escape: prompt = nil
    case .backspace:
      if typed.text.isEmpty {
        prompt = nil
      } else {
        typed.text.unicodeScalars.removeLast()
        prompt = typed
      }
    // Ctrl-U
    case .character("\u{15}"):
      typed.text = ""
      prompt = typed
    case .character(let scalar) where !scalar.isUnprintable:
      if typed.text.utf8.count < Self.longest { typed.text.unicodeScalars.append(scalar) }
      prompt = typed
    case .enter: return finish(typed)
    default: break
    }
    return nil
  }

  private mutating func finish(_ typed: Prompt) -> Effect? {
    prompt = nil
    switch typed.kind {
    case .filter:
      guard !typed.text.allSatisfy({ $0 == " " }) else {
        filter = ""
        matching = nil
        return nil
      }
      return .ask(.select(pattern: typed.text))
    case .acknowledge(let pattern, let check):
      return .ask(
        .acknowledge(pattern: pattern, check: Self.glob(check), why: typed.text, who: who))
    case .silence(let pattern, let check):
      guard !typed.text.isEmpty else { return nil }
      prompt = Prompt(
        kind: .reason(pattern: pattern, check: check, length: typed.text), question: "why")
      return nil
    case .reason(let pattern, let check, let length):
      return .ask(
        .silence(
          pattern: pattern, check: Self.glob(check), length: length, why: typed.text, who: who))
    }
  }

  /// The pattern that matches this name of a check only.
  private static func glob(_ name: String?) -> String? {
    name.map { name in
      name.reduce(into: "") { text, character in
        if "*?[\\".contains(character) { text.append("\\") }
        text.append(character)
      }
    }
  }

  // MARK: What comes in

  /// Takes the answer to a request.
  public mutating func receive(_ answer: LiveAnswer, to request: LiveRequest) {
    switch (request, answer) {
    case (.select(let pattern), .hosts(let names)):
      filter = pattern
      matching = Set(names)
      chosen = nil
      top = 0
    case (.host(let name), .host(let host)):
      if page == .host(name) || below.contains(.host(name)) { detail = host }
    case (_, .failed(let words)):
      message = (words.split(separator: "\n").joined(separator: " "), true)
      if case .select(let pattern) = request {
        prompt = Prompt(kind: .filter, question: "filter (pattern of hosts)", text: pattern)
      }
    case (_, .done(let words)): message = (words, false)
    default: break
    }
  }

  /// What to ask again because of a new snapshot.
  public func followUps() -> [LiveRequest] {
    if case .host(let name) = page { return [.host(name)] }
    return []
  }
}
