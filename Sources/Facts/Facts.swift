public import Metrics

/// What is known of a host besides its measurements: packages, accounts, services, as lists of names with
/// values. All texts are the host's.
public struct Facts: Sendable, Equatable {
  /// One area.
  public enum Kind: String, Sendable, CaseIterable {
    case packages, updates, kernel, sockets, users, groups, sudoers, units, cron, crontabs

    /// The area as a heading.
    public var title: String {
      switch self {
      case .packages: "packages"
      case .updates: "pending updates"
      case .kernel: "kernel"
      case .sockets: "listening sockets"
      case .users: "users"
      case .groups: "groups"
      case .sudoers: "rules of sudo"
      case .units: "enabled units"
      case .cron: "cron entries of the system"
      case .crontabs: "crontabs of accounts"
      }
    }

    /// What one entry is called.
    var noun: String {
      switch self {
      case .packages: "package"
      case .updates: "pending update"
      case .kernel: "kernel"
      case .sockets: "listening socket"
      case .users: "user"
      case .groups: "group"
      case .sudoers: "rule of sudo"
      case .units: "enabled unit"
      case .cron: "cron entry"
      case .crontabs: "line of a crontab"
      }
    }

    /// Whether a change of it is worth a look by a person.
    var isNotable: Bool {
      switch self {
      case .sockets, .users, .sudoers, .cron, .crontabs: true
      default: false
      }
    }
  }

  /// The content of one area.
  public struct List: Sendable, Equatable {
    /// Sorted by name; the names are unique.
    public internal(set) var entries: [Entry] = []
    /// What is missing, as a sentence fragment; nil where it is whole.
    public internal(set) var gap: String?

    public init(_ entries: [Entry], gap: String? = nil) {
      var known: Set<String> = []
      self.entries = entries.sorted { ($0.name, $0.value) < ($1.name, $1.value) }
        .filter { known.insert($0.name).inserted }
      self.gap = gap
    }
  }

  public struct Entry: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = Facts.bounded(name)
      self.value = Facts.bounded(value)
    }
  }

  /// The areas that the host has; one that could not be read has a gap and no entry.
  public internal(set) var lists: [Kind: List] = [:]

  public init() {}

  public init(_ lists: [Kind: List]) { self.lists = lists }

  /// The limit of a name or value in bytes. What is cut ends with a hash of all of it: a change behind the cut
  /// is one, too.
  static let textLimit = 200

  static func bounded(_ text: String) -> String {
    guard text.utf8.count > textLimit || text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
    else { return text }
    let end = text.utf8.count > textLimit ? "… (\(shortHash(text)))" : ""
    var bounded = String.UnicodeScalarView()
    var bytes = end.utf8.count
    for scalar in text.unicodeScalars.prefix(textLimit + 1) {
      let isControl = scalar.value < 0x20 || scalar.value == 0x7f
      let scalar: UnicodeScalar = isControl ? " " : scalar
      bytes += UTF8.width(scalar)
      guard bytes <= textLimit else { break }
      bounded.append(scalar)
    }
    return String(bounded) + end
  }

  /// Four digits: enough to see that a text changed, too few to find a secret in it by trying.
  static func shortHash(_ text: String) -> String {
    let digits = String(text.utf8.fnv1a & 0xffff, radix: 16)
    return String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }

  /// The number of entries of an area; nil where it is not known.
  public func count(_ kind: Kind) -> Int? {
    lists[kind].flatMap { $0.entries.isEmpty && $0.gap != nil ? nil : $0.entries.count }
  }

  /// The number of pending updates that an archive of security updates has; nil where it is not known.
  public var securityUpdates: Int? {
    guard let list = lists[.updates], list.gap == nil else { return nil }
    return list.entries.count { $0.value.hasSuffix(Self.security) }
  }

  static let security = " (security)"
  static let running = "running"
  static let installed = "newest installed"

  /// Whether a newer kernel is installed than the one that runs; nil where it is not known.
  public var hasOldKernel: Bool? {
    guard let entries = lists[.kernel]?.entries,
      let running = entries.first(where: { $0.name == Self.running })?.value,
      let newest = entries.first(where: { $0.name == Self.installed })?.value
    else { return nil }
    return running != newest
  }

  /// Takes areas that could not be read now from an earlier reading.
  public mutating func fill(from earlier: Facts) {
    for (kind, list) in lists where list.gap != nil {
      if let old = earlier.lists[kind], old.gap == nil { lists[kind] = old }
    }
  }

  // MARK: Measurements

  public static let measurement = Measurement(
    "facts", "Counts of the facts of a host, each time they are read.",
    source: "package managers, `/etc/passwd`, `/etc/group`, sudoers, `ss`, units, cron",
    isOurs: true,
    fields: [
      .integer(
        "packages", "users", "groups", "units", "cron", "crontabs", "sudoers",
        means: "Entries of that area"),
      .integer("sockets", means: "Sockets that wait for connections or datagrams"),
      .integer(
        "updates", means: "Updates that the package manager knows of, without asking its archives"),
      .integer("security_updates", means: "Those of them from an archive of security updates"),
      .integer("old_kernel", means: "1 if a newer kernel is installed than the one that runs"),
    ])

  /// The counts; nil where nothing is known.
  public var point: Point? {
    var point = Point("facts")
    for kind in Kind.allCases where kind != .kernel {
      point.integer(kind.rawValue, count(kind).map { Int64($0) })
    }
    point.integer("security_updates", securityUpdates.map { Int64($0) })
    let old: Int64? = hasOldKernel.map { $0 ? 1 : 0 }
    point.integer("old_kernel", old)
    return point.fields.isEmpty ? nil : point
  }

  // MARK: The store

  /// One item per area, so that equal ones of several hosts are kept once.
  public var items: [[UInt8]] {
    Kind.allCases.compactMap { kind in
      guard let list = lists[kind] else { return nil }
      var text = "f\(kind.rawValue)\n\(list.gap.map { Self.bounded($0) } ?? "")\n"
      for entry in list.entries { text += "\(entry.name)\t\(entry.value)\n" }
      return Array(text.utf8)
    }
  }

  /// Reads such items; what is damaged is left out.
  public init(items: [[UInt8]]) {
    for item in items where item.first == UInt8(ascii: "f") {
      var lines = item.dropFirst().split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
      guard let word = lines.popFirst(), let gap = lines.popFirst(),
        let kind = Kind(rawValue: String(decoding: word, as: UTF8.self))
      else { continue }
      let entries = lines.compactMap { line -> Entry? in
        guard let tab = line.firstIndex(of: UInt8(ascii: "\t")) else { return nil }
        return Entry(
          String(decoding: line[..<tab], as: UTF8.self),
          String(decoding: line[(tab + 1)...], as: UTF8.self))
      }
      lists[kind] = List(entries, gap: gap.isEmpty ? nil : String(decoding: gap, as: UTF8.self))
    }
  }
}
