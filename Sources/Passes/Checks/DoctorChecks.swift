internal import CLinux
internal import Configuration
public import Engine
internal import Glibc
internal import Metrics
internal import Rules
internal import Sinks
internal import Store
internal import Inventory
internal import Probes

/// The checks of `scrape doctor` on this machine: store, keys, passwords, limits, network, names, clock.
public struct DoctorChecks: Sendable {
  /// The comparison of our clock with another one.
  public struct ClockEvidence: Sendable {
    var source: String
    var isFine: Bool
    var message: String

    public init(
      source: String,
      isFine: Bool,
      message: String
    ) {
      self.source = source
      self.isFine = isFine
      self.message = message
    }
  }

  /// All checks but that of the clock, which also needs the clocks of sinks.
  public struct Report: Sendable {
    var checks: [Check]
    var isSynchronised: Bool?
    var clocks: [ClockEvidence]

    public func finished(with others: [ClockEvidence]) -> [Check] {
      checks + [DoctorChecks.clock(isSynchronised, clocks + others)]
    }
  }

  let site: Site
  private let store: Store
  let gatherer: Gatherer
  private let deadline: Deadline
  /// The probes of all hosts.
  private let probes: [Plan.ProbeTurn]

  public init(site: Site, gatherer: Gatherer, deadline: Deadline) {
    self.site = site
    store = site.store()
    self.gatherer = gatherer
    self.deadline = deadline
    probes =
      Plan(
        site.inventory.hosts, settings: site.settings, probes: site.probes, states: [:], at: .now,
        only: [ServiceReading.name]
      ).probes
  }

  public func checks() async -> Report {
    async let stored = stored()
    async let resolver = resolver()
    async let clocks = timeServers()
    async let network = network()
    let here =
      [LockCheck.check(beside: site.storePath)] + InstanceCheck.check(site)
      + [keys, knownHosts, secrets, descriptors, ping, Self.libraries]
    let renamed = site.renamed.map { Check(.scraper, "renamed", nil, $0.oneLine) }
    return Report(
      checks: renamed + (await stored) + here + (await network) + [await resolver],
      isSynchronised: Self.isSynchronised,
      clocks: await clocks)
  }

  // MARK: the store

  private func stored() async -> [Check] {
    let file = await file()
    guard file.isFine == true else { return [file] }
    do {
      try await site.check(store)
      let last = try await LastPass(in: store)
      let isFine = last.pass == nil ? nil : !last.isLate
      return [file, Check(.scraper, "passes", isFine, last.words)]
    } catch let error as UsageError {
      return [Check(.scraper, "store", false, error.message)]
    } catch {
      return [Check(.scraper, "store", false, "\(error)")]
    }
  }

  private func file() async -> Check {
    do {
      try await store.open()
    } catch {
      return Check(.scraper, "store", false, "\(site.storePath): \(error)\(strangersHint)")
    }
    let notes = await store.notes()
    guard notes.isEmpty else {
      return Check(.scraper, "store", false, notes.joined(separator: "; "))
    }
    var status = statvfs()
    guard statvfs(Site.parent(site.storePath), &status) == 0 else {
      return Check(.scraper, "store", false, "\(site.storePath): \(SystemError("statvfs"))")
    }
    let free = Double(status.f_bavail) * Double(status.f_frsize)
    var file = stat()
    let used = stat(site.storePath, &file) == 0 ? Double(file.st_size) : 0
    let wanted = max(0, Double(site.settings.store.size) - used)
    let text = "\(site.storePath): \(Format.bytes(free)) free"
    if free < wanted {
      return Check(
        .scraper, "store", false,
        "\(text), and it may grow by \(Format.bytes(wanted)); make room, or lower `store: {size: …}`"
      )
    }
    if status.f_files > 0, status.f_favail < 100 {
      return Check(.scraper, "store", false, "\(text), but no inodes; remove files")
    }
    return Check(.scraper, "store", true, "\(text), can be written")
  }

  /// What to do where the store, or the folder that is to hold it, belongs to another user.
  private var strangersHint: String {
    var path = site.storePath
    var status = stat()
    while stat(path, &status) != 0, path != "/", path != "." { path = Site.parent(path) }
    guard status.st_uid != geteuid(), geteuid() != 0 else { return "" }
    let owner = Account.name(of: status.st_uid) ?? "user \(status.st_uid)"
    return "; \(path) belongs to \(owner): run scrape as that user, or name another with --store"
  }

  // MARK: keys and passwords

  private var keys: Check {
    // Reading the inventory checked the keys that it names.
    let hosts = site.inventory.hosts.filter { $0.connection == .ssh }
    let files = Set(hosts.flatMap(\.keys)).sorted()
    let bare = hosts.filter { $0.keys.isEmpty && $0.password == nil }
    guard !bare.isEmpty else {
      return Check(
        .scraper, "keys", files.isEmpty ? nil : true, Format.count(files.count, "key file"))
    }
    let usual = ["id_ed25519", "id_ecdsa", "id_rsa"].filter {
      access("\(Account.home)/.ssh/\($0)", F_OK) == 0
    }
    for name in usual {
      let path = "\(Account.home)/.ssh/\(name)"
      guard let fault = KeyFile.fault(of: path) else { continue }
      return Check(.scraper, "keys", false, "\(path) \(fault.problem); \(fault.cure)")
    }
    let hasAgent = environment("SSH_AUTH_SOCK") != nil
    if usual.isEmpty, !hasAgent {
      return Check(
        .scraper, "keys", false,
        "\(fold(bare.map(\.name))): no `key:` in the inventory, no key in \(Account.home)/.ssh and no "
          + "agent; ssh-keygen -t ed25519")
    }
    let places = usual.map { "~/.ssh/\($0)" } + (hasAgent ? ["the agent"] : [])
    return Check(.scraper, "keys", true, (files + places).joined(separator: ", "))
  }

  private var secrets: Check {
    var wrong: Set<String> = []
    var seen: Set<Secret> = []
    for host in site.inventory.hosts {
      let all = [host.password, host.keyPassphrase, host.bmc?.password, host.bmc?.key]
      for case let secret? in all where seen.insert(secret).inserted {
        do throws(ConfigurationError) { _ = try secret.reveal() } catch {
          wrong.insert(error.problem + (error.hint.map { "; \($0)" } ?? ""))
        }
      }
    }
    guard wrong.isEmpty else {
      return Check(.scraper, "passwords", false, wrong.sorted().joined(separator: "; "))
    }
    return Check(
      .scraper, "passwords", seen.isEmpty ? nil : true,
      seen.isEmpty ? "the inventory names none" : "all \(seen.count) can be read")
  }

  // MARK: limits of the system

  private var descriptors: Check {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let settings = site.settings
    // A host's session, and its probes beside it.
    let wanted = settings.fanout * 3 + settings.bmcFanout + 64
    if limit.rlim_cur < rlim_t(wanted) {
      return Check(
        .scraper, "descriptors", false,
        "\(limit.rlim_cur) open files are allowed, and \(settings.fanout) hosts at once may take "
          + "\(wanted); ulimit -n, LimitNOFILE= in the unit, or a lower `fanout:`")
    }
    return Check(.scraper, "descriptors", true, "\(limit.rlim_cur) open files are allowed")
  }

  private var ping: Check {
    let isNeeded = probes.contains { $0.plans.contains { $0.kind == "icmp" } }
    for kind in [SOCK_DGRAM, SOCK_RAW] {
      let number = socket(AF_INET, Int32(kind.rawValue), Int32(IPPROTO_ICMP))
      if number >= 0 {
        close(number)
        return Check(.scraper, "ping", true, "this user may send ICMP")
      }
    }
    return Check(
      .scraper, "ping", isNeeded ? false : nil,
      "this user may not send ICMP\(isNeeded ? ", and the inventory has probes `icmp`" : ""); "
        + "sysctl -w net.ipv4.ping_group_range=\"0 2147483647\", or AmbientCapabilities=CAP_NET_RAW "
        + "in the unit")
  }

  // MARK: the network

  /// Whether the scraper is cut off: the checks that each pass makes, too.
  private func network() async -> [Check] {
    let questions = SelfQuestions(site.own, of: site.inventory.hosts)
    guard !questions.places.isEmpty else {
      return [Check(.scraper, "network", nil, "all targets are on this machine itself")]
    }
    let way: (isFine: Bool, message: String) =
      switch questions.way {
      case .open: (true, "there is a way to the hosts")
      case .noInterface: (false, "no interface has a carrier and an address; ip address")
      case .noCarrier(let interface): (false, "\(interface) has no carrier; ip link")
      case .noRoute: (false, "there is no route to any host; ip route")
      }
    let answers = await questions.ask(on: gatherer.reactors[0])
    let known = site.hasStore ? try? await store.load([SelfReading.host]) : nil
    let gateways = questions.gateways.map { address in
      if answers.echoes[address] == true {
        return Check(.scraper, "gateway", true, "\(address) answers")
      }
      // The neighbour table is slow to drop a gateway that answered pings.
      let isPinged = SelfReading.answersPings(address, known?[SelfReading.host]) == true
      return !isPinged && OwnNetwork.isNeighbour(address) == true
        ? Check(.scraper, "gateway", true, "\(address) is there, and answers no ping")
        : Check(
          .scraper, "gateway", false,
          "\(address) does not answer; ip neigh, or `self: {gateway: ADDRESS}` if it is another")
    }
    let anchors = site.own.anchors.map { address in
      let answer = answers.echoes[address]
      return Check(
        .scraper, "anchor", answer,
        "\(address) \(answer == true ? "answers" : "does not answer a ping")")
    }
    return [Check(.scraper, "network", way.isFine, way.message)] + gateways + anchors
  }

  // MARK: names

  private func resolver() async -> Check {
    let hosts = site.inventory.hosts
    let all =
      (hosts + site.inventory.strangers(of: hosts))
      .filter { $0.connection == .ssh && $0.via == nil }.map(\.address)
      + hosts.filter { $0.jumpHostOfBMC == nil }.compactMap { $0.bmc?.address }
    let names = Set(all.filter { !Self.isNumber($0) }).sorted()
    guard !names.isEmpty else {
      return Check(.scraper, "resolver", nil, "all addresses are numbers: no name is looked up")
    }
    let limit = min(deadline, .after(.seconds(8)))
    let reactor = gatherer.reactors[0]
    var wrong: [String: [String]] = [:]
    await withTaskGroup(of: (String, DialError?).self) { group in
      for name in names {
        group.addTask {
          await reactor.open { reactor in
            do throws(DialError) {
              _ = try await Dial.resolve(name, port: 22, on: reactor, by: limit)
              return (name, nil)
            } catch { return (name, error) }
          }
        }
      }
      for await (name, error) in group {
        if let error { wrong[error.reason.rawValue, default: []].append(name) }
      }
    }
    guard wrong.isEmpty else {
      let text = wrong.sorted { $0.key < $1.key }.map { "\(fold($1.sorted())): \($0)" }
      return Check(
        .scraper, "resolver", false,
        text.joined(separator: ", ") + "; look at /etc/resolv.conf, or give an `address:`")
    }
    return Check(
      .scraper, "resolver", true,
      names.count == 1 ? "1 name has an address" : "all \(names.count) names have an address")
  }

  private static func isNumber(_ address: String) -> Bool {
    var room = in6_addr()
    return inet_pton(AF_INET, address, &room) == 1 || inet_pton(AF_INET6, address, &room) == 1
  }

  // MARK: the clock

  /// Whether the kernel reports a synchronised clock: adjtimex(2).
  private static var isSynchronised: Bool? {
    let state = scrape_clock_is_synchronised()
    return state < 0 ? nil : state == 1
  }

  /// The offsets to the time servers of the inventory, two at most.
  private func timeServers() async -> [ClockEvidence] {
    var evidence: [ClockEvidence] = []
    for turn in probes {
      guard evidence.count < 2, let plan = turn.plans.first(where: { $0.kind == "ntp" }) else {
        continue
      }
      let context = ProbeContext(turn.host, kit: ProbeKit(reserved: []))
      let limit = min(deadline, .after(.seconds(5)))
      let results = await gatherer.reactors[0].open { reactor in
        await Probes.run([plan], of: context, on: reactor, by: limit)
      }
      let point = results.first?.verdict.points.first { $0.measurement == "ntp" }
      guard case .float(let offset)? = point?[field: "offset_ms"] else { continue }
      evidence.append(
        ClockEvidence(
          source: "ntp of \(turn.host.name)", isFine: offset.magnitude < 2_000,
          message: "\(Format.fixed(offset / 1000, 3)) s apart"))
    }
    return evidence
  }

  static func clock(_ isSynchronised: Bool?, _ clocks: [ClockEvidence]) -> Check {
    let text = clocks.map { "\($0.source): \($0.message)" }.joined(separator: ", ")
    // A single clock that differs from the majority is reported at its own host or sink.
    let wrong = clocks.count { !$0.isFine }
    if wrong * 2 > clocks.count {
      return Check(
        .scraper, "clock", false, "\(text); set ours right: chronyc tracking, timedatectl")
    }
    if !clocks.isEmpty { return Check(.scraper, "clock", true, text) }
    return isSynchronised == true
      ? Check(.scraper, "clock", true, "the kernel says that it is synchronised")
      : Check(
        .scraper, "clock", nil,
        "the kernel does not say that it is synchronised, and there is nothing to compare it with; "
          + "run chrony or systemd-timesyncd")
  }
}
