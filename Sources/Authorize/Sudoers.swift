/// Lines of sudoers(5) for `become: sudo`: exactly the commands that policies and facts run as root.
public struct Sudoers: Sendable {
  private let commands: [[String]]
  private let users: [String]

  public init(_ commands: [[String]], users: [String]) {
    self.commands = commands.filter(Self.isExact)
    self.users = users
  }

  /// Whether a line of sudoers(5) can permit this command and no other; else it is left out. The words are those of a policy's author: a
  /// line break would begin a line of its own, an argument that is empty would permit any, and sudo 1.9.10 and
  /// later take arguments from `^` to `$` for a regular expression.
  public static func isExact(_ words: [String]) -> Bool {
    let isPlain = words.allSatisfy { word in
      !word.isEmpty && word.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }
    guard isPlain, let first = words.first else { return false }
    let arguments = words.dropFirst()
    let isExpression =
      arguments.first?.hasPrefix("^") == true && arguments.last?.hasSuffix("$") == true
    // `""` alone stands for no argument at all.
    return !first.hasPrefix("^") && !isExpression && Array(arguments) != ["\"\""]
  }

  /// The file for /etc/sudoers.d, with a line break at its end.
  public var text: String {
    var lines: [String] = []
    for words in commands {
      guard let first = words.first else { continue }
      let rest = words.dropFirst().map { " " + Self.escaped($0) }.joined()
      // sudo compares files, and ignores those that a host does not have.
      let places: [String] =
        switch first {
        case _ where first.hasPrefix("/"): [first]
        case "head", "find": ["/usr/bin/\(first)"]
        // Debian 11 may still have a /bin of its own.
        default: ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map { "\($0)/\(first)" }
        }
      // Without arguments in the line any would be allowed.
      for place in places {
        lines.append("  \(Self.escaped(place))\(rest.isEmpty ? " \"\"" : rest)")
      }
    }
    guard !lines.isEmpty else { return "# No command of a policy can be named here.\n" }
    return """
      # /etc/sudoers.d/scrape: what policies read as root, with `become: sudo`. Check it with visudo -cf.
      Cmnd_Alias SCRAPE_POLICIES = \\
      \(lines.joined(separator: ", \\\n"))

      """ + users.map { "\(Self.escaped($0)) ALL = (root) NOPASSWD: SCRAPE_POLICIES\n" }.joined()
  }

  /// What sudoers(5) takes for itself stands behind a backslash; sudo 1.9.5 refuses one before any other.
  private static func escaped(_ word: String) -> String {
    var text = ""
    for character in word {
      if "\\,:=*?[]!# ".contains(character) { text += "\\" }
      text.append(character)
    }
    return text
  }
}
