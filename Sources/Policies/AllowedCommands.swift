/// Which commands of policies may run on a host: programs that only read, in their reading uses.
///
/// What is not listed is refused. Sources: the programs' manuals.
public struct AllowedCommands: Sendable {
  /// Further programs that the operator allows, with any arguments.
  private let extra: Set<String>

  public init(extra: [String] = []) { self.extra = Set(extra) }

  /// Whether scripts of `sh:` may run: the operator allowed `sh`.
  var allowsScripts: Bool { extra.contains("sh") }

  /// How a program may be used.
  private struct Use {
    /// The first word that is no option is one of these; "" is none at all.
    var verbs: [String]?
    /// At least one argument is one of these.
    var needs: [String] = []
    /// Every argument that begins with "-" is one of these; nil: any.
    var options: [String]?
    /// No argument is one of these.
    var banned: [String] = []
    /// Whether there may be words that are no options.
    var operands = true
    /// Every word that is no option is one of these.
    var words: [String]?

    static var any: Use { Use() }
    static func without(_ banned: String...) -> Use { Use(banned: banned) }
    /// One of these options, and others only as listed.
    static func with(_ needs: String..., also: [String] = [], operands: Bool = true) -> Use {
      Use(needs: needs, options: needs + also, operands: operands)
    }
    static func verb(_ verbs: String..., options: [String]? = nil) -> Use {
      Use(verbs: verbs, options: options)
    }
  }

  private static let iptables = Use.with(
    "-L", "-S", "--list", "--list-rules",
    also: ["-n", "-v", "-x", "-t", "-w", "--numeric", "--verbose", "--table", "--line-numbers"])

  // In an argument "*" at the end stands for any rest, "*=" for an equals sign anywhere.
  private static let programs: [String: Use] = [
    "aa-status": .any, "apparmor_status": .any, "cat": .any, "cut": .any, "df": .any,
    "dpkg-query": .any, "echo": .any, "egrep": .any, "fgrep": .any,
    "findmnt": .without("-p", "--poll*"),
    "getcap": .any, "getenforce": .any, "getent": .any, "getfacl": .any, "grep": .any,
    "groups": .any, "head": .any, "id": .any, "locale": .any, "ls": .any, "lsattr": .any,
    "lsblk": .any, "lsmod": .any, "lsof": .without("-D*", "-r*"), "modinfo": .any,
    "my_print_defaults": .any, "namei": .any, "ps": .any, "readlink": .any, "sestatus": .any,
    "sha256sum": .any, "stat": .any, "uname": .any, "uptime": .any, "wc": .any, "which": .any,
    "who": .any,
    "tail": .without("-f", "-F", "--follow*", "--retry"),
    "ss": .without("-K", "--kill", "-D*", "--diag*", "-E", "--events"),
    "netstat": .without("-c", "--continuous"),
    "find": .without("-exec*", "-ok*", "-delete", "-fprint*", "-fls"),
    "sysctl": .without("-w", "--write", "-p*", "--load*", "--system", "*="),
    "journalctl": .without(
      "-f", "--follow", "--vacuum*", "--rotate", "--flush", "--sync", "--relinquish-var",
      "--smart-relinquish-var", "--update-catalog", "--setup-keys", "--cursor-file*"),
    "dmesg": .without(
      "-C", "-c", "--clear", "--read-clear", "-w", "-W", "--follow*", "-n*", "--console*", "-D",
      "-E"),
    "mount": Use(options: ["-l", "--show-labels"], operands: false),
    "iptables-save": Use(options: [], operands: false),
    "ip6tables-save": Use(options: [], operands: false),
    "iptables": iptables, "ip6tables": iptables,
    "rpm": Use(
      needs: ["-q*", "-V*", "-K", "--query", "--verify", "--checksig"],
      banned: [
        "-i", "-U", "-F", "-e", "-h", "--install", "--upgrade", "--freshen", "--erase", "--import",
        "--rebuilddb", "--initdb", "--set*", "--restore", "--reinstall", "--define*", "-D*",
        "--eval*", "-E*", "--pipe*", "--load*", "--macros*", "--rcfile*", "--root*", "--dbpath*",
      ]),
    "dpkg": .with(
      "-l", "-s", "-L", "-S", "-V", "--list", "--status", "--listfiles", "--search", "--verify",
      "--audit", "-C", "--print-architecture", "--compare-versions"),
    "apt": .verb("list", "show", "policy", options: ["-a", "--installed", "--upgradable", "-q*"]),
    "apt-cache": .verb("policy", "show", "search", options: ["-n", "-q*", "--names-only"]),
    "apk": .verb("info", "version", options: ["-e", "-v", "-q", "-a", "-L", "-vv"]),
    "systemctl": .verb(
      "is-enabled", "is-active", "is-failed", "status", "show", "cat", "list-units",
      "list-unit-files", "list-timers", "list-sockets", "get-default"),
    "chkconfig": .with("--list", also: ["--type*"]),
    "initctl": .verb("list", "status", "show-config"),
    "timedatectl": .verb("", "status", "show", "timesync-status", "show-timesync"),
    "hostnamectl": .verb("", "status"), "localectl": .verb("", "status"),
    "loginctl": .verb("", "list-sessions", "list-users", "show-session", "show-user"),
    "modprobe": Use(needs: ["-n", "-c", "--dry-run", "--show*", "--resolve-alias", "-D"]),
    "auditctl": .with("-l", "-s", "-v", operands: false),
    "augenrules": .with("--check", operands: false),
    "nft": .verb(
      "list", options: ["-a", "-n", "-nn", "-s", "-j", "-t", "-y", "--handle", "--json"]),
    "ufw": .verb("status", "version"),
    "firewall-cmd": .with(
      "--state", "--list-all", "--list-ports", "--list-services", "--get-default-zone",
      "--get-active-zones", "--list-all-zones", "--get-zones", "--list-rich-rules",
      "--query*", also: ["--zone*", "--permanent", "-q", "--quiet"], operands: false),
    "ip": Use(
      options: ["-4", "-6", "-o", "-s", "-d", "-br", "-brief", "-j", "-c*"],
      words: [
        "a", "addr", "address", "l", "link", "r", "route", "ru", "rule", "n", "neigh", "s", "sh",
        "show", "list", "ls", "6", "table", "all", "main",
      ]),
    "useradd": .with("-D", "--defaults", operands: false),
    "passwd": .with("-S", "--status", also: ["-a", "--all"]),
    "chage": .with("-l", "--list", also: ["-i", "--iso8601"]),
    "crontab": .with("-l", also: ["-u"]),
    "sshd": .with("-T", "-t", "-V", also: ["-C", "-f"]), "ssh": .with("-V", operands: false),
    "nginx": .with("-v", "-V", operands: false),
    "httpd": .with("-M", "-S", "-v", "-V", operands: false),
    "apache2ctl": .with("-M", "-S", "-v", operands: false),
    "grubby": .with("--info*", "--default-kernel", "--default-index"),
    "authselect": .verb("current", "list", "check", "show", "list-features"),
    "update-crypto-policies": .with("--show", "--check", "--is-applied", operands: false),
    "fips-mode-setup": .with("--check", "--is-enabled", operands: false),
    "quotaon": .with("-p", "--print-state", also: ["-a", "-u", "-g", "-v"]),
  ]

  private static let runners: Set<String> = [
    "ash", "awk", "bash", "busybox", "command", "dash", "env", "gawk", "ksh", "mawk", "nice",
    "nohup", "perl", "python", "python3", "sed", "setsid", "sh", "timeout", "xargs", "zsh",
  ]

  private static let folders = [
    "/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/",
  ]

  /// Why a command must not run, or nil if it may.
  public func refusal(of command: [UInt8]) -> String? {
    let words = Lines.words(command).map { text($0) }
    guard let first = words.first else { return nil }
    let name = first.utf8.split(separator: UInt8(ascii: "/")).last.flatMap { String($0) } ?? ""
    if extra.contains(first) || extra.contains(name) { return nil }
    if first.utf8.contains(UInt8(ascii: "/")) {
      guard Self.folders.contains(where: { first == $0 + name }) else {
        return "\(first) is in none of the system's folders of programs"
      }
    }
    if ["sudo", "doas", "su"].contains(name) {
      return "\(name) changes the user; write the command itself"
    }
    if Self.runners.contains(name) { return "\(name) can run anything" }
    guard let use = Self.programs[name] else {
      return "\(name) is not among the programs that are known to only read"
    }
    return Self.refusal(name, Array(words.dropFirst()), use)
  }

  private static func refusal(_ name: String, _ arguments: [String], _ use: Use) -> String? {
    let options = arguments.filter { $0.hasPrefix("-") && $0 != "-" && $0 != "--" }
    let operands = arguments.filter { !$0.hasPrefix("-") }
    if let hit = arguments.first(where: { argument in
      use.banned.contains { fits(argument, $0) }
        || (isCluster(argument) && letters(argument).contains { use.banned.contains($0) })
    }) {
      return "\(name) is not allowed with \(hit)"
    }
    if let verbs = use.verbs {
      guard verbs.contains(operands.first ?? "") else {
        let named = verbs.filter { !$0.isEmpty }.joined(separator: ", ")
        return "\(name) is allowed with \(named) only"
      }
    }
    if !use.needs.isEmpty {
      let isThere = options.contains { option in
        use.needs.contains { fits(option, $0) }
          || (isCluster(option) && letters(option).contains { use.needs.contains($0) })
      }
      if !isThere { return "\(name) is allowed with \(use.needs.joined(separator: ", ")) only" }
    }
    if let allowed = use.options {
      let other = options.first { option in
        !allowed.contains { fits(option, $0) }
          && !(isCluster(option) && letters(option).allSatisfy { allowed.contains($0) })
      }
      if let other { return "\(name) is not allowed with \(other)" }
    }
    if !use.operands, let word = operands.first { return "\(name) is not allowed with \(word)" }
    if let known = use.words, let word = operands.first(where: { !known.contains($0) }) {
      return "\(name) is not allowed with \(word)"
    }
    return nil
  }

  /// Several options of one letter in one word: `-nvL`.
  private static func isCluster(_ argument: String) -> Bool {
    argument.utf8.count > 2 && argument.hasPrefix("-") && !argument.hasPrefix("--")
  }

  private static func letters(_ argument: String) -> [String] {
    argument.dropFirst().map { "-\($0)" }
  }

  private static func fits(_ argument: String, _ pattern: String) -> Bool {
    if pattern == "*=" { return argument.utf8.contains(UInt8(ascii: "=")) }
    return pattern.hasSuffix("*")
      ? argument.hasPrefix(String(pattern.dropLast())) : argument == pattern
  }
}
