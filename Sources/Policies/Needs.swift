/// What policies must know of a host: files, folders, commands and processes, each once.
public struct Needs: Sendable {
  /// One thing to read.
  public enum Item: Sendable, Hashable {
    /// The kind of a file or folder; its content where `reads`.
    case path([UInt8], reads: Bool)
    /// All that is in a folder; the content of its files where `reads`.
    case folder([UInt8], reads: Bool)
    /// The output of a command, by its text in the rule.
    case command([UInt8])
    /// The output of a script of `sh:`.
    case script([UInt8])
    case processes
  }

  /// The limit of items of one host.
  public static let limit = 5000

  /// Files and processes first, commands next, folders last: what may be large costs only itself.
  public private(set) var items: [Item] = []
  /// Whether there were more than the limit.
  public private(set) var isCut = false
  /// The files that are read of each folder of `reads`.
  private(set) var filters: [[UInt8]: NameFilter] = [:]
  /// The names that rules read in a folder.
  private var names: [[UInt8]: [Rule.NameTest]] = [:]

  /// Whether a rule reads files of such a name in the folder.
  func reads(_ name: [UInt8], in folder: [UInt8]) -> Bool {
    (names[folder] ?? []).contains { test in
      // What takes too long to decide stays: the rule is unknown by it.
      do throws(TooComplex) { return try test.accepts(name) } catch { return true }
    }
  }

  /// - Parameter policies: each with the commands that the operator allows it.
  public init(_ policies: [(policy: Policy, allowed: AllowedCommands)]) {
    var paths = Paths()
    var folders = Paths()
    var commands: [Item] = []
    var known: Set<Item> = []
    var needsProcesses = false
    for (policy, allowed) in policies {
      let checks = (policy.requirements.map { [$0] } ?? []) + policy.checks
      for rule in checks.flatMap(\.rules) {
        guard case .success(let rule) = rule.compiled else { continue }
        switch rule.kind {
        case .registry: break
        case .process: needsProcesses = true
        case .file:
          for path in rule.members { paths.add(path, reads: rule.pattern != nil) }
        case .folder:
          for path in rule.members {
            if rule.name == nil {
              paths.add(path, reads: false)
            } else {
              folders.add(path, reads: rule.pattern != nil)
              guard rule.pattern != nil, let name = rule.name, let text = rule.nameText else {
                continue
              }
              filters[path, default: NameFilter()].add(name, text)
              names[path, default: []].append(name)
            }
          }
        case .command, .script:
          // Without a pattern Wazuh 4 does not run it.
          guard rule.pattern != nil || rule.dialect == .five, allowed.refusal(of: rule) == nil,
            !Lines.words(rule.place).isEmpty
          else { continue }
          let item = rule.kind == .script ? Item.script(rule.place) : .command(rule.place)
          if known.insert(item).inserted { commands.append(item) }
        }
      }
    }
    items =
      paths.items.map { .path($0.path, reads: $0.reads) }
      + (needsProcesses ? [.processes] : []) + commands
      + folders.items.map { .folder($0.path, reads: $0.reads) }
    if items.count > Self.limit {
      isCut = true
      items = Array(items.prefix(Self.limit))
    }
  }

  /// Paths in the order in which they were first met.
  private struct Paths {
    private var places: [[UInt8]: Int] = [:]
    private(set) var items: [(path: [UInt8], reads: Bool)] = []

    mutating func add(_ path: [UInt8], reads: Bool) {
      if let place = places[path] {
        if reads { items[place].reads = true }
      } else {
        places[path] = items.count
        items.append((path, reads))
      }
    }
  }
}

extension Rule {
  /// The paths that the rule names: Wazuh 4 has lists.
  var members: [[UInt8]] {
    switch dialect {
    case .four: place.split(separator: UInt8(ascii: ",")).map(Array.init)
    case .five: [place]
    }
  }

  var isCommand: Bool { kind == .command || kind == .script }

  /// What `Evidence.run` is asked for a script of `sh:`; no command has this text.
  static func scriptKey(_ text: [UInt8]) -> [UInt8] { Array("\0sh:".utf8) + text }
}

extension AllowedCommands {
  /// Why the command of a rule must not run; nil if it may.
  func refusal(of rule: Rule) -> String? {
    guard rule.kind == .script else { return refusal(of: rule.place) }
    return allowsScripts ? nil : Self.scriptRefusal
  }

  static let scriptRefusal = "sh: can run anything; allow it with `allow: [sh]` of the policy"
}
