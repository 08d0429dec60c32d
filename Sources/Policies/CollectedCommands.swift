/// How a command ended, from what the host printed.
extension HostCollection {
  func result(of parts: [Part], _ words: [[UInt8]]) -> CommandResult {
    guard
      let part = parts.last(where: {
        $0.title == [UInt8(ascii: "r")] || $0.title == [UInt8(ascii: "s")]
      })
    else { return .notCollected(gap.failure.words) }
    let usesSudo = part.title == [UInt8(ascii: "s")]
    let shown = clipped(Array(words.joined(separator: [0x20])))
    guard let word = parts.last(where: { $0.title.first == UInt8(ascii: "x") })?.title.dropFirst(2),
      let status = Int(text(word))
    else {
      // What ends it was cut off with the output.
      guard part.content.count >= CollectionScript.fileLimit else {
        return parts.contains { $0.title.first == UInt8(ascii: "t") }
          ? .timedOut : .notCollected(gap.failure.words)
      }
      return .cut(output: Array(part.content.prefix(CollectionScript.fileLimit)))
    }
    let output = part.content
    switch status {
    case 124, 137, 143: return .timedOut
    case 126: return .denied("\"\(shown)\" may not be executed")
    case 127 where usesSudo: return .denied("\"\(shown)\" needs sudo, which the host does not have")
    case 127: return .absent
    default: break
    }
    if usesSudo, output.starts(with: "sudo: ".utf8) || Self.contains(output, Self.sudoWords) {
      if Self.contains(output, ["command not found"]) { return .absent }
      let line = clipped(output.prefix { $0 != lineFeed })
      return .denied("\"\(shown)\" is not permitted: \(line)")
    }
    guard user != 0, !usesSudo else { return .ran(output: output, status: status) }
    if status != 0, AllowedCommands.needsRoot(words) {
      return .denied("\"\(shown)\" needs root (status \(status)); see `become: sudo`")
    }
    if let line = Self.line(output, with: Self.deniedWords) {
      return .denied("\"\(shown)\" was not permitted: \(clipped(line))")
    }
    if let partial = AllowedCommands.needsRootToSeeAll(words) {
      return .denied("\"\(shown)\": \(partial)")
    }
    return .ran(output: output, status: status)
  }

  private static let sudoWords = [
    "is not allowed to execute", "is not in the sudoers file", "may not run sudo",
    "a password is required",
  ]

  /// What programs say to an account that may not see all.
  private static let deniedWords = [
    ": permission denied", ": operation not permitted", "permission denied (you must be root)",
    "must be root", "need to be root", "you need root", "must be superuser", "are you root",
    "enough privilege", "must be privileged", "no hostkeys available", "access denied",
    "interactive authentication required", "not seeing messages from other users",
    "only root", "need root",
  ]

  private static func contains(_ output: [UInt8], _ words: [String]) -> Bool {
    line(output, with: words) != nil
  }

  /// The first line with one of the words, which are in small letters.
  private static func line(_ output: [UInt8], with words: [String]) -> ArraySlice<UInt8>? {
    let small = output.map(folded)
    for word in words {
      guard let range = small.firstRange(of: Array(word.utf8)) else { continue }
      let start = output[..<range.lowerBound].lastIndex(of: lineFeed).map { $0 + 1 } ?? 0
      return output[start...].prefix { $0 != lineFeed }
    }
    return nil
  }
}

extension AllowedCommands {
  /// Programs that do nothing useful without root.
  private static let rootPrograms: Set<String> = [
    "auditctl", "augenrules", "iptables", "ip6tables", "iptables-save", "ip6tables-save", "nft",
    "ufw", "aa-status", "apparmor_status", "sshd", "firewall-cmd", "quotaon", "grubby",
    "passwd", "chage",
  ]

  /// Files that only root may read on usual systems.
  private static let rootFiles = [
    "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/root", "/etc/audit",
    "/var/log/audit",
    "/var/spool/cron", "/boot/grub", "/boot/grub2", "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d", "/etc/security/opasswd",
  ]

  /// Whether usually only root may read the file.
  static func isOfRoot(_ path: [UInt8]) -> Bool {
    rootFiles.contains { path.elementsEqual($0.utf8) || path.starts(with: "\($0)/".utf8) }
  }

  /// Whether the command needs root on usual systems, so that `become: sudo` is for it.
  public static func needsRoot(_ words: [[UInt8]]) -> Bool {
    guard let first = words.first else { return false }
    let name = text(first.split(separator: UInt8(ascii: "/")).last ?? [])
    if rootPrograms.contains(name) { return true }
    if name == "crontab", words.contains(Array("-u".utf8)) { return true }
    // What stat and ls say of such a file needs no permission for the file itself.
    guard ["cat", "grep", "egrep", "fgrep", "head", "tail", "cut", "wc", "find"].contains(name)
    else { return false }
    return words.dropFirst().contains { isOfRoot($0) }
  }

  /// Why the command shows an ordinary account a part only, without a word; nil if it does not.
  static func needsRootToSeeAll(_ words: [[UInt8]]) -> String? {
    guard let first = words.first else { return nil }
    let name = text(first.split(separator: UInt8(ascii: "/")).last ?? [])
    func has(_ letter: UInt8) -> Bool {
      words.dropFirst().contains {
        $0.first == UInt8(ascii: "-") && $0.dropFirst().first != UInt8(ascii: "-")
          && $0.contains(letter)
      }
    }
    switch name {
    case "lsof": return "it shows only processes of this account"
    case "ss" where has(UInt8(ascii: "p")), "netstat" where has(UInt8(ascii: "p")):
      return "it shows only processes of this account (-p)"
    default: return nil
    }
  }
}

extension HostCollection {
  /// Whether a file, or the output of a command, may hold secrets: its lines are neither shown nor
  /// kept.
  public static func isSecret(_ source: [UInt8]) -> Bool {
    let names = [
      "/etc/shadow", "/etc/gshadow", "/etc/security/opasswd", "_key", ".key", "id_rsa",
      "id_ed25519",
      "id_ecdsa", "/.ssh/", ".pem", "/krb5.keytab", "password", "secret", "grub.cfg", "user.cfg",
    ]
    return names.contains { source.firstRange(of: Array($0.utf8)) != nil }
  }

  /// The items that the store may keep.
  public var keptRecords: [Record] {
    records.filter { record in
      switch record.item {
      case .path(let path, let reads): !reads || !Self.isSecret(path)
      case .command(let text), .script(let text): !Self.isSecret(text)
      case .folder, .processes: true
      }
    }.map { record in
      guard case .folder = record.item else { return record }
      var record = record
      // The content of a file that may hold secrets.
      for index in record.parts.indices
      where record.parts[index].title.first == UInt8(ascii: "c")
        && Self.isSecret(record.parts[index].title)
      {
        record.parts[index].content = []
      }
      return record
    }
  }
}
