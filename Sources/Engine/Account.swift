public import Glibc

/// The account that runs this process; cron and systemd may leave its environment unset.
public enum Account {
  public static var home: String {
    environment("HOME") ?? entry?.home ?? "/"
  }

  public static var user: String {
    environment("USER") ?? environment("LOGNAME")
      ?? entry?.name ?? "root"
  }

  /// Who acts, for the log: the account that started this process, also through sudo, whatever `USER` says.
  /// Only root can be given a wrong `SUDO_UID`.
  public static var person: String {
    let user = getuid()
    let caller = user == 0 ? environment("SUDO_UID").flatMap { uid_t($0) } : nil
    return name(of: caller ?? user) ?? "user \(caller ?? user)"
  }

  /// The name of an account; nil without an entry.
  public static func name(of user: uid_t) -> String? {
    getpwuid(user).map { String(cString: $0.pointee.pw_name) }
  }

  /// Read once: every look reads /etc/passwd, and a host's defaults name the account.
  private static let entry: (name: String, home: String)? = getpwuid(geteuid()).map {
    (String(cString: $0.pointee.pw_name), String(cString: $0.pointee.pw_dir))
  }
}

/// The value of an environment variable; nil if it is unset or empty.
public func environment(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
}
