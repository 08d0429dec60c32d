public import Configuration
internal import Glibc
internal import Metrics

/// The hosts of a pattern of `--limit`, in Ansible's language with ClusterShell's ranges.
///
/// `a,b` and `a:b` are a union, `&x` an intersection, `!x` a difference, `*` and `?` globs, `~regex` an
/// expression, `@FILE` a list of patterns; `web[01-14,17]` are names, `group[0]` and `group[0:2]`
/// members of a group by their index. `web[1:3]` may be either; it is refused where both exist and
/// differ.
extension Inventory {
  /// The matching hosts in the order of the inventory. A part without a match is an error.
  public func select(_ pattern: String) throws(ConfigurationError) -> [Host] {
    // A missing host may be in a file that could not be read.
    guard isWhole else { return remaining(pattern) }
    return try select(pattern, isLenient: false)
  }

  /// The matching hosts, as `select` finds them; all without a pattern.
  public func hosts(matching pattern: String?) throws(ConfigurationError) -> [Host] {
    guard let pattern else { return hosts }
    return try select(pattern)
  }

  /// The matching hosts, for a stored pattern: parts without a match are skipped, since their hosts may
  /// have been removed.
  public func remaining(_ pattern: String) -> [Host] {
    (try? select(pattern, isLenient: true)) ?? []
  }

  private func select(
    _ pattern: String, isLenient: Bool
  ) throws(ConfigurationError) -> [Host] {
    let source = Source("--limit", text: pattern, isFile: false)
    var selection = Selection()
    let place = Place(source: source, line: 1, column: 1, isLenient: isLenient)
    try gather(pattern, place, depth: 0, &selection)
    guard selection.hasTerms else {
      throw ConfigurationError(
        "an empty pattern", file: "--limit", hint: "\"all\" means every host")
    }
    var chosen = selection.regular ?? Set(hosts.indices)
    for set in selection.intersections { chosen.formIntersection(set) }
    for set in selection.exclusions { chosen.subtract(set) }
    guard !chosen.isEmpty else {
      throw ConfigurationError(
        "no host is left", at: Mark(source: source, line: 1, column: 1), length: pattern.count)
    }
    return chosen.sorted().map { hosts[$0] }
  }

  private struct Selection {
    var regular: Set<Int>?
    var intersections: [Set<Int>] = []
    var exclusions: [Set<Int>] = []
    var hasTerms = false
  }

  /// The place of a part of the pattern.
  private struct Place {
    var source: Source
    var line: Int
    var column: Int
    /// Whether parts without a match are skipped.
    var isLenient: Bool

    func error(_ problem: String, _ piece: Substring, hint: String? = nil) -> ConfigurationError {
      ConfigurationError(
        problem, at: Mark(source: source, line: line, column: column), length: piece.count,
        hint: hint)
    }
  }

  private func gather(
    _ text: String, _ start: Place, depth: Int, _ selection: inout Selection
  ) throws(ConfigurationError) {
    for (offset, term) in terms(of: text) {
      var place = start
      place.column += offset
      var name = term
      var sign: Character?
      if let first = name.first, first == "&" || first == "!" {
        sign = first
        name = name.dropFirst()
        place.column += 1
      }
      selection.hasTerms = true
      guard !name.isEmpty else { throw place.error("a name is missing", name) }
      if name.first == "@" {
        try gather(file: name, place, depth, sign, &selection)
        continue
      }
      var found: Set<Int> = []
      do throws(ConfigurationError) { found = try matches(name, place) } catch {
        guard place.isLenient else { throw error }
      }
      switch sign {
      case "&": selection.intersections.append(found)
      case "!": selection.exclusions.append(found)
      default: selection.regular = (selection.regular ?? []).union(found)
      }
    }
  }

  /// `@FILE`: a pattern on each line, `#` begins a comment.
  private func gather(
    file name: Substring, _ place: Place, _ depth: Int, _ sign: Character?,
    _ selection: inout Selection
  ) throws(ConfigurationError) {
    let path = String(name.dropFirst())
    guard depth < 4 else { throw place.error("files that name files without end", name) }
    let source: Source
    do throws(ConfigurationError) { source = try Source.read(path) } catch {
      throw place.error(
        "\(path) \(error.problem)", name,
        hint: group(path) != nil ? "the group is written without \"@\"" : nil)
    }
    var inner = Selection()
    for number in 1...max(1, source.lineCount) {
      let line = String(decoding: source.line(number), as: UTF8.self)
      let text = String(line.prefix { $0 != "#" })
      try gather(
        text, Place(source: source, line: number, column: 1, isLenient: place.isLenient),
        depth: depth + 1, &inner)
    }
    guard inner.hasTerms else { throw place.error("\(path) names no host", name) }
    var found = inner.regular ?? Set(hosts.indices)
    for set in inner.intersections { found.formIntersection(set) }
    for set in inner.exclusions { found.subtract(set) }
    switch sign {
    case "&": selection.intersections.append(found)
    case "!": selection.exclusions.append(found)
    default: selection.regular = (selection.regular ?? []).union(found)
    }
  }

  /// Splits a pattern at commas, and at colons that are neither in brackets nor in an address.
  private func terms(of text: String) -> [(offset: Int, term: Substring)] {
    let characters = Array(text)
    var terms: [(Int, Substring)] = []
    func take(_ begin: Int, _ end: Int) {
      var begin = begin
      var end = end
      while begin < end, characters[begin].isWhitespace { begin += 1 }
      while end > begin, characters[end - 1].isWhitespace { end -= 1 }
      if begin < end { terms.append((begin, Substring(String(characters[begin..<end])))) }
    }
    func parts(_ begin: Int, _ end: Int, at separator: Character, open: String, close: String)
      -> [(Int, Int)]
    {
      var parts: [(Int, Int)] = []
      var depth = 0
      var start = begin
      for index in begin..<end {
        if open.contains(characters[index]) { depth += 1 }
        if close.contains(characters[index]) { depth -= 1 }
        if characters[index] == separator, depth <= 0 {
          parts.append((start, index))
          start = index + 1
        }
      }
      parts.append((start, end))
      return parts
    }
    for (begin, end) in parts(0, characters.count, at: ",", open: "[{(", close: "]})") {
      let piece = String(characters[begin..<end])
      let bare = piece.drop { $0.isWhitespace || $0 == "&" || $0 == "!" }
      let name = String(bare.reversed().drop { $0.isWhitespace }.reversed())
      if bare.first == "~" || bare.first == "@" || isIPv6(unbracketed(name)) || host(name) != nil
        || isFolded(name)
      {
        take(begin, end)
        continue
      }
      for (first, last) in parts(begin, end, at: ":", open: "[", close: "]") { take(first, last) }
    }
    return terms
  }

  /// Whether the text is a folded name of hosts, such as IPv6 addresses that differ in one number.
  private func isFolded(_ text: String) -> Bool {
    guard text.contains("["), let names = NameRanges.expand(text) else { return false }
    return names.allSatisfy { host($0) != nil }
  }

  // MARK: one name

  private func matches(_ name: Substring, _ place: Place) throws(ConfigurationError) -> Set<Int> {
    let text = unbracketed(String(name))
    if text == "all" || text == "*" { return Set(hosts.indices) }
    if text.first == "~" { return try matches(regex: name.dropFirst(), place) }
    if let places = places(of: text) {
      guard !places.isEmpty else { throw place.error("group \"\(text)\" holds no host", name) }
      if let index = self.place(of: text), places != [index] {
        throw place.error(
          "a group and a host are called \"\(text)\"", name,
          hint: "\(text)[0:] means the hosts of the group, \(spelling(of: index)) the host")
      }
      return Set(places)
    }
    if let index = self.place(of: text) { return [index] }
    let isGlob = text.contains { $0 == "*" || $0 == "?" }
    if text.contains("["), let found = try bracketed(text, isGlob: isGlob, name, place) {
      return found
    }
    if isGlob {
      let found = matches(glob: text)
      guard !found.isEmpty else { throw nothing(name, place) }
      return found
    }
    let found = hosts.indices.filter { hosts[$0].address == text }
    guard !found.isEmpty else { throw nothing(name, place) }
    return Set(found)
  }

  /// The hosts of a part with brackets: members of a group by index, or names with numbers. Nil where the
  /// brackets are a glob's.
  private func bracketed(
    _ text: String, isGlob: Bool, _ piece: Substring, _ place: Place
  ) throws(ConfigurationError) -> Set<Int>? {
    let names = NameRanges.expand(text)
    if let (base, first, last) = subscripted(text),
      let members = base == "all" || base == "*" ? Array(hosts.indices) : places(of: base)
    {
      let picked = members.picked(first, last)
      let named = names.flatMap { names in
        let found = names.compactMap { self.place(of: $0) }
        return found.count == names.count ? Set(found) : nil
      }
      switch (picked, named) {
      case (let picked?, let named?) where picked != named:
        throw place.error(
          "\"\(text)\" may mean members of the group \(base), counted from 0, or hosts of these names",
          piece, hint: "\(spelling(of: picked)) means the former, \(spelling(of: named)) the latter"
        )
      case (let picked?, _): return picked
      case (nil, let named?): return named
      case (nil, nil):
        throw place.error("\(base) has \(members.count) hosts, counted from 0", piece)
      }
    }
    if isGlob, !text.contains(where: { $0 == ":" || $0 == "," || $0 == "-" }) { return nil }
    guard let names else {
      if isGlob { return nil }
      throw place.error(
        "\"\(text)\" is not a range", piece,
        hint: "write web[01-14,17] for names, group[0:2] for members of a group")
    }
    return try matches(names: names, isGlob: isGlob, text, piece, place)
  }

  private func spelling(of places: Set<Int>) -> String {
    fold(places.sorted().map { hosts[$0].name })
  }

  /// The pattern of a host whose name is also a group's.
  private func spelling(of host: Int) -> String {
    let (name, address) = (hosts[host].name, hosts[host].address)
    guard address == name, let last = name.last else { return address }
    return "\(name.dropLast())[\(last)]"
  }

  private func matches(
    names: [String], isGlob: Bool, _ text: String, _ piece: Substring, _ place: Place
  ) throws(ConfigurationError) -> Set<Int> {
    var found: Set<Int> = []
    for name in names {
      if isGlob {
        found.formUnion(matches(glob: name))
      } else if let index = self.place(of: name) {
        found.insert(index)
      } else if let places = places(of: name) {
        found.formUnion(places)
      } else if !place.isLenient {
        throw place.error(
          "no host is called \"\(name)\"", piece, hint: index(text) ?? near(name))
      }
    }
    guard !found.isEmpty else { throw nothing(piece, place) }
    return found
  }

  private func matches(glob: String) -> Set<Int> {
    var found: Set<Int> = []
    let glob = Glob(glob)
    for group in groups where glob.matches(group.name) {
      found.formUnion(places(of: group.name) ?? [])
    }
    for (index, host) in hosts.enumerated() where glob.matches(host.name) {
      found.insert(index)
    }
    return found
  }

  /// As Ansible's, the expression must match from the name's beginning; the language is POSIX
  /// extended (regex(7)) with `\d`.
  private func matches(regex: Substring, _ place: Place) throws(ConfigurationError) -> Set<Int> {
    var compiled = regex_t()
    let posix = "^(\(regex.replacing("\\d", with: "[0-9]")))"
    let code = regcomp(&compiled, posix, REG_EXTENDED | REG_NOSUB)
    guard code == 0 else {
      var message = [CChar](repeating: 0, count: 200)
      regerror(code, &compiled, &message, message.count)
      let words = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw place.error(
        "not a regular expression: \(String(decoding: words, as: UTF8.self))", regex)
    }
    defer { regfree(&compiled) }
    var found: Set<Int> = []
    for group in groups where regexec(&compiled, group.name, 0, nil, 0) == 0 {
      found.formUnion(places(of: group.name) ?? [])
    }
    for (index, host) in hosts.enumerated() where regexec(&compiled, host.name, 0, nil, 0) == 0 {
      found.insert(index)
    }
    guard !found.isEmpty else { throw nothing(regex, place) }
    return found
  }

  private func nothing(_ name: Substring, _ place: Place) -> ConfigurationError {
    place.error("no host or group is called \"\(name)\"", name, hint: near(String(name)))
  }

  private func near(_ name: String) -> String? {
    didYouMean(name, among: groups.map(\.name) + hosts.map(\.name))
  }

  /// A hint for `group[0-2]`, where no host has such a name: members of a group take a colon.
  private func index(_ text: String) -> String? {
    let (base, range) = (text.prefix { $0 != "[" }, text.drop { $0 != "[" })
    guard let group = group(String(base)), range.contains("-"), !range.contains(",") else {
      return nil
    }
    return "members of the group by their index are written \(group.name)"
      + range.replacing("-", with: ":")
  }

  /// `base[0]`, `base[-1]`, `base[1:3]`, `base[2:]`.
  private func subscripted(_ text: String) -> (base: String, first: Int, last: Int??)? {
    guard text.last == "]", let opening = text.lastIndex(of: "["), opening > text.startIndex else {
      return nil
    }
    let base = String(text[..<opening])
    let inside = text[text.index(after: opening)...].dropLast()
    if let index = Int(inside), inside.first != "+" { return (base, index, .none) }
    let bounds = inside.split(
      separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard bounds.count == 2, let first = bounds[0].isEmpty ? 0 : Int(bounds[0]), first >= 0 else {
      return nil
    }
    if bounds[1].isEmpty { return (base, first, .some(nil)) }
    guard let last = Int(bounds[1]), last >= 0 else { return nil }
    return (base, first, .some(last))
  }
}

extension [Int] {
  /// The members of a group at an index, or from one index to another, both included; nil if there are
  /// none.
  fileprivate func picked(_ first: Int, _ last: Int??) -> Set<Int>? {
    let start = first < 0 ? count &+ first : first
    let stop: Int =
      switch last {
      case .none: start
      case .some(nil): count - 1
      case .some(let end?): Swift.min(end, count - 1)
      }
    guard start >= 0, start < count, stop >= start else { return nil }
    return Set(self[start...stop])
  }
}

/// Names with ranges in either spelling: Ansible's `[01:10:2]`, ClusterShell's `[01-14,17]`.
enum NameRanges {
  static func expand(_ text: String) -> [String]? {
    var results = [""]
    var rest = Substring(text)
    while let opening = rest.firstIndex(of: "[") {
      let begin = rest.index(after: opening)
      guard let closing = rest[begin...].firstIndex(of: "]"),
        let values = values(rest[begin..<closing]),
        results.count * values.count <= HostNames.limit
      else { return nil }
      let head = rest[..<opening]
      results = results.flatMap { result in values.map { result + head + $0 } }
      rest = rest[rest.index(after: closing)...]
    }
    return rest.contains("]") ? nil : results.map { $0 + rest }
  }

  private static func values(_ text: Substring) -> [String]? {
    var all: [String] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      // `0-6/2` is ClusterShell's step.
      let slash = part.split(separator: "/", omittingEmptySubsequences: false)
      let bounds = slash[0].split(
        omittingEmptySubsequences: false, whereSeparator: { $0 == "-" || $0 == ":" })
      guard slash.count <= 2, bounds.count <= 3, let first = bounds.first, !first.isEmpty else {
        return nil
      }
      let stepText = slash.count == 2 ? slash[1] : bounds.count == 3 ? bounds[2] : "1"
      guard let step = Int(stepText), step >= 1 else { return nil }
      if bounds.count == 1 {
        guard first.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) })
        else { return nil }
        all.append(String(first))
        continue
      }
      if let from = letter(first), let to = letter(bounds[1]), from <= to {
        for value in stride(from: Int(from), through: Int(to), by: step) {
          guard let byte = UInt8(exactly: value) else { return nil }
          all.append(String(UnicodeScalar(byte)))
        }
        continue
      }
      guard first.utf8.count <= 18, let from = Int(first), let to = Int(bounds[1]), from >= 0,
        from <= to, (to - from) / step < HostNames.limit
      else { return nil }
      let width = first.hasPrefix("0") ? first.utf8.count : 0
      for value in stride(from: from, through: to, by: step) {
        let digits = String(value)
        all.append(String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits)
      }
      guard all.count <= HostNames.limit else { return nil }
    }
    return all
  }

  private static func letter(_ text: Substring) -> UInt8? {
    guard text.utf8.count == 1, let byte = text.utf8.first, (0x61...0x7a).contains(byte) else {
      return nil
    }
    return byte
  }
}
