public import Metrics

/// What changed between two readings of a host's facts.
public struct FactChanges: Sendable, Equatable {
  public struct Change: Sendable, Equatable {
    public var kind: Facts.Kind
    public var name: String
    /// The value before and after; nil where there was no such entry.
    public var before: String?
    public var after: String?
  }

  /// By area, then by name.
  public private(set) var all: [Change] = []

  /// Areas that are not whole in both are left out: what could not be read did not change. An area that a
  /// host does not have is empty.
  public init(from before: Facts, to after: Facts) {
    for kind in Facts.Kind.allCases {
      let old = before.lists[kind] ?? Facts.List([])
      let new = after.lists[kind] ?? Facts.List([])
      guard old.gap == nil, new.gap == nil else { continue }
      var rest = Dictionary(
        old.entries.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
      var changes: [Change] = []
      for entry in new.entries {
        let value = rest.removeValue(forKey: entry.name)
        if value != entry.value {
          changes.append(Change(kind: kind, name: entry.name, before: value, after: entry.value))
        }
      }
      for (name, value) in rest {
        changes.append(Change(kind: kind, name: name, before: value, after: nil))
      }
      all += changes.sorted { $0.name < $1.name }
    }
  }

  public var isEmpty: Bool { all.isEmpty }

  /// The limit of names in one event.
  public static let named = 8

  /// One event per area and kind of change, with at most `named` names.
  public var events: [Point] {
    Facts.Kind.allCases.flatMap { kind -> [Point] in
      let own = all.filter { $0.kind == kind }
      return [
        event(kind, "new", own.filter { $0.before == nil }),
        event(kind, "gone", own.filter { $0.after == nil }),
        event(kind, "changed", own.filter { $0.before != nil && $0.after != nil }),
      ].compactMap { $0 }
    }
  }

  private func event(_ kind: Facts.Kind, _ word: String, _ changes: [Change]) -> Point? {
    guard !changes.isEmpty else { return nil }
    var event = Point(
      "event", tags: [Tag("source", "facts"), Tag("severity", kind.isNotable ? "minor" : "ok")])
    event.string("subject", kind.rawValue)
    let names = changes.prefix(Self.named).map(\.text).joined(separator: "; ")
    let more = changes.count - Self.named
    event.string(
      "text", "\(kind.noun) \(word): \(names)" + (more > 0 ? "; and \(more) more" : ""))
    return event
  }
}

extension FactChanges.Change {
  /// The change in a line: `openssl 3.0.11-1 → 3.0.15-1`.
  public var text: String {
    switch (before, after) {
    case (let old?, let new?): "\(name) \(shown(old)) → \(shown(new))"
    case (nil, let value?), (let value?, nil): value.isEmpty ? name : "\(name) \(value)"
    case (nil, nil): name
    }
  }

  private func shown(_ value: String) -> String { value.isEmpty ? "–" : value }
}
