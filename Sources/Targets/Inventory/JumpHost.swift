internal import Configuration

/// The text of a jump host: ours (`via: jp1`), and in the arguments that Ansible passes to ssh(1).
enum JumpHost {
  /// Checks `[user@]host[:port]`, several as a list or separated by commas, and returns them
  /// separated by commas; nil for `none`.
  static func checked(_ node: Node, _ what: String) throws(ConfigurationError) -> String? {
    guard let items = node.items else {
      let text = try node.string(what)
      try check(text, node, what)
      return text.lowercased() == "none" ? nil : text
    }
    var hops: [String] = []
    for item in items {
      let text = try item.string(what)
      try check(text, item, what)
      hops.append(text)
    }
    return hops.isEmpty ? nil : hops.joined(separator: ",")
  }

  private static func check(_ text: String, _ node: Node, _ what: String) throws(ConfigurationError)
  {
    for hop in text.split(separator: ",", omittingEmptySubsequences: false) {
      let host = hop.lastIndex(of: "@").map { hop[hop.index(after: $0)...] } ?? hop
      // A command with the text would take a leading dash as an option.
      guard !host.isEmpty, !hop.hasPrefix("-"), text.utf8.count <= 1024,
        hop.unicodeScalars.allSatisfy({
          $0.value > 0x20 && $0.value != 0x7f && !"\"'`$;|&<>(){}\\".unicodeScalars.contains($0)
        })
      else {
        throw ConfigurationError(
          "\(what) is not a jump host", at: node, hint: "write a host's name or user@host:port")
      }
    }
  }

  /// The jump host in arguments of ssh: `-J x`, `-o ProxyJump=x`; nil where there is none.
  static func fromArguments(
    _ node: Node, _ what: String, _ warnings: inout [ConfigurationError]
  ) throws(ConfigurationError) -> String? {
    var words = split(try node.string(what))[...]
    var jump: String?
    while let word = words.popFirst() {
      if word == "-J" {
        jump = jump ?? words.popFirst()
      } else if word.hasPrefix("-J") {
        jump = jump ?? String(word.dropFirst(2))
      } else if word == "-o" || word.hasPrefix("-o") {
        let option = word == "-o" ? words.popFirst() ?? "" : String(word.dropFirst(2))
        let (name, value) = pair(option)
        switch name {
        case "proxyjump": jump = jump ?? value
        case "proxycommand":
          if value.lowercased() == "none" { continue }
          throw ConfigurationError(
            "ProxyCommand would run a program, which scrape does not", at: node,
            hint: "write \"via: \(bastion(value))\" beside it, or -J in its place")
        case "stricthostkeychecking" where ["no", "off", "accept-new"].contains(value.lowercased()):
          warnings.append(
            ConfigurationError(
              "StrictHostKeyChecking=\(value) is not followed: host keys are always checked",
              at: node, hint: "scrape trust learns them"))
        default: continue
        }
      }
    }
    guard let jump, jump.lowercased() != "none" else { return nil }
    try check(jump, node, what)
    return jump
  }

  /// `Name=value` or `Name value`, the name in lower case.
  private static func pair(_ option: String) -> (String, String) {
    let name = option.prefix { $0 != "=" && $0 != " " }
    let value = option.dropFirst(name.count).drop { $0 == "=" || $0 == " " }
    return (name.lowercased(), String(value))
  }

  /// HOST of `ssh -W %h:%p … HOST`, for the hint.
  private static func bastion(_ command: String) -> String {
    let words = split(command).filter { !$0.hasPrefix("-") && !$0.contains("%") && $0 != "ssh" }
    return words.last { $0.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value < 0x7f } }
      ?? "user@jumphost"
  }

  /// Splits a text at blanks, except in quotes.
  private static func split(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var isOpen = false
    var quote: Character?
    for character in text {
      if let open = quote {
        if character == open { quote = nil } else { word.append(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        isOpen = true
      } else if character.isWhitespace {
        if isOpen { words.append(word) }
        word = ""
        isOpen = false
      } else {
        word.append(character)
        isOpen = true
      }
    }
    if isOpen { words.append(word) }
    return words
  }
}
