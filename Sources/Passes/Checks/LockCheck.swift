internal import CLinux
internal import Engine
internal import Glibc
internal import Metrics
internal import Probes

/// Who holds the lock of passes, and how its last holder ended: read, never taken.
enum LockCheck {
  static func check(beside store: String) -> Check {
    let path = store + ".lock"
    var status = stat()
    guard stat(path, &status) == 0 else {
      return errno == ENOENT
        ? Check(.scraper, "lock", nil, "no pass has taken it yet")
        : Check(.scraper, "lock", false, "\(path): \(SystemError("stat").message)")
    }
    guard access(path, R_OK | W_OK) == 0 else {
      let owner = Account.name(of: status.st_uid) ?? "user \(status.st_uid)"
      return Check(
        .scraper, "lock", false,
        "\(path) belongs to \(owner), so that no pass of this user can take it; run scrape as that user, "
          + "or remove the file while no pass runs")
    }
    let bytes = (try? SmallFile.read(path, limit: 64 << 10)) ?? []
    guard let record = LockRecord(String(decoding: bytes, as: UTF8.self)) else {
      return Check(.scraper, "lock", nil, "\(path) names no pass")
    }
    return check(record, store)
  }

  private static func check(_ record: LockRecord, _ store: String) -> Check {
    let what = record.command == .watch ? "`scrape watch`" : "a pass"
    let who = "\(what) (process \(record.process), since \(Format.time(record.since)))"
    switch record.state {
    case .ended, .interrupted: return Check(.scraper, "lock", true, "free")
    case .overdue:
      return Check(
        .scraper, "lock", false,
        "free; the last pass ended itself, past its deadline: \(Reason.overdue.remedy)",
        reason: .overdue)
    case .running: break
    }
    guard record.boot == OwnClock.boot else {
      return Check(.scraper, "lock", true, "free; its last holder ended with an earlier boot")
    }
    guard LockRecord.beginning(of: record.process) == record.began else {
      return Check(
        .scraper, "lock", false,
        "stale: \(who) vanished with it; the next pass takes it over. \(Reason.vanished.remedy)",
        reason: .vanished)
    }
    guard record.overdue > .zero else {
      return Check(.scraper, "lock", true, "held by \(who)")
    }
    return Check(
      .scraper, "lock", false,
      "held by \(who), which is \(Format.duration(record.overdue)) past its deadline; the next pass ends it, "
        + "or kill \(record.process)", reason: .killed)
  }
}

/// Another `scrape` that asks the same inventory into another store: a timer beside a watch, a second unit.
enum InstanceCheck {
  static func check(_ site: Site) -> [Check] {
    guard let own = resolved(site.inventoryPath) else { return [] }
    let bytes = (try? SmallFile.read(site.storePath + ".lock", limit: 64 << 10)) ?? []
    let holder = LockRecord(String(decoding: bytes, as: UTF8.self))?.process
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var found: [Check] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let process = Int32(name), process != getpid(), process != holder else { continue }
      guard let words = words(of: process), words.count > 1,
        words[0].split(separator: "/").last == "scrape", ["run", "watch"].contains(words[1]),
        inventory(of: words, process) == own, isAlive(process)
      else { continue }
      found.append(
        Check(
          .scraper, "instance", false,
          "`scrape \(words[1])` (process \(process)) asks the same inventory, beside the passes of this "
            + "store: hosts are asked twice; stop one of them, a timer or `scrape watch`"))
    }
    return found
  }

  private static func words(of process: Int32) -> [String]? {
    (try? SmallFile.read("/proc/\(process)/cmdline", limit: 64 << 10)).map { bytes in
      bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
  }

  private static func isAlive(_ process: Int32) -> Bool {
    LockRecord.beginning(of: process) != nil
  }

  /// The inventory that a command line names, as `SiteArguments.swift` finds it.
  private static func inventory(of words: [String], _ process: Int32) -> String? {
    var path: String?
    for (index, word) in words.enumerated() {
      if ["--inventory", "-i"].contains(word), index + 1 < words.count { path = words[index + 1] }
      if word.hasPrefix("--inventory=") { path = String(word.dropFirst("--inventory=".count)) }
    }
    let base = "/proc/\(process)/cwd"
    if let path { return resolved(path.hasPrefix("/") ? path : "\(base)/\(path)") }
    return resolved("\(base)/inventory") ?? resolved("/etc/scrape")
  }

  private static func resolved(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }
}
