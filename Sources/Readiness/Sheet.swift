public import Metrics

/// The readiness sheet of an exercise: all that was looked at, and whether teams and groups are ready.
public struct Sheet: Sendable {
  /// A host of the sheet, with what it is counted under.
  public struct Member: Sendable, Equatable {
    public var name: String
    public var group: String
    /// The value of the tag that names teams; nil without it.
    public var team: String?

    public init(name: String, group: String, team: String?) {
      self.name = name
      self.group = group
      self.team = team
    }
  }

  /// The results of one column for some hosts.
  public struct Cell: Sendable, Equatable {
    public var fine = 0
    public var failed = 0
    public var unknown = 0
    public var isEmpty: Bool { fine + failed + unknown == 0 }
  }

  /// A team or a group.
  public struct Scope: Sendable {
    public var name: String
    public var hosts: [String]
    /// Hosts without a failed line.
    public var ready: Int
    /// By column: hosts; in the columns of probes and policies their lines.
    public var cells: [Finding.Part: Cell]
    public var isReady: Bool { ready == hosts.count }
  }

  public var time: Timestamp
  public var hours: Int
  /// The name of the tag that names teams.
  public var teamTag: String
  public var members: [Member]
  public var findings: [Finding]

  public init(
    time: Timestamp, hours: Int, teamTag: String, members: [Member], findings: [Finding]
  ) {
    self.time = time
    self.hours = hours
    self.teamTag = teamTag
    self.members = members
    self.findings = findings
  }

  public var isReady: Bool { !findings.contains { $0.isFine == false } }

  public var centre: [Finding] { findings.filter { $0.part == .centre } }

  /// The teams, in the order of the inventory; none without such a tag.
  public var teams: [Scope] { scopes { $0.team } }
  public var groups: [Scope] { scopes { $0.group } }

  private func scopes(_ name: (Member) -> String?) -> [Scope] {
    var names: [String] = []
    var hosts: [String: [String]] = [:]
    for member in members {
      guard let name = name(member) else { continue }
      if hosts[name] == nil { names.append(name) }
      hosts[name, default: []].append(member.name)
    }
    let byHost = Dictionary(grouping: findings, by: \.host)
    return names.map { scope($0, hosts[$0] ?? [], byHost) }
  }

  private func scope(
    _ name: String, _ hosts: [String], _ byHost: [String: [Finding]]
  ) -> Scope {
    var scope = Scope(name: name, hosts: hosts, ready: 0, cells: [:])
    for host in hosts {
      let own = byHost[host] ?? []
      if !own.contains(where: { $0.isFine == false }) { scope.ready += 1 }
      for part in Finding.Part.columns {
        let lines = own.filter { $0.part == part }
        // One broken address is a broken host; of services each counts.
        let states: [Bool?] =
          part == .probes || part == .policy
          ? lines.map(\.isFine)
          : lines.isEmpty
            ? []
            : [
              lines.contains { $0.isFine == false }
                ? false : lines.contains { $0.isFine == true } ? true : nil
            ]
        for state in states {
          switch state {
          case true?: scope.cells[part, default: Cell()].fine += 1
          case false?: scope.cells[part, default: Cell()].failed += 1
          case nil: scope.cells[part, default: Cell()].unknown += 1
          }
        }
      }
    }
    return scope
  }

  /// What is wrong with hosts that share team, part, subject and words.
  public struct Trouble: Sendable {
    /// The team, or the group of hosts without one.
    public var scope: String
    public var hosts: [String]
    public var finding: Finding
  }

  /// The failed lines of hosts, the same of many hosts in one, in the order of teams and columns.
  public var troubles: [Trouble] {
    struct Key: Hashable {
      var scope: String
      var part: Finding.Part
      var subject: String
      var text: String
    }
    let scopes = Dictionary(
      members.map { ($0.name, $0.team ?? $0.group) }, uniquingKeysWith: { first, _ in first })
    var keys: [Key] = []
    var found: [Key: Trouble] = [:]
    for finding in findings where finding.isFine == false && finding.part != .centre {
      let scope = scopes[finding.host] ?? ""
      let key = Key(
        scope: scope, part: finding.part, subject: finding.subject, text: finding.text)
      if found[key] == nil {
        keys.append(key)
        found[key] = Trouble(scope: scope, hosts: [], finding: finding)
      }
      found[key]?.hosts.append(finding.host)
    }
    var order: [String: Int] = [:]
    for member in members {
      let scope = member.team ?? member.group
      if order[scope] == nil { order[scope] = order.count }
    }
    return keys.compactMap { found[$0] }.enumerated().sorted { a, b in
      let (left, right) = (order[a.element.scope] ?? 0, order[b.element.scope] ?? 0)
      return left == right ? a.offset < b.offset : left < right
    }.map(\.element)
  }

  // MARK: Changes

  /// How a later sheet differs, for the hosts that both have.
  public struct Changes: Sendable {
    /// When the earlier sheet was made.
    public var since: Timestamp
    public var failing: [Finding] = []
    public var mended: [Finding] = []
    /// Hosts of this sheet that the earlier one did not have.
    public var added: [String] = []
  }

  public func changes(since earlier: Sheet) -> Changes {
    var changes = Changes(since: earlier.time)
    let before = Dictionary(
      earlier.findings.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    let known = Set(earlier.members.map(\.name))
    changes.added = members.map(\.name).filter { !known.contains($0) }
    for finding in findings where finding.host.isEmpty || known.contains(finding.host) {
      let old = before[finding.key]
      if finding.isFine == false, old?.isFine != false { changes.failing.append(finding) }
      if finding.isFine == true, old?.isFine == false { changes.mended.append(finding) }
    }
    return changes
  }

  // MARK: In the store

  /// As the store keeps it.
  public var body: [UInt8] {
    JSON.object([
      ("hours", .integer(Int64(hours))), ("team_tag", .string(teamTag)),
      (
        "members",
        .array(
          members.map { member in
            var members = [("name", JSON.string(member.name)), ("group", .string(member.group))]
            if let team = member.team { members.append(("team", .string(team))) }
            return .object(members)
          })
      ),
      ("findings", .array(findings.map { .object($0.members) })),
    ]).bytes
  }

  /// A sheet of the store; nil if it is damaged.
  public init?(_ body: [UInt8], at time: Timestamp) {
    guard let json = JSON(reading: body) else { return nil }
    self.time = time
    hours = json["hours"]?.integer.map { Int(clamping: $0) } ?? 0
    teamTag = json["team_tag"]?.string ?? ""
    members = (json["members"]?.elements ?? []).compactMap { member in
      member["name"]?.string.map {
        Member(name: $0, group: member["group"]?.string ?? "", team: member["team"]?.string)
      }
    }
    findings = (json["findings"]?.elements ?? []).compactMap { Finding($0) }
  }

  // MARK: For programs

  /// One object for the sheet, one per team and group, one per line, and the changes.
  public func json(_ changes: Changes?) -> [JSON] {
    var all: [JSON] = [
      .object([
        ("time", .time(time)), ("hours", .integer(Int64(hours))), ("ready", .boolean(isReady)),
        ("hosts", .integer(Int64(members.count))),
      ])
    ]
    for (word, scopes) in [("team", teams), ("group", groups)] {
      all += scopes.map { scope in
        .object([
          (word, .string(scope.name)), ("hosts", .integer(Int64(scope.hosts.count))),
          ("ready_hosts", .integer(Int64(scope.ready))), ("ready", .boolean(scope.isReady)),
          (
            "columns",
            .object(
              Finding.Part.columns.compactMap { part in
                scope.cells[part].map { cell in
                  (
                    part.rawValue,
                    .object([
                      ("ok", .integer(Int64(cell.fine))), ("failed", .integer(Int64(cell.failed))),
                      ("unknown", .integer(Int64(cell.unknown))),
                    ])
                  )
                }
              })
          ),
        ])
      }
    }
    let places = Dictionary(
      members.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    all += findings.map { finding in
      var members = finding.members
      if let member = places[finding.host] {
        members.append(("group", .string(member.group)))
        if let team = member.team { members.append(("team", .string(team))) }
      }
      return .object(members)
    }
    guard let changes else { return all }
    for (word, findings) in [("failing", changes.failing), ("mended", changes.mended)] {
      all += findings.map {
        .object([("change", .string(word)), ("since", .time(changes.since))] + $0.members)
      }
    }
    return all
  }
}
