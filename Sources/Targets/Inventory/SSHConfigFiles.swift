internal import Configuration
internal import Engine
internal import Glibc

extension SSHConfig {
  /// Reads `~/.ssh/config` and `/etc/ssh/ssh_config`, or another file in their place.
  ///
  /// As ssh(1) does, refuses a file of the user that others may write. A file that cannot be read is a
  /// problem, one that is not there is none.
  public static func read(_ path: String? = nil) -> SSHConfig {
    var problems: [Problem] = []
    func note(_ path: String, _ text: String) {
      problems.append(Problem(place: Place(file: path, line: nil), text: text))
    }
    let home = Account.home
    let places: [(path: String, isUser: Bool)] =
      path.map { [($0, true)] }
      ?? [("\(home)/.ssh/config", true), ("/etc/ssh/ssh_config", false)]
    func contents(_ path: String, isUser: Bool) -> [UInt8]? {
      var status = stat()
      guard stat(path, &status) == 0 else {
        if errno != ENOENT && errno != ENOTDIR {
          note(path, SystemError("stat").message)
        }
        return nil
      }
      if isUser, status.st_uid != geteuid() && status.st_uid != 0 || status.st_mode & 0o022 != 0 {
        note(
          path,
          "not read, as others may write it; chmod 600, and chown to the user that runs scrape")
        return nil
      }
      do {
        return try SmallFile.read(path, limit: 4 << 20)
      } catch {
        note(path, error.message)
        return nil
      }
    }
    let files = places.compactMap { place in
      contents(place.path, isUser: place.isUser).map { (place.path, $0, place.isUser) }
    }
    var config = SSHConfig(files) { pattern, isUser in
      let full: String
      if pattern.hasPrefix("~/") {
        full = home + pattern.dropFirst()
      } else if pattern.hasPrefix("/") {
        full = pattern
      } else {
        full = isUser ? "\(home)/.ssh/\(pattern)" : "/etc/ssh/\(pattern)"
      }
      return names(full).compactMap { name in
        contents(name, isUser: isUser).map { (name, $0) }
      }
    }
    config.add(problems)
    return config
  }

  /// The files that a pattern of the shell stands for, sorted. The corresponding C function is `glob`.
  private static func names(_ pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, 0, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { index in
      found.gl_pathv[index].map { String(cString: $0) }
    }
  }
}

extension Inventory {
  /// The inventory with what ssh_config says of its hosts where it is silent itself.
  ///
  /// Address, port, account, keys, `known_hosts` and the jump host: what the inventory names, for a host
  /// or its groups, stays.
  public func configured(by config: SSHConfig) -> Inventory {
    var problems: Set<SSHConfig.Problem> = []
    var warnings = warnings + config.problems.map(\.warning)
    let hosts = hosts.map { host in
      guard host.connection == .ssh else { return host }
      var found: [SSHConfig.Problem] = []
      let completed = config.completing(host, &found)
      for problem in found where problems.insert(problem).inserted {
        warnings.append(problem.warning)
      }
      return completed
    }
    return Inventory(
      hosts: hosts, groups: groups, warnings: warnings, files: files, isWhole: isWhole,
      sshConfig: config)
  }

  /// Faults of the files of ssh_config, for people.
  public var sshConfigProblems: [String] { sshConfig.problems.map(\.description) }
}

extension SSHConfig {
  /// The host with the values that it does not have itself.
  func completing(_ host: Host) -> Host {
    var problems: [Problem] = []
    return completing(host, &problems)
  }

  func completing(_ host: Host, _ problems: inout [Problem]) -> Host {
    func isSet(_ own: String) -> Bool {
      Variable.names(for: own).contains { host[variable: $0].map { !$0.isNull } == true }
    }
    let hasAddress = isSet("address")
    let names = hasAddress && host.address != host.name ? [host.name, host.address] : [host.name]
    let options = options(for: names, user: host.user, localUser: Account.user)
    problems = options.problems
    var host = host
    if !hasAddress, let name = options.hostName {
      let token = Self.percent(name, ["h": host.name])
      if let token { host.address = unbracketed(token) }
    }
    if !isSet("port"), let port = options.port { host.port = port }
    host.user = host.user ?? options.user
    host.hostKeyAlias = options.hostKeyAlias
    host.connectTimeout = options.connectTimeout.map { .seconds($0) }
    host.takesAgentKeys = options.identitiesOnly != true
    let tokens = tokens(of: host, options)
    func paths(_ texts: [String]) -> [String] {
      texts.filter { $0.lowercased() != "none" }.compactMap { text in
        Self.environment(text, { name in Engine.environment(name) })
          .flatMap { Self.percent($0, tokens) }
          .map { $0.hasPrefix("~/") ? Account.home + $0.dropFirst() : $0 }
          .flatMap { $0.hasPrefix("/") ? $0 : nil }
      }
    }
    if !isSet("key"), !options.identityFiles.isEmpty {
      // As with ssh(1), one that is not there is none.
      host.keys = paths(options.identityFiles).filter { access($0, F_OK) == 0 }
    } else if isSet("key") {
      host.takesAgentKeys = false
    }
    if host.knownHosts == nil, !options.userKnownHostsFiles.isEmpty {
      host.userKnownHosts = paths(options.userKnownHostsFiles)
    }
    // `via: none` is a word, too.
    if host.via == nil, host[variable: "via"] == nil {
      if let jump = options.proxyJump, jump.lowercased() != "none" {
        host.via = jump.split(separator: ",").map { text in
          let place = text.hasPrefix("ssh://") ? text.dropFirst(6) : text
          return Self.percent(String(place), tokens) ?? String(place)
        }.joined(separator: ",")
      } else if let command = options.proxyCommand, command.lowercased() != "none" {
        host.refusal =
          "\(options.proxyCommandPlace.map { "\($0)" } ?? "ssh_config") sets ProxyCommand, which would run a program: "
          + "scrape does not; write `via:` in the inventory, or ProxyJump there"
      }
    }
    return host
  }

  /// The values of tokens of ssh_config(5).
  private func tokens(of host: Host, _ options: Options) -> [Character: String] {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let local = String(
      decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return [
      "d": Account.home, "h": host.address, "i": "\(getuid())",
      "k": options.hostKeyAlias ?? host.name, "l": local,
      "L": String(local.prefix { $0 != "." }), "n": host.name, "p": "\(host.port)",
      "r": host.user ?? Account.user, "u": Account.user,
    ]
  }
}

extension SSHConfig.Problem {
  var warning: ConfigurationError {
    var warning = ConfigurationError(text, file: place.file)
    warning.line = place.line
    return warning.asWarning
  }
}
