internal import CLinux
internal import Engine
internal import Glibc
internal import Hosts
internal import Inventory
internal import Metrics
internal import Store
internal import Transfer

/// Host keys that are accepted, and the libraries.
extension DoctorChecks {
  /// Whether each host has an accepted key, and nobody else can write the files that say so.
  var knownHosts: Check {
    let own = site.inventory.hosts.filter { site.inventory.spool(of: $0.name) == nil }
    let hosts = (site.inventory.strangers(of: own) + own).filter { $0.connection == .ssh }
    guard !hosts.isEmpty else {
      return Check(.scraper, "known_hosts", nil, "no host is asked over SSH")
    }
    var files: [String] = []
    for host in hosts {
      for file in site.knownHostFiles(of: host) where !files.contains(file) {
        guard access(file, F_OK) == 0 else { continue }
        files.append(file)
      }
    }
    for file in files {
      guard access(file, R_OK) == 0 else {
        return Check(
          .scraper, "known_hosts", false,
          "\(file) cannot be read by this user; chmod 644 it, or chown it to \(Account.user)")
      }
      var status = stat()
      if stat(file, &status) == 0, status.st_mode & 0o022 != 0 {
        return Check(
          .scraper, "known_hosts", false,
          "\(file) can be written by others, who could have us trust any host; chmod go-w \(file)")
      }
    }
    var gatherer = gatherer
    gatherer.warnings = []
    var missing: [String] = []
    var asked = 0
    for host in hosts {
      guard case .ssh(let target) = Reach(host, &gatherer) else { continue }
      asked += 1
      if target.accepted.isEmpty { missing.append(host.name) }
    }
    if !missing.isEmpty {
      let whom = missing.count == asked ? "all" : missing.count == 1 ? missing[0] : "PATTERN"
      return Check(
        .scraper, "known_hosts", false,
        "\(fold(missing)): no host key is accepted; compare fingerprints, then scrape trust \(whom)",
        reason: .hostKeyUnknown)
    }
    if let warning = gatherer.warnings.first {
      return Check(
        .scraper, "known_hosts", false, "\(warning); correct the line, or remove it")
    }
    return Check(
      .scraper, "known_hosts", true,
      "\(Format.count(asked, "host")) with accepted keys: \(files.joined(separator: ", "))")
  }

  /// The libraries that are loaded, which may be others than those of the build.
  static var libraries: Check {
    let versions = [
      "libssh2 \(HostTarget.libraryVersion)", Transfers.libraryVersion,
      "SQLite \(Store.libraryVersion)",
    ]
    let text = versions.joined(separator: ", ")
    guard HostTarget.isLibraryRecent else {
      return Check(
        .scraper, "libraries", false,
        "\(text); libssh2 before 1.10 knows no rsa-sha2, so that current servers refuse it: install a "
          + "later one")
    }
    return Check(.scraper, "libraries", true, text)
  }
}
