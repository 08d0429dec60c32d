/// Reads /etc/passwd, see passwd(5).
public enum Passwd: Parser {
  public struct Account: Sendable, Equatable {
    public var name: String
    public var user: UInt64
    public var group: UInt64
    public var home: String
    public var shell: String
  }

  /// The limit of accounts.
  public static let most = 20_000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [Account] {
    var accounts: [Account] = []
    var lines = Scanner(text)
    var number = 0
    while accounts.count < most, let line = lines.line() {
      number &+= 1
      // Comments, and lines of NIS.
      guard let first = line.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "+"),
        first != UInt8(ascii: "-")
      else { continue }
      var rest = Scanner(line)
      let colon = UInt8(ascii: ":")
      guard let name = rest.upTo(colon), name.count > 0, rest.upTo(colon) != nil,
        let user = rest.upTo(colon)?.unsigned, let group = rest.upTo(colon)?.unsigned,
        rest.upTo(colon) != nil, let home = rest.upTo(colon)
      else { throw ParseError("/etc/passwd", "expected seven fields", line: number, at: line) }
      accounts.append(
        Account(
          name: name.string, user: user, group: group, home: home.string, shell: rest.rest.string))
    }
    return accounts
  }
}

/// Reads /etc/group, see group(5).
public enum GroupFile: Parser {
  public struct Group: Sendable, Equatable {
    public var name: String
    public var number: UInt64
    /// In alphabetical order.
    public var members: [String]
  }

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [Group] {
    var groups: [Group] = []
    var lines = Scanner(text)
    var number = 0
    while groups.count < Passwd.most, let line = lines.line() {
      number &+= 1
      guard let first = line.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "+"),
        first != UInt8(ascii: "-")
      else { continue }
      var rest = Scanner(line)
      let colon = UInt8(ascii: ":")
      guard let name = rest.upTo(colon), name.count > 0, rest.upTo(colon) != nil,
        let id = rest.upTo(colon)?.unsigned
      else { throw ParseError("/etc/group", "expected four fields", line: number, at: line) }
      var members: [String] = []
      var list = Scanner(rest.rest)
      while members.count < 1000, !list.isAtEnd {
        guard let member = list.upTo(UInt8(ascii: ",")) else {
          members.append(list.rest.string)
          break
        }
        if member.count > 0 { members.append(member.string) }
      }
      groups.append(Group(name: name.string, number: id, members: members.sorted()))
    }
    return groups
  }
}

/// Reads lines of sudoers(5) or crontab(5) without comments and empty lines. A line that ends with a
/// backslash goes on in the next one.
public enum RuleLines: Parser {
  /// The limit of lines.
  public static let most = 5000

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [String] {
    var rules: [String] = []
    var open = ""
    var lines = Scanner(text)
    while rules.count < most, let line = lines.line() {
      let bare = line.trimmed
      if open.isEmpty {
        guard let first = bare.first else { continue }
        if first == UInt8(ascii: "#"), !bare.starts(with: "#include") { continue }
      }
      if bare.last == UInt8(ascii: "\\") {
        open += bare.extracting(0..<(bare.count - 1)).trimmed.string + " "
        if open.utf8.count < 1 << 16 { continue }
      }
      let rule = open + (bare.last == UInt8(ascii: "\\") ? "" : bare.string)
      if !rule.isEmpty { rules.append(rule) }
      open = ""
    }
    if !open.isEmpty, rules.count < most { rules.append(open) }
    return rules
  }
}
