public import Authorize
internal import Configuration
public import Engine
internal import Facts
public import Hosts
public import Inventory
internal import Metrics
internal import Policies

/// What hosts must grant the monitor, and whether they grant more.
public struct GrantBook: Sendable {
  public private(set) var grants: [Grant] = []
  /// Hosts that are left out, and what a person should know, one line each.
  public private(set) var notes: [String] = []
  private var targets: [String: HostTarget] = [:]
  private let gatherer: Gatherer

  /// The account of hosts for which the inventory names none.
  public static let usualAccount = "monitor"

  /// Reads keys and routes; contacts nobody. `from` and `account` replace what is found.
  public init(
    of hosts: [Host], _ site: Site, from: [String]?, account: String?, by deadline: Deadline
  ) async throws {
    var gatherer = await Gatherer(site, logins: site.logins())
    let reactor = gatherer.reactors[0]
    let book = try PolicyBook.whole(site)
    for host in hosts {
      if host.connection == .local || host.refusal != nil {
        notes.append(
          "\(host.name): \(host.refusal ?? "it is this machine, and needs no account")")
        continue
      }
      let target: HostTarget
      do { target = try gatherer.target(for: host) } catch {
        notes.append("\(host.name): \(error)")
        continue
      }
      let user = account ?? host.user ?? Self.usualAccount
      if account == nil, host.user == nil {
        notes.append("\(host.name): `user:` is not set; the kit makes the account \(user)")
      }
      guard user != "root" else {
        notes.append("\(host.name): left out, as its `user:` is root; give `--account NAME`")
        continue
      }
      guard Self.isAccount(user) else {
        notes.append("\(host.name): left out, as \"\(user)\" is no name for a new account")
        continue
      }
      let keys = target.credentials.publicKeys
      guard !keys.isEmpty else {
        notes.append("\(host.name): left out, as the monitor has no key for it; set `key:`")
        continue
      }
      var grant = Grant(host: host.name, account: user, keys: keys, from: from ?? [])
      if host.isSigned {
        guard Grant.canSign(host.name) else {
          notes.append("\(host.name): left out, as a gate cannot have this name")
          continue
        }
        grant.signers = target.credentials.signingKeys
      }
      if from == nil {
        let (origin, note) = await Self.origin(of: host, site, on: reactor, by: deadline)
        grant.from = origin
        if let note { notes.append("\(host.name): \(note)") }
      }
      if host.become == .sudo {
        grant.commands = CollectionScript.commandsOfRoot(
          Needs(book.entries(of: host.name, site).map { ($0.policy, $0.allowed) }))
        if site.facts?.contains(host.name) == true {
          let known = grant.commands
          grant.commands += FactScript.commandsOfRoot.filter { !known.contains($0) }
        }
        for words in grant.commands where !Sudoers.isExact(words) {
          notes.append(
            "\(host.name): no line of sudoers can permit this command alone: "
              + words.joined(separator: " "))
        }
        grant.commands = grant.commands.filter(Sudoers.isExact)
      }
      grant.add(host, of: site.inventory, site.probes)
      grants.append(grant)
      targets[host.name] = target
    }
    self.gatherer = gatherer
  }

  /// A name of useradd(8): it stands in paths and in the kit's text.
  private static func isAccount(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 32 else { return false }
    return ((0x61...0x7a).contains(first) || first == UInt8(ascii: "_"))
      && name.utf8.allSatisfy {
        (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_")
      }
  }

  private static func origin(
    of host: Host, _ site: Site, on reactor: Reactor, by deadline: Deadline
  ) async -> (addresses: [String], note: String?) {
    if let jump = site.inventory.route(to: host).last {
      let found = Origin.through(jump)
      return (
        found,
        found.isEmpty
          ? "the address of \(jump.name) towards it is not known; give `--from ADDRESS`"
          : "from= is what the inventory has of \(jump.name); look whether it comes from there"
      )
    }
    do {
      let found = try await reactor.open { reactor in
        do throws(TargetError) {
          return Result<[String], TargetError>.success(
            try await Origin.direct(to: host, on: reactor, by: deadline))
        } catch { return .failure(error) }
      }.get()
      return (found, nil)
    } catch {
      return ([], "\(error); give `--from ADDRESS`")
    }
  }

  // MARK: Verifying

  /// One thing that was tried.
  public struct Finding: Sendable, Equatable {
    public var host: String
    public var what: String
    public var answer: Right.Answer
    /// Whether it is as the grant says; false for what is unknown, too.
    public var isRight: Bool
    public var detail: String
  }

  /// Tries on each host what the account must not be able to do, one after the other.
  public func verify(
    by deadline: Deadline, finding: (Finding) -> Void
  ) async {
    for grant in grants {
      guard let target = targets[grant.host] else { continue }
      let reactor = target.reactor ?? gatherer.reactors[0]
      let found = await gatherer.serving {
        await reactor.open { reactor in
          await Self.findings(
            of: target, grant, on: reactor, by: min(deadline, .after(.seconds(60))))
        }
      }
      for one in found { finding(one) }
    }
  }

  private static func findings(
    of target: HostTarget, _ grant: Grant, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> [Finding] {
    var found: [Finding] = []
    do throws(TargetError) {
      for right in try await target.rights(on: reactor, by: deadline) {
        // A plain account has a shell, and whoever has one reads and writes files.
        let isOfShell = [.command, .shell, .sftp].contains(right.kind) && !grant.isSigned
        found.append(
          Finding(
            host: grant.host, what: right.kind.rawValue, answer: right.answer,
            isRight: right.answer == .refused || isOfShell && right.answer == .granted,
            detail: isOfShell && right.answer == .granted
              ? "the plain form has a shell" : right.detail
          ))
      }
    } catch {
      found.append(
        Finding(
          host: grant.host, what: "log-in", answer: .unknown, isRight: false, detail: "\(error)"))
      return found
    }
    let batch = Batch(
      [], extras: [Batch.Extra(name: "rights", script: Self.script, byteLimit: 16 << 10)])
    let answer = await target.ask([batch], on: reactor, by: deadline).first
    guard let section = answer?.sections["rights"], section.status != nil else {
      let why = answer?.failure.map { "\($0)" } ?? "no answer"
      found.append(
        Finding(
          host: grant.host, what: "batch", answer: .unknown, isRight: false, detail: why))
      return found
    }
    found += inside(String(decoding: section.output, as: UTF8.self), grant)
    return found
  }

  /// What an account may do on the host, by its own word.
  private static let script = """
    echo "uid $(id -u)"
    echo "groups $(id -Gn)"
    for f in ~ ~/.ssh ~/.ssh/authorized_keys ~/gate ~/signers /etc/sudoers.d/scrape; do
      [ -w "$f" ] && echo "writable $f"
    done
    if command -v sudo >/dev/null 2>&1; then
      sudo -n -l /bin/sh >/dev/null 2>&1 && echo "sudo /bin/sh"
      sudo -n -l /bin/cat /etc/shadow >/dev/null 2>&1 && echo "sudo /bin/cat"
    fi
    exit 0
    """

  private static func inside(_ text: String, _ grant: Grant) -> [Finding] {
    let lines = text.split(separator: "\n").map(String.init)
    func values(_ word: String) -> [String] {
      lines.filter { $0.hasPrefix(word + " ") }.map { String($0.dropFirst(word.count + 1)) }
    }
    func finding(_ what: String, _ granted: [String], _ none: String) -> Finding {
      Finding(
        host: grant.host, what: what, answer: granted.isEmpty ? .refused : .granted,
        isRight: granted.isEmpty, detail: granted.isEmpty ? none : granted.joined(separator: ", "))
    }
    let groups = values("groups").first?.split(separator: " ").map(String.init) ?? []
    return [
      finding("root", values("uid").filter { $0 == "0" }, "it is no root"),
      finding("further groups", Array(groups.dropFirst()), groups.first ?? ""),
      finding("its own restrictions", values("writable"), "not the account's to change"),
      finding("sudo of any command", values("sudo"), "no shell and no file of root"),
    ]
  }
}

extension PolicyBook {
  /// All policies of the site; throws their faults.
  fileprivate static func whole(_ site: Site) throws -> PolicyBook {
    var findings = Findings()
    let book = PolicyBook(site.policies, &findings)
    try findings.finish()
    return book
  }

  fileprivate func entries(of host: String, _ site: Site) -> [Entry] {
    site.policies.of(host).map(\.name).sorted().compactMap { self[$0] }
  }
}
