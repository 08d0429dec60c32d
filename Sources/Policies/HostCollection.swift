/// What was read of a host for its policies: the parts that `CollectionScript` printed, by item.
///
/// All bytes are the host's. What is missing, cut or not permitted is known as such.
public struct HostCollection: Sendable {
  /// A part as it came: its words without the number of the item, and its content.
  public struct Part: Sendable, Equatable {
    public var title: [UInt8]
    public var content: [UInt8]

    public init(title: [UInt8], content: [UInt8]) {
      self.title = title
      self.content = content
    }
  }

  /// An item with its parts: what the store keeps.
  public struct Record: Sendable, Equatable {
    public var item: Needs.Item
    public var parts: [Part]

    public init(item: Needs.Item, parts: [Part]) {
      self.item = item
      self.parts = parts
    }
  }

  /// Why something is missing of a kept collection: it was not read then, or it may hold secrets.
  public static let notKept = "it was not read then, or is not kept"

  /// Why something is not there.
  public enum Gap: Sendable, Equatable {
    /// The limit of time or size.
    case limit(String)
    /// The session ended before.
    case unread(String)

    var failure: PathFailure {
      switch self {
      case .limit(let text): .limit(text)
      case .unread(let text): .notCollected(text)
      }
    }
  }

  /// The number of the account; nil if it is not known.
  public private(set) var user: Int?
  public private(set) var records: [Record] = []
  /// Why items are missing.
  public private(set) var gap: Gap

  var paths: [[UInt8]: Found] = [:]
  var folders: [[UInt8]: Result<[FolderEntry], PathFailure>] = [:]
  var commands: [[UInt8]: CommandResult] = [:]
  var list: ProcessList?

  /// A file or folder as it was found.
  struct Found: Sendable {
    var kind: Result<PathKind, PathFailure>
    var isReadable = true
    /// The content, or why there is none; nil where none was asked for.
    var content: Result<FileText, PathFailure>?
  }

  /// Takes the parts of a section apart.
  ///
  /// - Parameters:
  ///   - isCut: the section was larger than its limit; its last part is dropped.
  ///   - isWhole: the section came to its end.
  ///   - failure: why the session ended before, if it did.
  public init(
    _ needs: Needs, parts: [Part], isCut: Bool, isWhole: Bool, failure: String? = nil
  ) {
    gap = .unread(failure ?? "the connection ended before its turn")
    // Its end is not known.
    var parts = parts[...]
    if isCut || !isWhole { parts = parts.dropLast() }
    var byItem: [Int: [Part]] = [:]
    let processes = needs.items.firstIndex(of: .processes)
    for part in parts {
      let words = part.title.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
      guard let kind = words.first?.first, words.first?.count == 1 else { continue }
      switch kind {
      case UInt8(ascii: "o"):
        gap = .limit("the time of the collection was over")
      case UInt8(ascii: "u"): user = words.count > 1 ? Int(text(words[1])) : nil
      case UInt8(ascii: "n"), UInt8(ascii: "a"):
        guard let index = processes else { continue }
        byItem[index, default: []].append(Part(title: [kind], content: part.content))
      default:
        guard words.count > 1, let index = Int(text(words[1])), needs.items.indices.contains(index)
        else { continue }
        let rest = words.count > 2 ? [0x20] + words[2] : []
        byItem[index, default: []].append(Part(title: [kind] + rest, content: part.content))
      }
    }
    if isCut {
      gap = .limit("the collection is larger than \(CollectionScript.limit >> 20) MiB")
    } else if isWhole, needs.isCut {
      gap = .limit("more than \(Needs.limit) files and commands")
    } else if !isWhole, failure == nil {
      gap = .unread("the connection ended in the middle of it")
    }
    for (index, parts) in byItem.sorted(by: { $0.key < $1.key }) {
      var parts = parts
      if case .folder(let path, let reads) = needs.items[index] {
        parts = RootFolder.expanded(parts, of: path)
        if reads { parts = Self.wanted(parts, of: path, needs) }
      }
      records.append(Record(item: needs.items[index], parts: parts))
    }
    read()
  }

  /// Without files that no rule names: the host's filter may let more through.
  private static func wanted(
    _ parts: [Part], of folder: [UInt8], _ needs: Needs
  ) -> [Part] {
    var wanted: [Part] = []
    var isDropped = false
    for part in parts {
      // What ends a dropped file goes with it.
      if isDropped, part.title.first == UInt8(ascii: "x") {
        isDropped = false
        continue
      }
      isDropped = false
      if part.title.starts(with: "c f".utf8), !part.content.isEmpty {
        let name = part.title.suffix(from: (part.title.lastIndex(of: UInt8(ascii: "/")) ?? 0) + 1)
        isDropped = !needs.reads(Array(name), in: folder)
      }
      if !isDropped { wanted.append(part) }
    }
    return wanted
  }

  /// A collection that was kept.
  public init(user: Int?, records: [Record]) {
    gap = .unread(Self.notKept)
    self.user = user
    self.records = records
    read()
  }

  private mutating func read() {
    for record in records {
      switch record.item {
      case .path(let path, let reads): paths[path] = found(record.parts, reads: reads)
      case .folder(let path, let reads): readFolder(path, record.parts, reads: reads)
      case .command(let command):
        commands[command] = result(of: record.parts, Lines.words(command))
      case .script(let script):
        commands[Rule.scriptKey(script)] = result(of: record.parts, [Array("sh".utf8)])
      case .processes: list = processes(record.parts)
      }
    }
  }

  // MARK: Files

  private static func kind(_ word: some Collection<UInt8>) -> Found {
    let kind: Result<PathKind, PathFailure> =
      switch word.first {
      case UInt8(ascii: "f"): .success(.regular)
      case UInt8(ascii: "d"): .success(.directory)
      case UInt8(ascii: "o"): .success(.other)
      case UInt8(ascii: "m"): .failure(.missing)
      case UInt8(ascii: "n"): .failure(.notDirectory)
      case UInt8(ascii: "a"): .failure(.denied)
      case UInt8(ascii: "l"): .failure(.loop)
      default: .failure(.other("its kind is unknown"))
      }
    return Found(kind: kind, isReadable: word.dropFirst().first != UInt8(ascii: "a"))
  }

  private func found(_ parts: [Part], reads: Bool) -> Found {
    guard let part = parts.last(where: { $0.title.first == UInt8(ascii: "p") }) else {
      return Found(kind: .failure(gap.failure))
    }
    var found = Self.kind(part.title.dropFirst(2))
    guard case .success(.regular) = found.kind, reads else { return found }
    let status = parts.last { $0.title.first == UInt8(ascii: "x") }?.title.dropFirst(2)
    if status == nil, parts.contains(where: { $0.title.first == UInt8(ascii: "t") }) {
      found.content =
        part.content.count > CollectionScript.fileLimit
        ? content(part.content, [UInt8(ascii: "0")], limit: CollectionScript.fileLimit)
        : content(part.content, Array("124".utf8), limit: 0)
      return found
    }
    found.content = content(
      part.content, status.map(Array.init), limit: CollectionScript.fileLimit)
    return found
  }

  private func content(
    _ bytes: [UInt8], _ status: [UInt8]?, limit: Int
  ) -> Result<FileText, PathFailure> {
    guard let status else { return .failure(gap.failure) }
    // Without timeout(1) a second shell kills the program.
    switch text(status) {
    case "0":
      return .success(
        FileText(bytes: Array(bytes.prefix(limit)), isCut: bytes.count > limit))
    case "124", "137", "143":
      return .failure(.limit("not read within \(CollectionScript.programTime) s"))
    // No rule named it.
    case "n": return .failure(gap.failure)
    // head, or sudo, may not read it.
    default: return .failure(.denied)
    }
  }

  // MARK: Folders

  private mutating func readFolder(_ place: [UInt8], _ parts: [Part], reads: Bool) {
    let root = CollectionScript.rooted(place)
    var known = Found(kind: .failure(gap.failure))
    var entries: [[UInt8]: [FolderEntry]] = [:]
    var denied: Set<[UInt8]> = []
    var failure: PathFailure?
    var isListed = false
    var isWhole = false
    var member: [UInt8]?
    var count = 0
    func path(_ rest: [UInt8]) -> [UInt8] { place + [UInt8(ascii: "/")] + rest }
    for part in parts {
      let words = part.title.dropFirst(2)
      switch part.title.first {
      case UInt8(ascii: "p"): known = Self.kind(words)
      case UInt8(ascii: "k"):
        isListed = true
        let list = Listing(part.content, below: root)
        if let reason = list.failure { failure = reason }
        for line in list.lines {
          let type = words.first == UInt8(ascii: "*") ? line.first : words.first
          guard let rest = list.relative(words.first == UInt8(ascii: "*") ? line.dropFirst() : line)
          else { continue }
          if type == UInt8(ascii: "a") {
            denied.insert(rest)
            // With one list per type it was named before.
            if words.first != UInt8(ascii: "*") { continue }
          }
          count += 1
          guard count <= CollectionScript.entryLimit else {
            failure = .limit("a folder with more than \(CollectionScript.entryLimit) entries")
            break
          }
          let slash = rest.lastIndex(of: UInt8(ascii: "/"))
          let folder = slash.map { Array(rest[..<$0]) } ?? []
          let name = slash.map { Array(rest[($0 + 1)...]) } ?? rest
          let kind: PathKind =
            switch type {
            case UInt8(ascii: "d"), UInt8(ascii: "a"): .directory
            case UInt8(ascii: "f"): .regular
            case UInt8(ascii: "l"): .link
            default: .other
            }
          entries[folder, default: []].append(FolderEntry(name: name, kind: kind))
          // What a link leads to, and what is in a file, follows in a part of its own.
          paths[path(rest)] = Found(
            kind: kind == .link ? .failure(gap.failure) : .success(kind))
        }
      case UInt8(ascii: "c"):
        let pair = words.split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
        guard pair.count == 2, let rest = Listing.relative(pair[1], below: root) else { continue }
        member = path(rest)
        var state = Self.kind(pair[0])
        if reads, case .success(.regular) = state.kind {
          // Its end follows in a part of its own.
          state.content = .failure(gap.failure)
          if !state.isReadable { state.content = .failure(.denied) }
        }
        paths[path(rest)] = state
        pending[path(rest)] = part.content
      case UInt8(ascii: "x"):
        if let last = member {
          if paths[last]?.content != nil, let bytes = pending[last] {
            let read = content(bytes, Array(words), limit: CollectionScript.memberLimit)
            paths[last]?.content = read
          }
          member = nil
        }
        if words.elementsEqual("many".utf8) {
          tooMany.insert(place)
        } else {
          isWhole = true
        }
      default: break
      }
    }
    pending = [:]
    if !isWhole, failure == nil { failure = gap.failure }
    paths[place] = paths[place] ?? known
    switch known.kind {
    case .failure(let reason):
      folders[place] = .failure(reason)
      return
    case .success(.directory) where !known.isReadable:
      folders[place] = .failure(.denied)
      return
    case .success(.directory): break
    case .success:
      folders[place] = .failure(.notDirectory)
      return
    }
    guard isListed else {
      folders[place] = .failure(gap.failure)
      return
    }
    // Folders without entries, those that may not be read, and those below the limit.
    for (folder, all) in entries {
      for entry in all where entry.kind == .directory {
        let rest = folder.isEmpty ? entry.name : folder + [UInt8(ascii: "/")] + entry.name
        let depth = rest.count { $0 == UInt8(ascii: "/") } + 1
        folders[path(rest)] =
          if denied.contains(rest) {
            .failure(.denied)
          } else if depth >= CollectionScript.depth {
            .failure(.limit("more than \(CollectionScript.depth) levels deep"))
          } else {
            entries[rest].map { .success($0) } ?? failure.map { .failure($0) } ?? .success([])
          }
      }
    }
    folders[place] = failure.map { .failure($0) } ?? .success(entries[[]] ?? [])
    roots.append(place)
  }

  /// The folders that were listed, and those of them with more files than are read.
  private var roots: [[UInt8]] = []
  private var tooMany: Set<[UInt8]> = []
  private var pending: [[UInt8]: [UInt8]] = [:]

  /// Why the file of a listed folder was not read; nil if it is in none.
  func gap(at path: [UInt8]) -> PathFailure? {
    guard let root = roots.first(where: { path.starts(with: $0 + [UInt8(ascii: "/")]) }) else {
      return nil
    }
    return tooMany.contains(root)
      ? .limit("more than \(CollectionScript.memberCount) files in \(text(root))") : gap.failure
  }

  // MARK: Processes

  private func processes(_ parts: [Part]) -> ProcessList {
    if parts.contains(where: { $0.title.elementsEqual("x a".utf8) }) {
      return .denied("/proc hides the processes of others (hidepid)")
    }
    guard parts.contains(where: { $0.title.first == UInt8(ascii: "x") }) else {
      return .notCollected(gap.failure.words)
    }
    func lines(_ letter: UInt8) -> [[UInt8]] {
      (parts.first { $0.title == [letter] }?.content ?? []).split(separator: lineFeed)
        .map(Array.init)
    }
    let names = lines(UInt8(ascii: "n"))
    let commands = lines(UInt8(ascii: "a"))
    guard !names.isEmpty else { return .absent }
    return .known(
      names.enumerated().map { index, name in
        ProcessEntry(
          name: name, commandLine: commands.indices.contains(index) ? commands[index] : nil)
      })
  }
}

/// The paths that find(1) printed, one a line. A name may hold a line feed: a path begins with its
/// folder, which no name can.
private struct Listing {
  var lines: [ArraySlice<UInt8>] = []
  var failure: PathFailure?
  private let root: [UInt8]

  init(_ content: [UInt8], below root: [UInt8]) {
    self.root = root
    // Its status is behind a NUL, which no path has.
    guard let end = content.lastIndex(of: 0), content.count < CollectionScript.listLimit else {
      failure = .limit("a folder with more than \(CollectionScript.listLimit >> 10) KiB of names")
      return
    }
    if ["124", "137", "143"].contains(text(content[(end + 1)...])) {
      failure = .limit("not listed within \(CollectionScript.programTime) s")
    }
    var start = content.startIndex
    var next = start
    let body = content[..<end]
    while let stop = body[next...].firstIndex(of: lineFeed) {
      next = stop + 1
      // The name goes on where what follows is no path.
      if next < body.endIndex, !begins(body[next...]) { continue }
      lines.append(body[start..<stop])
      start = next
    }
  }

  /// Whether a path begins here, behind the letter of its type or not.
  private func begins(_ rest: ArraySlice<UInt8>) -> Bool {
    rest.starts(with: root) || rest.dropFirst().starts(with: root)
  }

  func relative(_ path: ArraySlice<UInt8>) -> [UInt8]? { Self.relative(path, below: root) }

  /// The path below the folder; nil if it is not below it.
  static func relative(_ path: ArraySlice<UInt8>, below root: [UInt8]) -> [UInt8]? {
    guard path.starts(with: root) else { return nil }
    let rest = path.dropFirst(root.count).drop { $0 == UInt8(ascii: "/") }
    return rest.isEmpty ? nil : Array(rest)
  }
}

/// One policy's view of a collection: what it may not run is refused.
struct PolicyEvidence: Evidence {
  let collected: HostCollection
  let allowed: AllowedCommands

  func kind(of path: [UInt8]) -> Result<PathKind, PathFailure> {
    let path = Array(path[...].untilNUL)
    if let found = collected.paths[path] { return found.kind }
    // A folder that was listed does not have it.
    if let slash = path.lastIndex(of: UInt8(ascii: "/")),
      case .success? = collected.folders[Array(path[..<slash])]
    {
      return .failure(.missing)
    }
    return .failure(collected.gap(at: path) ?? collected.gap.failure)
  }

  func read(_ path: [UInt8], _ budget: Budget) -> Result<FileText, PathFailure> {
    let path = Array(path[...].untilNUL)
    guard let found = collected.paths[path], let content = found.content else {
      return .failure(collected.gap(at: path) ?? collected.gap.failure)
    }
    if case .success(let text) = content { budget.take(bytes: text.bytes.count) }
    return content
  }

  func list(_ path: [UInt8], _ budget: Budget) -> Result<[FolderEntry], PathFailure> {
    let path = Array(path[...].untilNUL)
    if let entries = collected.folders[path] { return entries }
    // Only whether it can be opened is known.
    switch collected.paths[path] {
    case .some(let found):
      switch found.kind {
      case .success(.directory): return found.isReadable ? .success([]) : .failure(.denied)
      case .success: return .failure(.notDirectory)
      case .failure(let failure): return .failure(failure)
      }
    case nil: return .failure(collected.gap(at: path) ?? collected.gap.failure)
    }
  }

  func run(_ command: [UInt8]) -> CommandResult {
    let script = Rule.scriptKey([])
    if command.starts(with: script) {
      guard allowed.allowsScripts else {
        return .refused(AllowedCommands.scriptRefusal)
      }
    } else if let refusal = allowed.refusal(of: command) {
      return .refused(refusal)
    }
    if let result = collected.commands[command] { return result }
    // Wazuh starts nothing and takes it for a success.
    if Lines.words(command).isEmpty { return .ran(output: [], status: 0) }
    switch collected.gap {
    case .limit(let text): return .refused(text)
    case .unread(let text): return .notCollected(text)
    }
  }

  var processes: ProcessList { collected.list ?? .notCollected(collected.gap.failure.words) }
}

extension Policy {
  /// Evaluates all checks on what was collected.
  ///
  /// - Parameter time: the limit of all checks; what is not decided by then is unknown.
  public func evaluate(
    _ collected: HostCollection, allowed: AllowedCommands, time: Duration = Policy.time
  ) -> PolicyResult {
    evaluate(PolicyEvidence(collected: collected, allowed: allowed), time: time)
  }
}
