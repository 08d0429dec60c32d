internal import Configuration
internal import Glibc

/// The files of an inventory, and the language of each: YAML or INI.
extension InventoryDraft {
  /// Extensions that Ansible ignores, too.
  private static let skippedEndings = [
    "~", ".bak", ".orig", ".cfg", ".retry", ".swp", ".pyc", ".pyo", ".rpm", ".md", ".txt", ".rst",
    ".pub", ".pem", ".key", ".db", ".log",
  ]
  private static let skippedNames = [
    "group_vars", "host_vars", "policies", "scrape.yml", "scrape.yaml", "known_hosts",
  ]
  private static let fileLimit = 10_000

  /// Reads the file, or the files of the folder in the order of their names, and the folders of
  /// variables beside them.
  mutating func read(path: String, files: inout [String]) {
    guard let isFolder = isFolder(path) else {
      findings.add(
        ConfigurationError(
          "cannot be opened: \(systemReason(errno))", file: path,
          hint: "name the inventory with --inventory PATH"))
      return
    }
    if !isFolder {
      readFile(path, &files)
      readVariables(beside: path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".", &files)
      // Folders of variables beside a single file may serve other inventories, too.
      return
    }
    let before = files.count
    noteSecrets(in: path)
    readFolder(path, depth: 0, &files)
    if files.count == before {
      findings.add(
        ConfigurationError(
          "holds no inventory", file: path,
          hint: "put a hosts.yml there, or name one of its folders that has a scrape.yml"))
    }
    readVariables(beside: path, &files, isWhole: true)
  }

  private mutating func readFolder(_ path: String, depth: Int, _ files: inout [String]) {
    guard let names = entries(of: path) else {
      findings.add(ConfigurationError("cannot be listed: \(systemReason(errno))", file: path))
      return
    }
    for name in names {
      if name.hasPrefix("."), name != "." { continue }
      if Self.skippedNames.contains(name) || name.hasPrefix("README") || name.hasPrefix("id_") {
        continue
      }
      if Self.skippedEndings.contains(where: { name.hasSuffix($0) }) { continue }
      let full = path == "/" ? "/\(name)" : "\(path)/\(name)"
      guard files.count < Self.fileLimit else {
        findings.add(ConfigurationError("holds more than \(Self.fileLimit) files", file: path))
        return
      }
      switch isFolder(full) {
      case true?:
        // A folder with settings of its own is an inventory of its own.
        if ["scrape.yml", "scrape.yaml"].contains(where: { access("\(full)/\($0)", F_OK) == 0 }) {
          continue
        }
        if depth < 8 { readFolder(full, depth: depth + 1, &files) }
      case false? where isSecret(full): continue
      case false?:
        if let reason = strangeness(of: name, at: full) {
          findings.warn(ConfigurationError("is left out: \(reason)", file: full))
        } else {
          readFile(full, &files)
        }
      case nil:
        findings.add(ConfigurationError("cannot be opened: \(systemReason(errno))", file: full))
      }
    }
  }

  /// Why a file in the folder is no inventory; nil if it is one. A password in a file there must not
  /// become the name of a host.
  private func strangeness(of name: String, at path: String) -> String? {
    if [".yml", ".yaml", ".json", ".ini"].contains(where: { name.hasSuffix($0) }) { return nil }
    // A program is refused by name, whatever its extension.
    if isExecutable(path) || (try? Source.read(path))?.bytes.starts(with: "#!".utf8) == true {
      return nil
    }
    if name.contains(".") { return "its ending is none of .yml, .yaml, .json and .ini" }
    if ["hosts", "inventory"].contains(name) || isOutspoken(path) { return nil }
    return "it has no ending and no group; add .ini or .yml if it is an inventory"
  }

  /// Whether the first line with content can only be an inventory's: a group in brackets, or the start
  /// of YAML. Neither a password on one line nor a list of bare names qualifies.
  private func isOutspoken(_ path: String) -> Bool {
    guard let source = try? Source.read(path) else { return false }
    for number in 1...max(1, source.lineCount) {
      let line = String(decoding: source.line(number).prefix(1024), as: UTF8.self)
      let words = line.split { $0.isWhitespace }
      guard let first = words.first, !first.hasPrefix("#"), !first.hasPrefix(";") else { continue }
      if first == "---" { return words.count == 1 && source.lineCount > 1 }
      let isGroup =
        first.hasPrefix("[") && first.hasSuffix("]") && first.utf8.count > 2
        && first.dropFirst().dropLast().allSatisfy {
          $0.isLetter || $0.isNumber || "_-.:".contains($0)
        }
      // A single line would be a group without hosts.
      return source.lineCount > number && words.count == 1 && (isGroup || first.hasSuffix(":"))
    }
    return false
  }

  private mutating func readFile(_ path: String, _ files: inout [String]) {
    files.append(path)
    guard let source = findings.attempt({ () throws(ConfigurationError) in try Source.read(path) })
    else {
      isIncomplete = true
      return
    }
    if source.bytes.starts(with: "#!".utf8) || isExecutable(path) {
      isIncomplete = true
      let hint =
        source.bytes.starts(with: "#!".utf8)
        ? "write its result to a file: ansible-inventory -i THIS --list --yaml > hosts.yml"
        : "if it is plain text: chmod -x \(path)"
      findings.add(
        ConfigurationError(
          "is a program, and scrape never runs an inventory", file: path, hint: hint))
      return
    }
    if source.bytes.starts(with: "$ANSIBLE_VAULT;".utf8) {
      findings.add(
        ConfigurationError(
          "is encrypted by ansible-vault, which scrape does not open", file: path,
          hint: "keep the hosts in clear and only the secrets elsewhere: file:PATH"))
      return
    }
    if source.bytes.starts(with: "-----BEGIN".utf8) {
      findings.add(
        ConfigurationError(
          "is a key or certificate, not an inventory", file: path,
          hint: "keep keys in another folder"))
      return
    }
    if isYAML(source) {
      if let root = findings.attempt({ () throws(ConfigurationError) in try YAML.read(source) }) {
        read(yaml: root)
      } else {
        isIncomplete = true
      }
    } else {
      read(ini: source)
    }
  }

  /// The language by the file name; for other names, by the first line with content.
  private func isYAML(_ source: Source) -> Bool {
    if [".yml", ".yaml", ".json"].contains(where: { source.path.hasSuffix($0) }) { return true }
    if source.path.hasSuffix(".ini") { return false }
    for number in 1...max(1, source.lineCount) {
      let line = String(decoding: source.line(number).prefix(1024), as: UTF8.self)
      let text = line.drop { $0.isWhitespace }
      guard let first = text.first, first != "#", first != ";" else { continue }
      if first == "{" || text.hasPrefix("---") { return true }
      if first == "[" { return false }
      let word = text.prefix { !$0.isWhitespace }
      return word.hasSuffix(":")
    }
    return true
  }

  // MARK: group_vars and host_vars

  private mutating func readVariables(
    beside folder: String, _ files: inout [String], isWhole: Bool = false
  ) {
    readVariables(in: "\(folder)/group_vars", &files) { draft, name, place in
      guard draft.groups[name] == nil else { return true }
      if draft.isIncomplete { return false }
      draft.findings.warn(
        ConfigurationError(
          "there is no group \"\(name)\"", file: place,
          hint: didYouMean(name, among: draft.groupOrder)))
      return false
    } keep: { draft, name, pair in
      draft.set(group: name, pair.key, pair.value, inFile: true)
    }
    readVariables(in: "\(folder)/host_vars", &files) { draft, name, place in
      guard draft.hosts[name] == nil else { return true }
      if draft.isIncomplete { return false }
      let error = ConfigurationError(
        "host \"\(name)\" is in no group", file: place,
        hint: didYouMean(name, among: draft.hostOrder)
          ?? "name it under \"hosts:\" of a group, or remove the file")
      // A folder is one inventory, so a host with variables only is a slip; beside a single file the
      // folder may serve other inventories, too.
      if isWhole { draft.findings.add(error) } else { draft.findings.warn(error) }
      return false
    } keep: { draft, name, pair in
      draft.set(host: name, fromFile: pair.key, pair.value)
    }
  }

  private mutating func readVariables(
    in folder: String, _ files: inout [String],
    isKnown: (inout InventoryDraft, String, String) -> Bool,
    keep: (inout InventoryDraft, String, Node.Pair) -> Void
  ) {
    guard isFolder(folder) == true else { return }
    guard let names = entries(of: folder) else {
      findings.add(ConfigurationError("cannot be listed: \(systemReason(errno))", file: folder))
      return
    }
    // Ansible reads only the first of NAME, NAME.yml, NAME.yaml, NAME.json.
    var taken: [String: String] = [:]
    for ending in ["", ".yml", ".yaml", ".json"] {
      for name in names where !name.hasPrefix(".") && !name.hasSuffix("~") {
        guard ending.isEmpty || name.hasSuffix(ending) else { continue }
        let full = "\(folder)/\(name)"
        let owner: String
        if ending.isEmpty {
          let known = [".yml", ".yaml", ".json"].contains { name.hasSuffix($0) }
          if known { continue }
          owner = name
          // Ansible reads no other extension; a name with dots is a host's.
          if hasForeignEnding(name) { continue }
        } else {
          owner = String(name.dropLast(ending.count))
        }
        if let other = taken[owner] {
          findings.warn(
            ConfigurationError("is not read, as \(other) is there", file: full))
          continue
        }
        guard !isSecret(full) else { continue }
        taken[owner] = full
        guard isKnown(&self, owner, full) else { continue }
        for file in ending.isEmpty ? variableFiles(full, depth: 0) : [full] {
          files.append(file)
          for pair in variables(of: file) { keep(&self, owner, pair) }
        }
      }
    }
  }

  private func hasForeignEnding(_ name: String) -> Bool {
    Self.skippedEndings.contains { name.hasSuffix($0) }
  }

  /// The file itself, or those of a folder in the order of their names.
  private func variableFiles(_ path: String, depth: Int) -> [String] {
    guard isFolder(path) == true else { return [path] }
    guard depth < 8, let names = entries(of: path) else { return [] }
    return names.filter { name in
      !name.hasPrefix(".") && !name.hasSuffix("~") && !isSecret("\(path)/\(name)")
        && (!name.contains(".") || isFolder("\(path)/\(name)") == true
          || [".yml", ".yaml", ".json"].contains { name.hasSuffix($0) })
    }.flatMap { variableFiles("\(path)/\($0)", depth: depth + 1) }
  }

  private mutating func variables(of path: String) -> [Node.Pair] {
    guard let source = findings.attempt({ () throws(ConfigurationError) in try Source.read(path) })
    else { return [] }
    if source.bytes.starts(with: "$ANSIBLE_VAULT;".utf8) {
      findings.warn(
        ConfigurationError(
          "is encrypted by ansible-vault and left out", file: path,
          hint: "what scrape needs of it: ${NAME}, file:PATH or credential:NAME"))
      return []
    }
    return findings.attempt { () throws(ConfigurationError) in
      try YAML.read(source).mapping("a file of variables")
    } ?? []
  }
}

/// Whether the path is a folder; nil, with errno set, if that is unknown.
private func isFolder(_ path: String) -> Bool? {
  var status = stat()
  guard stat(path, &status) == 0 else { return nil }
  return status.st_mode & S_IFMT == S_IFDIR
}

private func isExecutable(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & 0o111 != 0
}

/// The names in a folder, sorted by their bytes; nil, with errno set, where it cannot be read.
private func entries(of path: String) -> [String]? {
  guard let folder = opendir(path) else { return nil }
  defer { closedir(folder) }
  var names: [String] = []
  while names.count < 100_000, let entry = readdir(folder) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != ".", name != ".." { names.append(name) }
  }
  return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}
