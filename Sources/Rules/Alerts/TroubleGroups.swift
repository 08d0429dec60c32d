internal import Metrics

/// Groups the same trouble on many hosts, for `run`, `status` and alerts.
///
/// Members with an equal kind share a group, in the order of the first of each. The effects of a cause
/// count for the group of the cause.
public struct TroubleGroups<Kind: Hashable & Sendable, Member: Sendable>: Sendable {
  /// The members of one kind.
  public struct Group: Sendable {
    public let kind: Kind
    public internal(set) var members: [Member] = []
    /// The effects: hosts that are unreachable, and the number of services that cannot be checked.
    public internal(set) var hiddenHosts: Set<String> = []
    public internal(set) var hiddenServices = 0

    /// The number of members and effects.
    public var weight: Int { members.count + hiddenHosts.count + hiddenServices }

    /// The effects in words: `affects 2 hosts, 3 services: web[1-2]`; nil without any.
    public func effects(names: ([String]) -> String) -> String? {
      TroubleEffects.words(hiddenHosts, services: hiddenServices, names: names)
    }
  }

  private var order: [Kind] = []
  private var byKind: [Kind: Group] = [:]
  private var kinds: [Alert.Key: Kind] = [:]
  private var effects: [(cause: Alert.Key, host: String?, services: Int)] = []

  public init() {}

  /// Adds a member; `key` is that of its check, to which effects may refer.
  public mutating func add(_ member: Member, to kind: Kind, as key: Alert.Key? = nil) {
    if byKind[kind] == nil { order.append(kind) }
    byKind[kind, default: Group(kind: kind)].members.append(member)
    if let key { kinds[key] = kind }
  }

  /// Counts a check as an effect: as a host if it is the session of another host, else as a service.
  ///
  /// A comparison of services is none: its message has them.
  public mutating func hide(_ effect: Alert.Key, behind cause: Alert.Key) {
    if CheckName(cause.check).paths != nil { return }
    if effect.check == CheckName.ssh.text, effect.host != cause.host {
      hide(host: effect.host, behind: cause)
    } else {
      hide(services: 1, behind: cause)
    }
  }

  public mutating func hide(host: String, behind cause: Alert.Key) {
    effects.append((cause, host, 0))
  }

  public mutating func hide(services: Int, behind cause: Alert.Key) {
    effects.append((cause, nil, services))
  }

  /// The groups with their effects. Effects of a cause that is no member are left out.
  public var groups: [Group] {
    var all = byKind
    for effect in effects {
      guard let kind = kinds[effect.cause] else { continue }
      if let host = effect.host { all[kind]?.hiddenHosts.insert(host) }
      all[kind]?.hiddenServices += effect.services
    }
    return order.compactMap { all[$0] }
  }
}

/// The words for the effects of a cause.
public enum TroubleEffects {
  /// `affects 2 hosts, 3 services: web[1-2]`; nil without any.
  public static func words(
    _ hosts: Set<String>, services: Int, names: ([String]) -> String
  ) -> String? {
    let counts = [
      hosts.isEmpty ? nil : Format.count(hosts.count, "host"),
      services == 0 ? nil : Format.count(services, "service"),
    ].compactMap { $0 }
    guard !counts.isEmpty else { return nil }
    let list = hosts.isEmpty ? "" : ": \(names(hosts.sorted()))"
    return "affects \(counts.joined(separator: ", "))\(list)"
  }
}

/// The message that hosts share, or that of the first as an example: `for example web1: …`.
public func commonMessage(_ messages: [(host: String, message: String)]) -> String {
  guard let first = messages.first else { return "" }
  return messages.allSatisfy { $0.message == first.message }
    ? first.message : "for example \(first.host): \(first.message)"
}
