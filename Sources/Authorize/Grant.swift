public import Inventory
internal import Metrics
public import Probes

/// What one host must grant the monitor, and nothing more.
public struct Grant: Sendable, Equatable {
  /// A protection that the probes of a host set off.
  public enum Exemption: String, Sendable, CaseIterable {
    /// `PerSourcePenalties` of OpenSSH 9.8 and later.
    case sshd
    case fail2ban
    /// `max_connect_errors` of MySQL and MariaDB.
    case database
  }

  public var host: String
  public var account: String
  /// The public keys, each as type and base64.
  public var keys: [String]
  /// The addresses from which the monitor comes, as authorized_keys(5) writes them.
  public var from: [String]
  /// The public keys that sign batches; empty for the plain form, which has a shell.
  public var signers: [String] = []
  /// Whether only signed batches run.
  public var isSigned: Bool { !signers.isEmpty }
  /// What a jump host may connect to, as `permitopen` writes it.
  public var forwards: [String] = []
  /// The commands that policies run as root.
  public var commands: [[String]] = []
  /// The user of the BMC; nil where there is none to make.
  public var bmcUser: String?
  /// The ports of TCP and UDP that are asked, that of SSH among them.
  public var tcp: [UInt16] = []
  public var udp: [UInt16] = []
  public var exemptions: [Exemption] = []
  /// The accounts that probes of databases log in with.
  public var databaseUsers: [String] = []
  /// What the kit cannot do, for people.
  public var notes: [String] = []

  public init(host: String, account: String, keys: [String], from: [String]) {
    self.host = host
    self.account = account
    self.keys = keys
    self.from = from
  }

  /// The folder that root owns for the account.
  var home: String { "/var/lib/\(account)" }

  /// The options of its lines of authorized_keys(5).
  public var options: String {
    var options = ["restrict"]
    if !forwards.isEmpty { options += forwarding }
    if !from.isEmpty { options.append("from=\"\(from.joined(separator: ","))\"") }
    if isSigned { options.append("command=\"/bin/sh \(home)/gate\"") }
    return options.joined(separator: ",")
  }

  /// The options by which a jump host carries connections. What may listen there has no word for nothing: no
  /// account but root's binds port 1. `permitlisten` is the last one: OpenSSH before 7.8 does not know it.
  var forwarding: [String] {
    ["port-forwarding"] + forwards.map { "permitopen=\"\($0)\"" }
      + ["permitlisten=\"127.0.0.1:1\""]
  }

  /// Its lines of authorized_keys(5).
  public var lines: [String] { keys.map { "\(options) \($0) scrape" } }

  /// Whether a gate can be made for a host of that name.
  public static func canSign(_ host: String) -> Bool { Gate.takes(host) }

  // MARK: From the inventory

  /// Adds what jump hosts must carry, what probes ask, and what they set off.
  public mutating func add(_ host: Host, of inventory: Inventory, _ probes: ProbeBook) {
    forwards = Self.forwards(through: host, of: inventory, probes)
    tcp = [UInt16(clamping: host.port)]
    var found: Set<Exemption> = []
    for plan in probes[host.name].map({ $0.on(host) }) {
      let isOwn = plan.address.map { $0 == host.address || host.addresses.values.contains($0) }
      guard isOwn != false, plan.reaches(host) else { continue }
      if !plan.isClosed, plan.port > 0 {
        switch type(of: plan.probe).carrier {
        case .tcp: tcp.append(plan.port)
        case .udp: udp.append(plan.port)
        case .icmp, .host, .none: break
        }
      }
      for caution in plan.isClosed ? [] : plan.probe.cautions(port: plan.port) {
        switch caution.kind {
        case .openSSH: found.formUnion([.sshd, .fail2ban])
        case .mysql: found.insert(.database)
        case .mysqlLogIn: found.insert(.fail2ban)
        case .postgreSQL, .vnc: notes.append("\(plan.service): \(caution.exemption)")
        }
      }
      if let user = (plan.probe as? MySQLProbe)?.account, !databaseUsers.contains(user) {
        databaseUsers.append(user)
      }
    }
    tcp = Set(tcp).sorted()
    udp = Set(udp).sorted()
    exemptions = Exemption.allCases.filter(found.contains)
    if let bmc = host.bmc {
      if bmc.isThroughHost {
        notes.append(
          "its BMC is read through /dev/ipmi0, which only root may open: see docs/bmc.md")
      } else {
        bmcUser = bmc.user
        if bmc.user == nil {
          notes.append("its BMC is read as the user without a name: give `bmc: {user: …}`")
        }
        if bmc.privilege != .user {
          notes.append(
            "`bmc: {privilege: \(bmc.privilege.rawValue)}`: the user made here has USER only")
        }
      }
    }
  }

  /// What a jump host must connect to: `address:port`, each once.
  private static func forwards(
    through jumpHost: Host, of inventory: Inventory, _ probes: ProbeBook
  ) -> [String] {
    var places: [String] = []
    func add(_ address: String, _ port: String) {
      let place = address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
      if !places.contains(place) { places.append(place) }
    }
    for host in inventory.hosts where host.jumpHost != nil {
      let steps = inventory.steps(to: host)
      for (step, next) in zip(steps, steps.dropFirst()) where step.name == jumpHost.name {
        add(next.host.address, "\(next.host.port)")
      }
      guard steps.last?.name == jumpHost.name else { continue }
      add(host.address, "\(host.port)")
      for plan in probes[host.name].map({ $0.on(host) })
      where !plan.isAtCentre && plan.reaches(host) {
        switch type(of: plan.probe).carrier {
        case .tcp where plan.port > 0: add(plan.address ?? host.address, "\(plan.port)")
        case .host: add(plan.address ?? host.address, "*")
        default: break
        }
      }
    }
    return places
  }
}
