public import Configuration
internal import Inventory
internal import Metrics
public import Policies

/// The policies of scrape.yml and of the inventory by their settings, and which host has which.
public struct PolicyList: Sendable {
  public private(set) var settings: [PolicySettings] = []
  private var byHost: [String: [Int]] = [:]

  public init() {}

  /// Reads the section `policies`, and the variable of that name of all hosts.
  init(
    _ node: Node?, _ inventory: Inventory, from folder: String, _ findings: inout Findings
  ) {
    settings = PolicySettings.all(node, inventory, from: folder, &findings)
    let known = settings.map(\.name)
    var places: [String: Int] = [:]
    for (place, name) in known.enumerated() { places[name] = place }
    var named: [Int: Set<String>] = [:]
    for host in inventory.hosts {
      for word in host.policies {
        var place = places[word]
        if place == nil, word.contains("/") || word.hasSuffix(".yml") {
          let file = PolicySettings(file: word, from: folder)
          place = places[file.name] ?? settings.count
          if place == settings.count { settings.append(file) }
          places[word] = place
          places[file.name] = place
        }
        if let place {
          if place >= 0 { named[place, default: []].insert(host.name) }
          continue
        }
        findings.add(
          ConfigurationError(
            "scrape.yml has no policy \"\(word)\"",
            at: host[variable: "policies"]
              ?? Node(.scalar(word, .plain), mark: host.mark, end: host.mark),
            hint: didYouMean(word, among: known) ?? "add it to `policies:`, or name a file"))
        // Once is enough.
        places[word] = -1
      }
    }
    for (place, policy) in settings.enumerated() {
      for host in inventory.hosts {
        let isNamed = named[place]?.contains(host.name) == true
        let isForAll = policy.hosts == nil && named[place] == nil
        guard isForAll || isNamed || policy.hosts?.contains(host.name) == true else { continue }
        byHost[host.name, default: []].append(place)
      }
    }
  }

  public var isEmpty: Bool { byHost.isEmpty }

  /// The policies of a host.
  public func of(_ host: String) -> [PolicySettings] { (byHost[host] ?? []).map { settings[$0] } }

  /// The names of the policies that some host has, in the order of scrape.yml.
  public var used: [PolicySettings] {
    let places = byHost.values.reduce(into: Set<Int>()) { $0.formUnion($1) }
    return settings.enumerated().filter { places.contains($0.offset) }.map(\.element)
  }
}

/// Policies, read from their files.
public struct PolicyBook: Sendable {
  /// A policy with its settings.
  public struct Entry: Sendable {
    public var settings: PolicySettings
    public var policy: Policy
    public var allowed: AllowedCommands
    public var name: String { settings.name }

    /// Reads its file; what is odd in it is a warning.
    public init(_ settings: PolicySettings, _ findings: inout Findings) throws(ConfigurationErrors)
    {
      let source: Source
      do throws(ConfigurationError) { source = try Source.read(settings.file) } catch {
        throw ConfigurationErrors(error)
      }
      self.settings = settings
      allowed = AllowedCommands(extra: settings.allow)
      let (policy, odd) = try PolicyLint.read(source, dialect: settings.dialect, allowed: allowed)
      for warning in odd { findings.warn(warning) }
      self.policy = policy
    }
  }

  /// What is read of a host for some policies: shared by all hosts with the same.
  public final class Work: Sendable {
    public let entries: [Entry]
    public let needs: Needs
    let script: CollectionScript

    init(_ entries: [Entry], become: Become) {
      self.entries = entries
      needs = Needs(entries.map { ($0.policy, $0.allowed) })
      script = CollectionScript(needs, become: become)
    }
  }

  private var entries: [String: Entry] = [:]

  public init() {}

  /// Reads all files that some host needs. A file with faults is a finding, and its policy is left
  /// out.
  public init(_ list: PolicyList, _ findings: inout Findings) {
    for settings in list.used {
      do throws(ConfigurationErrors) {
        entries[settings.name] = try Entry(settings, &findings)
      } catch {
        for error in error.errors { findings.add(error) }
      }
    }
  }

  public var isEmpty: Bool { entries.isEmpty }

  public subscript(name: String) -> Entry? { entries[name] }
}
