internal import Configuration

/// Reads Ansible's INI inventory: `[group]`, `[group:vars]`, `[group:children]`, one host a line.
extension InventoryDraft {
  private enum Section { case hosts, variables, children }

  mutating func read(ini source: Source) {
    var group = "ungrouped"
    var section = Section.hosts
    // Groups that a [x:vars] or [y:children] names before, or without, their own section.
    var awaited: [String: (node: Node, problem: String)] = [:]
    var order: [String] = []
    for number in 1...max(1, source.lineCount) {
      let raw = source.line(number)
      guard let line = String(validating: raw, as: UTF8.self) else {
        findings.add(
          ConfigurationError(
            "bytes that are not UTF-8", at: Mark(source: source, line: number, column: 1),
            hint: "save the file as plain UTF-8 text"))
        return
      }
      let text = Line(line, source, number)
      guard let first = text.characters.first, first != "#", first != ";" else { continue }
      if first == "[", let header = text.header {
        guard header.name.utf8.count <= HostNames.nameLimit,
          findings.attempt({ () throws(ConfigurationError) in
            try checkName(header.name, header.node)
          }) != nil
        else {
          section = .hosts
          group = "ungrouped"
          continue
        }
        group = header.name
        note(group: group, at: header.node.mark)
        switch header.kind {
        case nil, "hosts":
          section = .hosts
          define(group: group, at: header.node.mark)
          awaited[group] = nil
        case "children":
          section = .children
          define(group: group, at: header.node.mark)
          awaited[group] = nil
        case "vars":
          section = .variables
          if groups[group]?.isDefined == false, awaited[group] == nil {
            awaited[group] = (header.node, "[\(group):vars] belongs to a group that is not there")
            order.append(group)
          }
        case let kind?:
          findings.add(
            ConfigurationError(
              "unknown kind of section \"\(kind)\"", at: header.node,
              hint: didYouMean(kind, among: ["hosts", "children", "vars"])
                ?? "a section is [group], [group:children] or [group:vars]"))
        }
        continue
      }
      if first == "[", text.closesLine {
        findings.add(
          ConfigurationError(
            "not a section", at: text.node(0..<text.characters.count),
            hint: "write [group], [group:children] or [group:vars], without spaces"))
        continue
      }
      switch section {
      case .hosts: readHost(text, in: group)
      case .variables: readVariable(text, of: group)
      case .children:
        guard let child = text.word else {
          findings.add(
            ConfigurationError(
              "a line of [\(group):children] is the name of one group", at: text.all))
          continue
        }
        let name = child.text ?? ""
        guard
          findings.attempt({ () throws(ConfigurationError) in try checkName(name, child) }) != nil
        else { continue }
        note(group: name, at: child.mark)
        if groups[name]?.isDefined == false, awaited[name] == nil {
          awaited[name] = (child, "group \"\(name)\" is not there")
          order.append(name)
        }
        if name == "all" {
          findings.add(ConfigurationError("\"all\" cannot be in a group", at: child))
        } else {
          add(child: child, to: group)
        }
      }
    }
    for name in order {
      guard let (node, problem) = awaited[name] else { continue }
      findings.add(
        ConfigurationError(
          problem, at: node,
          hint: didYouMean(name, among: groupOrder.filter { groups[$0]?.isDefined == true })
            ?? "give it a section [\(name)], if only an empty one"))
    }
  }

  private mutating func readHost(_ line: Line, in group: String) {
    guard
      let words = findings.attempt({ () throws(ConfigurationError) in try line.shellWords() }),
      let name = words.first
    else { return }
    var variables: [Node.Pair] = []
    for word in words.dropFirst() {
      guard let pair = line.assignment(word) else {
        findings.add(
          ConfigurationError(
            "expected name=value", at: word,
            hint: "a host's line is its name and then name=value; quote a value with spaces"))
        break
      }
      if let value = findings.attempt({ () throws(ConfigurationError) in
        try Self.literal(pair.value)
      }) {
        variables.append(Node.Pair(key: pair.key, value: value))
      }
    }
    add(hosts: name, to: group, variables: variables)
  }

  private mutating func readVariable(_ line: Line, of group: String) {
    guard let pair = line.assignment(line.all) else {
      findings.add(
        ConfigurationError("expected name=value", at: line.all, hint: "as in: user=monitor"))
      return
    }
    if let value = findings.attempt({ () throws(ConfigurationError) in try Self.literal(pair.value)
    }) {
      set(group: group, pair.key, value)
    }
  }

  /// A value, which Ansible reads as a Python literal: quotes, lists and mappings look like YAML's. All
  /// else is text.
  private static func literal(_ node: Node) throws(ConfigurationError) -> Node {
    guard let text = node.text, let first = text.first, let last = text.last, text.count > 1,
      ["[]", "{}", "''", "\"\""].contains("\(first)\(last)"), !text.hasPrefix("{{"),
      !text.hasPrefix("{%")
    else { return node }
    let source = Source(node.mark.file, text: text)
    guard let parsed = try? YAML.read(source) else { return node }
    return parsed.moved(to: node)
  }
}

extension Node {
  /// The same value with the place of another node.
  fileprivate func moved(to place: Node) -> Node {
    let content: Content =
      switch self.content {
      case .scalar: self.content
      case .sequence(let items): .sequence(items.map { $0.moved(to: place) })
      case .mapping(let pairs):
        .mapping(
          pairs.map { Pair(key: $0.key.moved(to: place), value: $0.value.moved(to: place)) })
      }
    return Node(content, tag: tag, mark: place.mark, end: place.end)
  }
}

/// One line of an INI inventory, trimmed, with its columns.
private struct Line {
  let characters: [Character]
  private let source: Source
  private let number: Int
  private let indent: Int

  init(_ text: String, _ source: Source, _ number: Int) {
    let all = Array(text)
    let begin = all.firstIndex { !$0.isWhitespace } ?? all.count
    let end = all.lastIndex { !$0.isWhitespace }.map { $0 + 1 } ?? begin
    characters = Array(all[begin..<end])
    indent = begin
    self.source = source
    self.number = number
  }

  var all: Node { node(0..<characters.count) }
  var closesLine: Bool { characters.last == "]" }

  func node(_ range: Range<Int>, text: String? = nil, style: Node.Style = .plain) -> Node {
    Node(
      .scalar(text ?? String(characters[range]), style),
      mark: Mark(source: source, line: number, column: indent + range.lowerBound + 1),
      end: Mark(source: source, line: number, column: indent + range.upperBound + 1))
  }

  /// Whether only blanks or a comment follow.
  private func isRest(_ index: Int) -> Bool {
    let rest = characters[index...].drop { $0.isWhitespace }
    return rest.isEmpty || rest.first == "#"
  }

  /// `[name]` or `[name:kind]`, perhaps with a comment behind it.
  var header: (name: String, kind: String?, node: Node)? {
    guard let closing = characters.firstIndex(of: "]"), closing > 1, isRest(closing + 1) else {
      return nil
    }
    let inside = characters[1..<closing]
    guard !inside.contains(where: \.isWhitespace) else { return nil }
    let parts = inside.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, let name = parts.first, !name.isEmpty else { return nil }
    if parts.count == 2 {
      guard !parts[1].isEmpty, parts[1].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
      else { return nil }
    }
    return (
      String(name), parts.count == 2 ? String(parts[1]) : nil, node(1..<closing, text: String(name))
    )
  }

  /// The only word of the line, perhaps with a comment behind it.
  var word: Node? {
    let end = characters.firstIndex { $0.isWhitespace || $0 == "#" } ?? characters.count
    guard end > 0, isRest(end), !characters[..<end].contains(":") else { return nil }
    return node(0..<end)
  }

  /// `name=value`, blanks around the sign allowed.
  func assignment(_ word: Node) -> (key: Node, value: Node)? {
    guard let text = word.text else { return nil }
    let characters = Array(text)
    guard let equals = characters.firstIndex(of: "=") else { return nil }
    func trimmed(_ range: Range<Int>) -> Range<Int> {
      var range = range
      while let first = range.first, characters[first].isWhitespace {
        range = (first + 1)..<range.upperBound
      }
      while let last = range.last, characters[last].isWhitespace {
        range = range.lowerBound..<last
      }
      return range
    }
    let name = trimmed(0..<equals)
    guard !name.isEmpty else { return nil }
    let value = trimmed((equals + 1)..<characters.count)
    func place(_ range: Range<Int>, style: Node.Style) -> Node {
      let text = String(characters[range])
      guard word.isExact else { return Node(.scalar(text, style), mark: word.mark, end: word.end) }
      let column = word.mark.column
      return Node(
        .scalar(text, style),
        mark: Mark(source: source, line: number, column: column + range.lowerBound),
        end: Mark(source: source, line: number, column: column + range.upperBound))
    }
    return (place(name, style: .plain), place(value, style: .plain))
  }

  /// Splits the line as Python's shlex with comments: quotes, backslashes, `#` to the end.
  func shellWords() throws(ConfigurationError) -> [Node] {
    var words: [Node] = []
    var word: String?
    var begin = 0
    var index = 0
    func take(_ end: Int, _ words: inout [Node], _ word: inout String?) {
      if let text = word { words.append(node(begin..<end, text: text)) }
      word = nil
    }
    while index < characters.count {
      let character = characters[index]
      if character.isWhitespace {
        take(index, &words, &word)
        index += 1
        continue
      }
      if character == "#" { break }
      if word == nil {
        word = ""
        begin = index
      }
      switch character {
      case "'", "\"":
        let opening = index
        index += 1
        while index < characters.count, characters[index] != character {
          if character == "\"", characters[index] == "\\", index + 1 < characters.count,
            characters[index + 1] == "\"" || characters[index + 1] == "\\"
          {
            index += 1
          }
          word?.append(characters[index])
          index += 1
        }
        guard index < characters.count else {
          throw ConfigurationError("this quote is not closed", at: node(opening..<opening + 1))
        }
      case "\\":
        index += 1
        guard index < characters.count else {
          throw ConfigurationError("nothing follows the \"\\\"", at: node(index - 1..<index))
        }
        word?.append(characters[index])
      default: word?.append(character)
      }
      index += 1
    }
    take(index, &words, &word)
    return words
  }
}

extension Node {
  /// Whether the text is in the file as it is, without quotes.
  fileprivate var isExact: Bool { text.map { $0.count == end.column - mark.column } ?? false }
}
