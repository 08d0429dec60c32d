/// A protection of a server that probes may trigger.
public struct Caution: Sendable, Equatable {
  /// What the protection is.
  public enum Kind: Sendable {
    case openSSH, mysql, mysqlLogIn, postgreSQL, vnc
  }

  public var kind: Kind
  /// The events that it counts, and its reaction.
  public var problem: String
  /// The configuration line that exempts this machine, or another remedy.
  public var exemption: String

  public init(_ kind: Kind, _ problem: String, exemption: String) {
    self.kind = kind
    self.problem = problem
    self.exemption = exemption
  }

  /// The protections that a connection without a login triggers, at each of these ports.
  static func wordless(at ports: [UInt16]) -> [Caution] {
    var cautions: [Caution] = []
    for port in ports {
      let caution: Caution
      switch port {
      case 22: caution = openSSH
      case 3306:
        caution = Caution(
          .mysql,
          "MariaDB and MySQL block an address after max_connect_errors connections without a log-in",
          exemption: "ask with the probe mysql, or set max_connect_errors = 4294967295 there")
      case 5432:
        caution = Caution(
          .postgreSQL,
          "PostgreSQL logs each connection without a word as an incomplete startup packet",
          exemption: "ask with the probe postgres")
      case 5900...5909: caution = tigerVNC
      default: continue
      }
      if !cautions.contains(caution) { cautions.append(caution) }
    }
    return cautions
  }

  static let openSSH = Caution(
    .openSSH,
    "OpenSSH 9.8 and later count contacts that do not log in, and then refuse the address",
    exemption: "in its sshd_config: PerSourcePenaltyExemptList ADDRESS_OF_THIS_MACHINE; and in "
      + "fail2ban's jail.local: ignoreip = ADDRESS_OF_THIS_MACHINE")

  /// The probe mysql without a user.
  static let deniedLogin = Caution(
    .mysqlLogIn,
    "fail2ban's jail mysqld-auth, where it is on, counts the log-in that is denied",
    exemption: "give the probe mysql an account that may do nothing, or in fail2ban's jail.local: "
      + "ignoreip = ADDRESS_OF_THIS_MACHINE")

  static let tigerVNC = Caution(
    .vnc,
    "TigerVNC refuses an address after 5 connections without a log-in",
    exemption: "give the probe vnc a password (view-only will do), or Xvnc the option "
      + "-BlacklistThreshold 1000000")
}
