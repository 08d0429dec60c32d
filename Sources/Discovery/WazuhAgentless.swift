internal import Engine
internal import Glibc
internal import Inventory
internal import Metrics
internal import Parsers

/// The `<agentless>` entries of Wazuh's `ossec.conf` as hosts, `file` probes and policies.
///
/// Such a file has several root elements, and its reader is no reader of XML: `&` stands alone, `\<` is a `<`.
/// What has no counterpart here is a note of the host.
public struct WazuhAgentless: Sendable {
  /// Why a file cannot be read.
  public struct Fault: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
  }

  /// The hosts of all entries, each once.
  public private(set) var hosts: [FoundHost] = []
  /// Files of policies in the form of Wazuh SCA, by their path beside the inventory.
  public private(set) var policies: [(path: String, text: String)] = []
  /// What was found, and what is not taken over, for people.
  public private(set) var notes: [String] = []
  /// Whether a host has no shell, so that scrape.yml needs the profile `outside`.
  public private(set) var needsProfile = false

  /// Reads `ossec.conf`, and the names of `.passlist`: its passwords are skipped.
  public init(_ bytes: [UInt8], passwords: [UInt8] = []) throws(Fault) {
    let document: XMLReader.Document
    do throws(ParseError) {
      document = try XMLReader.read(Self.whole(bytes).span, format: "ossec.conf")
    } catch { throw Fault("\(error)") }
    if let problem = document.problem { throw Fault("\(problem)") }
    let blocks = document.root.children
      .filter { $0.name == "ossec_config" }
      .flatMap(\.children).filter { $0.name == "agentless" }
    let known = Self.names(passwords)
    var found = FoundHosts()
    for (index, block) in blocks.enumerated() { take(block, index + 1, known, &found) }
    hosts = found.hosts
    if blocks.isEmpty { notes.append("no <agentless> in an <ossec_config>") }
  }

  /// The text inside one root element, without comments and declarations, and with `&` and `\<` as XML wants
  /// them. Lines stay where they are.
  static func whole(_ bytes: [UInt8]) -> [UInt8] {
    var result = Array("<scrape>".utf8)
    var rest = bytes[...]
    if rest.starts(with: [0xef, 0xbb, 0xbf]) { rest = rest.dropFirst(3) }
    func skip(to end: String) {
      let end = Array(end.utf8)
      while !rest.isEmpty, !rest.starts(with: end) {
        if rest.first == 0x0a { result.append(0x0a) }
        rest = rest.dropFirst()
      }
      rest = rest.dropFirst(end.count)
    }
    while let byte = rest.first {
      if rest.starts(with: "<!--".utf8) {
        skip(to: "-->")
      } else if rest.starts(with: "<?".utf8) {
        skip(to: "?>")
      } else if byte == UInt8(ascii: "\\"), rest.dropFirst().first == UInt8(ascii: "<") {
        result += Array("&lt;".utf8)
        rest = rest.dropFirst(2)
      } else if byte == UInt8(ascii: "&"),
        !["&lt;", "&gt;", "&amp;", "&quot;", "&apos;", "&#"].contains(where: {
          rest.starts(with: $0.utf8)
        })
      {
        result += Array("&amp;".utf8)
        rest = rest.dropFirst()
      } else {
        result.append(byte)
        rest = rest.dropFirst()
      }
    }
    return result + Array("</scrape>".utf8)
  }

  /// The hosts of `.passlist`, `host|password|second`, and whether each has a second password.
  private static func names(_ bytes: [UInt8]) -> [String: Bool] {
    var names: [String: Bool] = [:]
    for line in bytes.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }) {
      let fields = line.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
      guard fields.count >= 2, fields[0].first != UInt8(ascii: "#") else { continue }
      let isKey = fields[1].elementsEqual("NOPASS".utf8)
      if isKey { continue }
      names[String(decoding: fields[0], as: UTF8.self)] = fields.count > 2 && !fields[2].isEmpty
    }
    return names
  }

  private static let shells = [
    "ssh_integrity_check_linux", "ssh_integrity_check_bsd", "ssh_generic_diff",
  ]
  private static let devices = [
    "ssh_pixconfig_diff", "ssh_asa-fwsmconfig_diff", "ssh_foundry_diff",
  ]

  private mutating func take(
    _ block: XMLElement, _ number: Int, _ known: [String: Bool], _ found: inout FoundHosts
  ) {
    func texts(_ name: String) -> [String] {
      block.children.filter { $0.name == name && $0.isClosed }.map(\.text).filter { !$0.isEmpty }
    }
    let type = texts("type").first ?? ""
    let state = texts("state").first ?? ""
    let arguments = texts("arguments").joined(separator: " ")
    let every = texts("frequency").first.flatMap { Int($0) }
      .flatMap { (1...31_622_400).contains($0) ? $0 : nil }
    let what = "entry \(number), \(type)"
    guard Self.shells.contains(type) || Self.devices.contains(type) else {
      notes.append("\(what): an unknown type; not taken over")
      return
    }
    var entries: [String] = []
    var remarks: [String] = []
    var policy: String?
    switch type {
    case "ssh_generic_diff": (entries, remarks) = Self.commands(arguments, every)
    case _ where Self.devices.contains(type):
      needsProfile = true
      remarks.append("\(type): no counterpart yet: the difference of a device's configuration")
      remarks.append(
        "a device without a shell is probed only; scrape.yml needs `profiles: {outside: {collectors: {}}}`"
      )
    default:
      let (files, folders, others) = Self.paths(arguments)
      entries = files.map { Self.file($0, every) }
      if !files.isEmpty {
        remarks.append(
          "`sha256:` in a file probe notices a change; take it from sha256sum on the host")
      }
      if !folders.isEmpty {
        remarks.append(
          "no counterpart yet: checksums of all files below \(folders.joined(separator: " "))")
        policy = "policies/agentless-\(number).yml"
        policies.append((policy ?? "", Self.policy(number, folders, files)))
      }
      if !others.isEmpty {
        remarks.append("not taken over: \(others.joined(separator: " ")), no absolute path")
      }
    }
    if !state.isEmpty, state != "periodic", state != "periodic_diff" {
      remarks.append("the state \"\(state)\" is unknown")
    }
    if every == nil { remarks.append("no frequency that can be read: in each pass") }
    let places = texts("host")
    if places.isEmpty { notes.append("\(what): no host") }
    for place in places {
      guard var host = Self.host(place, known) else {
        notes.append("\(what): \"\(place)\" is no user@host")
        continue
      }
      host.groups = [Self.devices.contains(type) ? "devices" : "agentless"]
      host.entries = (Self.devices.contains(type) ? ["ssh"] : []) + entries
      if Self.devices.contains(type) { host.variables.append(("profile", "outside")) }
      host.notes = ["Wazuh's \(type)\(state.isEmpty ? "" : ", \(state)")"] + remarks + host.notes
      if let policy {
        host.variables.append(("policies", "[\(policy)]"))
      }
      add(host, to: &found)
    }
  }

  /// Policies of several entries of one host are one list.
  private func add(_ host: FoundHost, to found: inout FoundHosts) {
    let own = host.variables.first { $0.name == "policies" }?.value
    let index = found.hosts.firstIndex {
      $0.address == host.address && (host.address != nil || $0.name == host.name)
    }
    if let index {
      // A file is checked once.
      let known = found.hosts[index].entries.map(Self.path)
      var host = host
      host.entries.removeAll { known.contains(Self.path($0)) }
      found.add(host)
    } else {
      found.add(host)
    }
    guard let own, let index,
      let there = found.hosts[index].variables.first(where: { $0.name == "policies" })?.value,
      there != own, !there.contains(own.dropFirst().dropLast())
    else { return }
    found.set("policies", "\(there.dropLast()), \(own.dropFirst())", at: index)
  }

  /// `[use_su|use_sudo] [user@]host [enablepass]`.
  private static func host(_ text: String, _ known: [String: Bool]) -> FoundHost? {
    var words = text.utf8.split { $0 == 0x20 || $0 == 0x09 }
      .map { String(decoding: $0, as: UTF8.self) }
    var notes: [String] = []
    var variables: [(name: String, value: String)] = []
    if words.first == "use_su" {
      words.removeFirst()
      notes.append("no counterpart: su; `become: sudo` runs what needs root in policies")
    } else if words.first == "use_sudo" {
      words.removeFirst()
      variables.append(("become", "sudo"))
    }
    if words.count > 1, words[1] == "enablepass" {
      words.remove(at: 1)
      notes.append("no counterpart: enablepass")
    }
    guard words.count == 1, let place = words.first else { return nil }
    var address = place
    var user: String?
    if let at = place.lastIndex(of: "@") {
      user = String(place[..<at])
      address = String(place[place.index(after: at)...])
    }
    guard let address = FoundName.address(address),
      user.map({ !$0.isEmpty && FoundName.of($0) == $0 }) ?? true
    else { return nil }
    var host = FoundHost()
    if isAddress(address) { host.address = address } else { host.name = address }
    host.user = user
    host.variables = variables
    if let second = known[place] {
      let name = FoundName.of(address) ?? FoundName.dashed(address)
      notes.append("its password of .passlist goes into a file of mode 600; then write here")
      notes.append("password: file:secrets/\(name)")
      if second { notes.append("no counterpart: its second password of .passlist (enable, su)") }
    }
    host.notes = notes
    return host
  }

  /// Files, folders and the rest of the arguments of an integrity check.
  static func paths(_ arguments: String) -> (files: [String], folders: [String], others: [String]) {
    let folders: Set<String> = [
      "/", "/bin", "/sbin", "/etc", "/usr", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/boot",
      "/lib",
      "/var", "/opt", "/root", "/home",
    ]
    let files: Set<String> = [
      "passwd", "group", "shadow", "gshadow", "sudoers", "hosts", "fstab", "crontab", "profile",
      "sshd_config", "ssh_config", "authorized_keys", "inittab", "services",
    ]
    var result: (files: [String], folders: [String], others: [String]) = ([], [], [])
    for part in arguments.utf8.split(whereSeparator: {
      $0 == 0x20 || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d
    }) {
      var path = String(decoding: part, as: UTF8.self)
      guard path.hasPrefix("/"), path.utf8.count < 1024,
        path.utf8.allSatisfy({
          (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20)
            || "/._-+@".utf8.contains($0)
        })
      else {
        result.others.append(path)
        continue
      }
      let isSlashed = path.utf8.count > 1 && path.hasSuffix("/")
      while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
      let name = path.split(separator: "/").last.map(String.init) ?? ""
      let isFile =
        !isSlashed && !folders.contains(path)
        && (files.contains(name) || name.dropFirst().contains("."))
      if isFile {
        if !result.files.contains(path) { result.files.append(path) }
      } else if !result.folders.contains(path) {
        result.folders.append(path)
      }
    }
    return result
  }

  /// The `file` probes of `cat FILE`; other commands are named.
  private static func commands(
    _ arguments: String, _ every: Int?
  ) -> (entries: [String], notes: [String]) {
    var entries: [String] = []
    var notes: [String] = []
    for part in arguments.utf8.split(whereSeparator: { $0 == UInt8(ascii: ";") || $0 == 0x0a }) {
      let text = String(decoding: part, as: UTF8.self)
      let words = part.split { $0 <= 0x20 }.map { String(decoding: $0, as: UTF8.self) }
      if words.isEmpty { continue }
      if words.first == "cat", words.count > 1 {
        let (files, folders, others) = paths(words.dropFirst().joined(separator: " "))
        if others.isEmpty {
          entries += (files + folders).map { file($0, every) }
          continue
        }
      }
      notes.append("no counterpart yet: the difference of the output of: \(text)")
    }
    return (entries, notes)
  }

  private static func file(_ path: String, _ every: Int?) -> String {
    "{file: {path: \(FoundName.yaml(path))\(every.map { ", every: \($0)s" } ?? "")}}"
  }

  /// The beginning of an entry up to its path.
  private static func path(_ entry: String) -> String {
    String(entry.prefix { $0 != "," && $0 != "}" })
  }

  /// A policy that folders and files are there.
  private static func policy(_ number: Int, _ folders: [String], _ files: [String]) -> String {
    var lines = [
      "# From entry \(number) of Wazuh's agentless checks. It says that the paths are there; what a checksum of all",
      "# files below a folder said has no counterpart yet.",
      "policy:", "  id: agentless-\(number)", "  file: agentless-\(number).yml",
      "  name: \"Paths of the agentless check \(number)\"",
      "  description: \"Folders and files that Wazuh's agentless integrity check read.\"",
      "checks:",
    ]
    for (index, path) in (folders.map { "d:\($0)" } + files.map { "f:\($0)" }).enumerated() {
      lines += [
        "  - id: \(number * 1000 + index + 1)", "    title: \"\(path.dropFirst(2)) is there\"",
        "    condition: all", "    rules:", "      - \"\(path)\"",
      ]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The inventory. If it is the `isWhole` folder, it names the policies that are written beside it.
  public func draft(isWhole: Bool) -> String {
    var hosts = hosts
    if !isWhole {
      for index in hosts.indices {
        hosts[index].variables.removeAll { ["policies", "profile"].contains($0.name) }
      }
    }
    return Draft(
      hosts,
      heading: [
        "From <agentless> of Wazuh's ossec.conf by `scrape import wazuh`. No password is taken over.",
        "Check it with `scrape lint`, then learn host keys with `scrape trust`.",
      ] + notes
    ).text
  }

  /// Writes the inventory, its policies and, where a host has no shell, settings to a new folder; returns the
  /// names of the files.
  public func write(to folder: String) throws -> [String] {
    guard mkdir(folder, 0o755) == 0 else { throw SystemError("mkdir \(folder)") }
    var files: [(path: String, text: String)] = [("hosts.yml", draft(isWhole: true))]
    if needsProfile {
      files.append(
        (
          "scrape.yml",
          "profiles:\n  outside: {collectors: {}}     # probed only: devices without a shell\n"
        ))
    }
    if !policies.isEmpty {
      guard mkdir("\(folder)/policies", 0o755) == 0 else {
        throw SystemError("mkdir \(folder)/policies")
      }
      files += policies
    }
    for file in files {
      try SmallFile.replace("\(folder)/\(file.path)", with: Array(file.text.utf8), mode: 0o644)
    }
    return files.map(\.path)
  }
}
