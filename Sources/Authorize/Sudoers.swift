/// Lines of sudoers(5) for `become: sudo`: exactly the commands that policies and facts run as root.
public struct Sudoers: Sendable {
  private let commands: [[String]]
  private let users: [String]

  public init(_ commands: [[String]], users: [String]) {
    self.commands = commands
    self.users = users
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
