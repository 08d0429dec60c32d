public import Metrics
import Parsers

/// The logged-in users.
///
/// `who` runs on hosts that keep utmp(5). Debian 13, Ubuntu 25.10 and others keep none, and there
/// `who` prints nothing and exits with 0: logind is queried instead, and without logind (Alpine)
/// the titles of sshd's processes. A count of zero is accepted only from a source that shows the
/// monitor's own session, or from utmp with a boot in it: otherwise there is no field.
public enum UsersCollector: Collector {
  public static let name = "users"
  public static let summary = "logged-in users, with origin and log-in time"
  public static let measurements = [
    Measurement(
      "system", "Number of users, in the measurement of the collector `system`.",
      source: "as of `users`",
      fields: [
        .integer("n_users", "n_unique_users", means: "Sessions; distinct users")
      ]),
    // Names are fields, not tags: whoever may log in or write utmp chooses them.
    Measurement(
      "users",
      """
      Users who are logged in, without the monitor's own session. Without a reliable source \
      there is no field.
      """,
      source: "`who`, else `loginctl`, else the titles of sshd's processes", isOurs: true,
      fields: [
        .integer("count", "unique", means: "Sessions; distinct users"),
        .string(
          "list",
          means: "The first twenty: `alice pts/0 from 10.8.0.12 since 2026-11-20 09:10; …`"),
        .string("source", means: "`utmp`, `logind` or `sshd`"),
      ]),
  ]
  /// logind answers late or never where the system bus is in trouble.
  public static let mayHang = true

  public static func script(_ options: CollectorOptions) -> String? {
    // One process runs `show-session` for all sessions; no other command shows the class.
    """
    if command -v who >/dev/null 2>&1 && list=$(who 2>/dev/null) &&
      { [ -n "$list" ] || [ -s /run/utmp ] || [ -s /var/run/utmp ]; }; then
      echo utmp
      printf '%s\\n' "$list"
    elif command -v loginctl >/dev/null 2>&1 &&
      list=$($limit loginctl list-sessions --no-legend 2>/dev/null); then
      echo logind
      set -f
      ids=$(printf '%s\\n' "$list" | while read -r id rest; do echo "$id"; done)
      [ -z "$ids" ] || $limit loginctl show-session -p Name -p TTY -p Display -p RemoteHost \
        -p Timestamp -p Class -p State $ids
    else
      echo sshd
      grep -a -s -h -e '^sshd: ' -e '^sshd-session: ' /proc/[0-9]*/cmdline
      :
    fi
    """
  }

  /// The limit of sessions listed by name.
  static let mostListed = 20

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    guard let output = host.output else { throw CollectorError(.notReached, "who did not run") }
    var text = Scanner(output.standardOutput.span)
    guard let source = text.line()?.string else {
      throw CollectorError(.missingTool, "the host has no list of logged-in users")
    }
    if output.status == 124 { throw CollectorError(.timeout, "\(source) did not answer in time") }
    if output.status != 0 {
      throw CollectorError(.commandFailed, "\(source): \(words(output.standardError.span))")
    }

    var sessions: [UserSession]
    do throws(ParseError) {
      switch source {
      case "utmp": sessions = try Who.parse(text.rest)
      case "logind": sessions = try Loginctl.parse(text.rest)
      case "sshd": sessions = try SSHProcesses.parse(text.rest)
      default: throw ParseError("users", "unknown source", line: 1, excerpt: source.listed)
      }
    } catch {
      throw CollectorError(error)
    }
    // A session without a terminal is in no utmp, but in the other two. Its origin does not matter
    // here: sshd may give a name where SSH_CONNECTION has the address.
    let showsOwn = sessions.contains { $0.terminal == nil && $0.user == host.session.user }
    if source != "utmp", !showsOwn, source == "sshd" || host.session.user != nil {
      // As in a container: it will never be otherwise, and nothing is wrong.
      throw CollectorError(
        .notApplicable, "neither utmp nor logind nor sshd's processes show who is logged in")
    }
    sessions.removeAll { isOwn($0, host.session) }

    let unique = Set(sessions.map(\.user)).count
    var system = Point("system")
    system.integer("n_users", Int64(sessions.count))
    system.integer("n_unique_users", Int64(unique))
    var users = Point("users")
    users.integer("count", Int64(sessions.count))
    users.integer("unique", Int64(unique))
    users.string("list", list(of: sessions, at: host.time.seconds))
    users.string("source", source)
    sample.points += [system, users]
  }

  /// Whether the session is the monitor's: its user and address, and no terminal, as a person would have.
  private static func isOwn(_ session: UserSession, _ own: OwnSession) -> Bool {
    session.terminal == nil && own.isSame(user: session.user, from: session.from)
  }

  private static func list(of sessions: [UserSession], at now: Int64) -> String {
    var parts = sessions.prefix(mostListed).map { session in
      var part = session.user.listed
      if let terminal = session.terminal { part += " \(terminal.listed)" }
      if let from = session.from { part += " from \(from.listed)" }
      // The time includes the year that `who` left out.
      if let since = session.since?.seconds(before: now).flatMap(CalendarTime.init(seconds:)) {
        part += " since \(since)"
      }
      return part
    }
    if sessions.count > mostListed { parts.append("and \(sessions.count - mostListed) more") }
    return parts.joined(separator: "; ")
  }

  private static func words(_ text: Span<UInt8>) -> String {
    var lines = Scanner(text)
    guard let line = lines.line()?.trimmed, line.count > 0 else { return "failed" }
    return line.extracting(0..<min(line.count, 200)).string
  }
}
