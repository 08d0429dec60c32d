/// The client configuration of OpenSSH, as far as scrape honours it: ssh_config(5).
///
/// A pure function of the text. The first value of an option counts, `IdentityFile` adds up. Nothing is
/// executed: `Match exec` never holds, and a `ProxyCommand` is reported, not run. Options that scrape
/// has no use for are skipped, known or not.
public struct SSHConfig: Sendable {
  /// What the files say of one host.
  public struct Options: Sendable, Equatable {
    public var hostName: String?
    public var port: Int?
    public var user: String?
    /// Paths as written; see `expanded`. Empty where none is named.
    public var identityFiles: [String] = []
    public var identitiesOnly: Bool?
    /// Jump hosts as written, separated by commas; `none` is a value.
    public var proxyJump: String?
    public var proxyCommand: String?
    /// Where `ProxyCommand` is written.
    public var proxyCommandPlace: Place?
    /// Paths as written; `none` is a value.
    public var userKnownHostsFiles: [String] = []
    public var hostKeyAlias: String?
    /// Seconds; nil where it is not given or `none`.
    public var connectTimeout: Int?
    /// What could not be honoured.
    public var problems: [Problem] = []

    public init() {}
  }

  /// A line of a file.
  public struct Place: Sendable, Hashable, CustomStringConvertible {
    public var file: String
    /// Counted from 1; nil for the whole file.
    public var line: Int?

    public var description: String { line.map { "\(file):\($0)" } ?? file }
  }

  /// What cannot be read or honoured, and where it is written.
  public struct Problem: Sendable, Hashable, CustomStringConvertible {
    public var place: Place
    public var text: String

    public var description: String { "\(place): \(text)" }
  }

  /// One line: a keyword in small letters, and its arguments.
  struct Line: Sendable, Equatable {
    var keyword: String
    var arguments: [String]
    /// The text after the keyword, which `Match` and `ProxyCommand` split in their own way.
    var rest: String
    var place: Place
  }

  enum Item: Sendable {
    case line(Line)
    /// The files of an `Include`, each with its lines.
    case include([[Item]])
  }

  private let files: [[Item]]
  /// Files and lines that cannot be read.
  public private(set) var problems: [Problem] = []

  static let deepestInclude = 16

  /// A configuration that says nothing.
  public init() { files = [] }

  /// Reads files, the first of which counts more.
  ///
  /// `include` returns the files that a pattern of `Include` names, in their order; `isUser` tells
  /// whether the pattern stands in a file of the user.
  public init(
    _ files: [(path: String, bytes: [UInt8], isUser: Bool)],
    include: (_ pattern: String, _ isUser: Bool) -> [(path: String, bytes: [UInt8])]
  ) {
    var problems: [Problem] = []
    self.files = files.map {
      Self.items(
        $0.bytes, $0.path, isUser: $0.isUser, depth: 0, include: include, &problems)
    }
    self.problems = problems
  }

  mutating func add(_ problems: [Problem]) { self.problems += problems }

  // MARK: Reading

  private static func items(
    _ bytes: [UInt8], _ path: String, isUser: Bool, depth: Int,
    include: (String, Bool) -> [(path: String, bytes: [UInt8])], _ problems: inout [Problem]
  ) -> [Item] {
    var items: [Item] = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      let place = Place(file: path, line: index + 1)
      var text = String(decoding: bytes, as: UTF8.self).utf8[...]
      while let last = text.last, Self.isBlank(last) || last == 0x0c { text.removeLast() }
      text = text.drop(while: Self.isBlank)
      guard let first = text.first, first != UInt8(ascii: "#") else { continue }
      guard let (keyword, rest) = keyword(of: text) else { continue }
      guard let arguments = words(rest, endingAtComment: true) else {
        problems.append(Problem(place: place, text: "a quote has no end"))
        continue
      }
      let line = Line(
        keyword: keyword, arguments: arguments, rest: String(rest) ?? "", place: place)
      guard keyword == "include" else {
        items.append(.line(line))
        continue
      }
      guard depth < deepestInclude else {
        problems.append(
          Problem(place: place, text: "Include goes deeper than \(deepestInclude) files"))
        continue
      }
      for pattern in arguments {
        let files = include(pattern, isUser).map {
          Self.items(
            $0.bytes, $0.path, isUser: isUser, depth: depth + 1, include: include, &problems)
        }
        items.append(.include(files))
      }
    }
    return items
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0d
  }

  /// The first word, and what follows it and at most one `=`.
  private static func keyword(
    of text: Substring.UTF8View
  ) -> (keyword: String, rest: Substring.UTF8View)? {
    let quoted = text.first == UInt8(ascii: "\"")
    let body = quoted ? text.dropFirst() : text
    let word = body.prefix { byte in
      quoted ? byte != UInt8(ascii: "\"") : !isBlank(byte) && byte != UInt8(ascii: "=")
    }
    var rest = body.dropFirst(word.count + (quoted ? 1 : 0)).drop(while: isBlank)
    if rest.first == UInt8(ascii: "=") { rest = rest.dropFirst().drop(while: isBlank) }
    guard let name = String(word) else { return nil }
    return (name.lowercased(), rest)
  }

  /// Splits a text into words: quotes hold together, a backslash before a quote, a backslash or
  /// (outside quotes) a blank takes it as it is, `#` begins a comment. Nil for a quote without end.
  static func words(
    _ text: some Collection<UInt8>, endingAtComment: Bool
  ) -> [String]? {
    var words: [String] = []
    var word: [UInt8] = []
    var isOpen = false
    var quote: UInt8?
    var bytes = Array(text)[...]
    while let byte = bytes.popFirst() {
      if byte == UInt8(ascii: "\\"), let next = bytes.first,
        next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") || next == UInt8(ascii: "\\")
          || quote == nil && next == 0x20
      {
        word.append(next)
        bytes.removeFirst()
        isOpen = true
      } else if let open = quote {
        if byte == open { quote = nil } else { word.append(byte) }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
        isOpen = true
      } else if isBlank(byte) {
        if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
        word = []
        isOpen = false
      } else if byte == UInt8(ascii: "#"), endingAtComment, !isOpen {
        return words
      } else {
        word.append(byte)
        isOpen = true
      }
    }
    if quote != nil { return nil }
    if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
    return words
  }

  // MARK: Looking up

  /// A question: a host by the names that people use for it, and who asks.
  struct Query {
    /// The names of the host: that of the inventory, and its address there. A pattern holds if it holds
    /// for one of them.
    var names: [String]
    /// The account that the inventory names.
    var user: String?
    var localUser: String
  }

  /// What the files say of a host with these names; the first one counts for `%h` and `%n`.
  public func options(
    for names: [String], user: String? = nil, localUser: String
  ) -> Options {
    var options = Options()
    let query = Query(names: names, user: user, localUser: localUser)
    for file in files {
      var isActive = true
      read(file, query, &isActive, mayMatch: true, &options)
    }
    return options
  }

  /// The names of `Host` lines that stand for one host each, in the order of the files: those without a
  /// wildcard and without `!`.
  public var hostNames: [String] {
    var seen: Set<String> = []
    var names: [String] = []
    func collect(_ items: [Item]) {
      for item in items {
        switch item {
        case .include(let files): files.forEach(collect)
        case .line(let line):
          guard line.keyword == "host" else { continue }
          for name in line.arguments
          where !name.contains(where: { "*?!".contains($0) }) && seen.insert(name).inserted {
            names.append(name)
          }
        }
      }
    }
    files.forEach(collect)
    return names
  }

  /// `%h` and `%n` of a `HostName`, as the name itself; nil where another token stands there.
  public static func hostName(_ text: String, of name: String) -> String? {
    percent(text, ["h": name, "n": name])
  }

  /// Whether a block is for this name and not for every name.
  public func names(_ name: String) -> Bool {
    func find(_ items: [Item]) -> Bool {
      items.contains { item in
        switch item {
        case .include(let files): return files.contains(where: find)
        case .line(let line):
          guard line.keyword == "host" else { return false }
          let patterns = line.arguments.filter { !$0.allSatisfy { $0 == "*" } }
          return Self.matches(patterns, [name])
        }
      }
    }
    return files.contains(where: find)
  }

  private func read(
    _ items: [Item], _ query: Query, _ isActive: inout Bool, mayMatch: Bool,
    _ options: inout Options
  ) {
    for item in items {
      switch item {
      case .include(let files):
        for file in files {
          var inner = isActive
          read(file, query, &inner, mayMatch: mayMatch && isActive, &options)
        }
      case .line(let line):
        switch line.keyword {
        case "host": isActive = mayMatch && Self.matches(line.arguments, query.names)
        case "match": isActive = mayMatch && holds(line, query, &options)
        default: if isActive { take(line, &options) }
        }
      }
    }
  }

  /// Whether one pattern holds and none with `!` does.
  private static func matches(_ patterns: [String], _ names: [String]) -> Bool {
    var found = false
    for pattern in patterns {
      let isNegated = pattern.hasPrefix("!")
      let text = isNegated ? pattern.dropFirst() : pattern[...]
      if names.contains(where: { glob(text, $0) }) {
        if isNegated { return false }
        found = true
      }
    }
    return found
  }

  /// `*` and `?`, byte by byte.
  private static func glob(_ pattern: Substring, _ text: String) -> Bool {
    let pattern = Array(pattern.utf8)
    let text = Array(text.utf8)
    var (p, t) = (0, 0)
    var star: (p: Int, t: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, t)
        p += 1
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let last = star {
        star = (last.p, last.t + 1)
        (p, t) = (last.p + 1, last.t + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// Whether all criteria of a `Match` hold.
  private func holds(_ line: Line, _ query: Query, _ options: inout Options) -> Bool {
    // Criteria are separated by blanks or by `=`.
    guard var words = Self.words(line.rest.utf8, endingAtComment: true)?[...], !words.isEmpty else {
      return false
    }
    var result = true
    let host = options.hostName.flatMap { Self.percent($0, ["h": query.names.first ?? ""]) }
    while let word = words.popFirst() {
      let isNegated = word.hasPrefix("!")
      var name = word.dropFirst(isNegated ? 1 : 0)[...]
      var value: String?
      if let sign = name.firstIndex(of: "=") {
        value = String(name[name.index(after: sign)...])
        name = name[..<sign]
      }
      let holds: Bool
      switch name.lowercased() {
      case "all": holds = true
      // The second reading of the files, after canonical names: there is none.
      case "canonical", "final": holds = false
      case "host", "originalhost", "user", "localuser":
        guard let patterns = value ?? words.popFirst() else {
          options.problems.append(Problem(place: line.place, text: "Match \(name) needs a pattern"))
          return false
        }
        let list = patterns.lowercased().split(separator: ",").map(String.init)
        holds =
          switch name.lowercased() {
          case "host":
            Self.matches(list, (host.map { [$0] } ?? query.names).map { $0.lowercased() })
          case "originalhost": Self.matches(list, query.names.map { $0.lowercased() })
          case "user":
            Self.matches(
              patterns.split(separator: ",").map(String.init),
              [query.user ?? options.user ?? query.localUser])
          default:
            Self.matches(patterns.split(separator: ",").map(String.init), [query.localUser])
          }
      case "exec":
        _ = value ?? words.popFirst()
        options.problems.append(
          Problem(place: line.place, text: "Match exec runs no command here and never holds"))
        // Neither does its negation: what the command would say is unknown.
        result = false
        continue
      default:
        _ = value ?? words.popFirst()
        options.problems.append(
          Problem(place: line.place, text: "Match \(name) is not known and never holds"))
        result = false
        continue
      }
      if holds == isNegated { result = false }
    }
    return result
  }

  private func take(_ line: Line, _ options: inout Options) {
    guard let value = line.arguments.first, !value.isEmpty else { return }
    switch line.keyword {
    case "hostname": options.hostName = options.hostName ?? value
    case "port":
      guard let port = Int(value), (1...65_535).contains(port) else {
        options.problems.append(Problem(place: line.place, text: "\"\(value)\" is not a port"))
        return
      }
      options.port = options.port ?? port
    case "user": options.user = options.user ?? value
    case "identityfile":
      if !options.identityFiles.contains(value) { options.identityFiles.append(value) }
    case "identitiesonly":
      if let flag = Self.flag(value) { options.identitiesOnly = options.identitiesOnly ?? flag }
    case "proxyjump":
      // The first of ProxyJump and ProxyCommand excludes the other; `ProxyJump none` excludes another
      // ProxyJump only.
      if options.proxyCommand == nil { options.proxyJump = options.proxyJump ?? value }
    case "proxycommand":
      guard options.proxyJump.map({ $0.lowercased() == "none" }) ?? true,
        options.proxyCommand == nil
      else { return }
      options.proxyCommand = line.rest
      options.proxyCommandPlace = line.place
    case "userknownhostsfile":
      if options.userKnownHostsFiles.isEmpty { options.userKnownHostsFiles = line.arguments }
    case "hostkeyalias": options.hostKeyAlias = options.hostKeyAlias ?? value
    case "connecttimeout":
      if value.lowercased() == "none" { return }
      guard let seconds = Self.seconds(value) else {
        options.problems.append(Problem(place: line.place, text: "\"\(value)\" is not a time"))
        return
      }
      options.connectTimeout = options.connectTimeout ?? seconds
    default: return
    }
  }

  private static func flag(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "yes", "true": true
    case "no", "false": false
    default: nil
    }
  }

  /// A time of sshd_config(5), "TIME FORMATS": `90`, `1m30s`.
  private static func seconds(_ text: String) -> Int? {
    var total = 0
    var number: Int?
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39:
        number = (number ?? 0).multipliedReportingOverflow(by: 10).partialValue + Int(byte - 0x30)
        if number ?? 0 > 1_000_000 { return nil }
      default:
        guard let count = number else { return nil }
        let units: [UInt8: Int] = [
          UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3600,
          UInt8(ascii: "d"): 86_400, UInt8(ascii: "w"): 604_800,
        ]
        guard let unit = units[byte | 0x20] else { return nil }
        total += count * unit
        number = nil
      }
    }
    total += number ?? 0
    return total > 0 && total <= 1_000_000 ? total : nil
  }

  // MARK: Tokens

  /// Replaces `%h` and the like; nil for a token that has no value here.
  static func percent(_ text: String, _ values: [Character: String]) -> String? {
    var result = ""
    var rest = text[...]
    while let character = rest.popFirst() {
      guard character == "%" else {
        result.append(character)
        continue
      }
      guard let token = rest.popFirst() else { return nil }
      if token == "%" {
        result.append("%")
      } else if let value = values[token] {
        result += value
      } else {
        return nil
      }
    }
    return result
  }

  /// Replaces `${NAME}`; nil for a variable that is not set, and for one without its end.
  static func environment(_ text: String, _ value: (String) -> String?) -> String? {
    var result = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "${") {
      result += rest[..<start.lowerBound]
      rest = rest[start.upperBound...]
      guard let end = rest.firstIndex(of: "}"), let known = value(String(rest[..<end])) else {
        return nil
      }
      result += known
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }
}
