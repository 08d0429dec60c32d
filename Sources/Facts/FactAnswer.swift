internal import Metrics
internal import Parsers

/// What a host answered to `FactScript`, taken apart.
extension Facts {
  /// A part of the answer: its words, and its content.
  public struct Part: Sendable {
    public var title: [UInt8]
    public var content: [UInt8]

    public init(title: [UInt8], content: [UInt8]) {
      self.title = title
      self.content = content
    }
  }

  /// Reads the parts.
  ///
  /// - Parameter isWhole: the section came to its end within its limit. Else its last part is not whole, and
  ///   areas behind it are not there.
  public init(parts: [Part], isWhole: Bool) {
    var building = Building()
    for (index, part) in parts.enumerated() {
      let words = part.title.split(separator: 0x20, maxSplits: 2).map {
        String(decoding: $0, as: UTF8.self)
      }
      guard let kind = words.first else { continue }
      if !isWhole, index == parts.count - 1 {
        building.miss(kind, "the answer was cut off")
        break
      }
      if kind == "x" {
        if words.count > 2, let kind = Kind(rawValue: words[1]) {
          building.gaps[kind] = Self.gap(words[2], of: kind)
        }
      } else {
        building.take(kind, words.dropFirst().joined(separator: " "), part.content)
      }
    }
    if !isWhole {
      for kind in Kind.allCases where building.entries[kind] == nil && building.gaps[kind] == nil {
        building.gaps[kind] = "the answer was cut off"
      }
    }
    self.init(building.lists)
  }

  private static func gap(_ word: String, of kind: Kind) -> String {
    let isOfRoot = kind == .sudoers || kind == .crontabs
    switch word {
    case "124", "137", "143": return "not read within \(FactScript.programTime) s"
    case "126": return "no permission; see `become: sudo`"
    // Of sudo, as far as its status says.
    case "1" where isOfRoot: return "no permission; see `become: sudo`"
    case "127": return "the program is missing"
    case "no-lists": return "apt has no lists of packages"
    case "dnf": return "dnf does not tell without writing a cache"
    default: return "the program failed"
    }
  }
}

/// Areas while their parts arrive.
private struct Building {
  var entries: [Facts.Kind: [Facts.Entry]] = [:]
  var gaps: [Facts.Kind: String] = [:]

  var lists: [Facts.Kind: Facts.List] {
    var lists: [Facts.Kind: Facts.List] = [:]
    for kind in Set(entries.keys).union(gaps.keys) {
      lists[kind] = Facts.List(gaps[kind] == nil ? entries[kind] ?? [] : [], gap: gaps[kind])
    }
    return lists
  }

  /// The area of a part; nil for one that has none.
  private static func kind(_ word: String) -> Facts.Kind? {
    switch word {
    case "dpkg", "apk", "rpm": .packages
    case "apt", "apkversion": .updates
    case "passwd": .users
    case "group": .groups
    case "cronfolder", "cronclosed": .cron
    case "cronspool": .crontabs
    default: Facts.Kind(rawValue: word)
    }
  }

  mutating func miss(_ word: String, _ why: String) {
    if let kind = Self.kind(word) { gaps[kind] = why }
  }

  mutating func take(_ word: String, _ file: String, _ content: [UInt8]) {
    guard let kind = Self.kind(word) else { return }
    // Cut by the host: its end may be any text.
    let limit: Int =
      switch word {
      case "dpkg", "apk", "rpm": FactScript.packageLimit
      case "kernel", "cron", "cronfolder": FactScript.fileLimit
      default: FactScript.partLimit
      }
    if content.count >= limit {
      gaps[kind] = "more than \(limit >> 10) KiB"
      return
    }
    do throws(ParseError) {
      entries[kind, default: []] += try read(word, file, content)
      // No host is without them.
      let isBare =
        [.packages, .users, .groups, .sockets, .sudoers].contains(kind)
        && entries[kind]?.isEmpty == true
      if isBare { gaps[kind] = "nothing was shown" }
    } catch { gaps[kind] = "unexpected text: \(error.problem)" }
  }

  private func read(
    _ word: String, _ file: String, _ content: [UInt8]
  ) throws(ParseError) -> [Facts.Entry] {
    let text = content.span
    switch word {
    case "dpkg": return Self.packages(try DpkgQuery.parse(text))
    case "rpm": return Self.packages(try RPMQuery.parse(text))
    case "apk": return Self.packages(try APKInstalled.parse(text))
    case "apt": return Self.updates(try AptUpgrade.parse(text))
    case "apkversion": return Self.updates(try APKVersion.parse(text))
    case "kernel": return Self.kernels(content)
    case "passwd":
      return try Passwd.parse(text).map {
        Facts.Entry($0.name, "uid \($0.user) gid \($0.group) \($0.home) \($0.shell)")
      }
    case "group":
      return try GroupFile.parse(text).map {
        Facts.Entry(
          $0.name,
          "gid \($0.number)" + ($0.members.isEmpty ? "" : ": \($0.members.joined(separator: ","))"))
      }
    case "sockets":
      return try ListeningSockets.parse(text).compactMap {
        // Clients wait for their answers at such a port for a moment.
        $0.carrier == "udp" && $0.port >= 32_768
          ? nil : Facts.Entry("\($0.carrier) \($0.address):\($0.port)", $0.process ?? "")
      }
    case "units": return try EnabledUnits.parse(text).map { Facts.Entry($0.name, $0.how) }
    case "sudoers": return try RuleLines.parse(text).map { Facts.Entry($0, "") }
    case "cron":
      return try RuleLines.parse(text).map { Facts.Entry("\(file): \(Self.hidden($0))", "") }
    case "cronspool":
      return try RuleLines.parse(text).map { line in
        let name = line.hasPrefix("/var/spool/cron/") ? line : "/var/spool/cron/\(line)"
        return Facts.Entry(Self.hidden(name), "")
      }
    case "cronclosed": return [Facts.Entry(file, "not readable")]
    case "cronfolder":
      return content.split(separator: UInt8(ascii: "\n")).filter { $0.first != UInt8(ascii: ".") }
        .map { Facts.Entry("/etc/cron.\(file)/\(String(decoding: $0, as: UTF8.self))", "") }
    default: return []
    }
  }

  private static func packages(_ all: [InstalledPackage]) -> [Facts.Entry] {
    // Several kernels of one name are one entry with all versions.
    var versions: [String: [String]] = [:]
    for package in all { versions[package.name, default: []].append(package.version) }
    return versions.map { Facts.Entry($0.key, $0.value.sorted().joined(separator: ", ")) }
  }

  private static func updates(_ all: [PackageUpdate]) -> [Facts.Entry] {
    all.map {
      Facts.Entry(
        $0.name, "\($0.from ?? "–") → \($0.to)" + ($0.isSecurity == true ? Facts.security : ""))
    }
  }

  /// A line that may hold a secret, by its hash only, so that its change is seen.
  private static func hidden(_ line: String) -> String {
    guard mayBeSecret(line.lowercased()) else { return line }
    let head = head(of: line)
    return
      "\(head.isEmpty ? "" : "\(head) ")… (not shown, it may hold a secret: \(Facts.shortHash(line)))"
  }

  private static func mayBeSecret(_ line: String) -> Bool {
    let words = [
      "pass", "pwd", "secret", "token", "apikey", "api_key", "api-key", "access_key", "credential",
      "bearer",
      "authoriz",
    ]
    // An account in a URL; options of curl and of MySQL's programs.
    return words.contains { line.contains($0) } || line.contains("://") && line.contains("@")
      || line.contains("curl") && (line.contains(" -u") || line.contains(" --user"))
      || (line.contains("mysql") || line.contains("mariadb")) && line.contains(" -p")
  }

  /// The file of an account, and when the line runs or the name of its variable; nothing that can be a secret.
  private static func head(of line: String) -> String {
    var first = line.prefix { $0 != " " && $0 != "\t" }
    var file: Substring = ""
    if first.hasPrefix("/var/spool/cron/"), let colon = first.firstIndex(of: ":") {
      file = first[...colon]
      first = first[first.index(after: colon)...]
    }
    func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte | 0x20) || byte == 0x5f }
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    if let equals = first.firstIndex(of: "=") {
      let name = first[..<equals]
      let isName = name.utf8.allSatisfy { isLetter($0) || isDigit($0) }
      return String(file) + (isName ? name + "=" : "")
    }
    let isTime =
      first.hasPrefix("@")
      ? first.dropFirst().utf8.allSatisfy(isLetter)
      : first.utf8.allSatisfy { isDigit($0) || "*,-/~".utf8.contains($0) }
    return String(file) + (isTime ? first : "")
  }

  /// The running kernel is the first line; the others are files of installed ones.
  private static func kernels(_ content: [UInt8]) -> [Facts.Entry] {
    let lines = content.split(separator: UInt8(ascii: "\n")).map {
      String(decoding: $0, as: UTF8.self)
    }
    guard let running = lines.first, !running.hasPrefix("/") else { return [] }
    var entries = [Facts.Entry(Facts.running, running)]
    let boot = lines.compactMap { line -> String? in
      let head = "/boot/vmlinuz-"
      guard line.hasPrefix(head) else { return nil }
      let version = line.dropFirst(head.count)
      // Alpine's has no version: `vmlinuz-lts`; RHEL has one for rescue.
      return version.utf8.first.map { (0x30...0x39).contains($0) } == true ? String(version) : nil
    }
    let modules = lines.compactMap { line -> String? in
      let (head, tail) = ("/lib/modules/", "/modules.builtin")
      guard line.hasPrefix(head), line.hasSuffix(tail) else { return nil }
      return String(line.dropFirst(head.count).dropLast(tail.count))
    }
    // Modules of kernels that were removed may stay.
    let installed = boot.isEmpty ? modules : boot
    if let newest = installed.max(by: { isOlder($0, $1) }) {
      entries.append(Facts.Entry(Facts.installed, newest))
    }
    return entries
  }

  /// By runs of digits as numbers, and other bytes as such.
  static func isOlder(_ first: String, _ second: String) -> Bool {
    var left = Array(first.utf8)[...]
    var right = Array(second.utf8)[...]
    while let one = left.first, let other = right.first {
      if (0x30...0x39).contains(one), (0x30...0x39).contains(other) {
        let (a, b) = (number(&left), number(&right))
        if a.count != b.count { return a.count < b.count }
        if !a.elementsEqual(b) { return a.lexicographicallyPrecedes(b) }
      } else {
        // As rpm does it: `427.13` is newer than `427.el9`.
        let isDigit = (0x30...0x39).contains(one)
        if isDigit != (0x30...0x39).contains(other) { return !isDigit }
        if one != other { return one < other }
        left.removeFirst()
        right.removeFirst()
      }
    }
    return left.isEmpty && !right.isEmpty
  }

  /// Takes the digits at the begin; without leading zeros.
  private static func number(_ text: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let digits = text.prefix { (0x30...0x39).contains($0) }
    text = text.dropFirst(digits.count)
    return digits.drop { $0 == 0x30 }
  }
}
