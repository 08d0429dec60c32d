public import Engine
internal import Glibc
internal import Metrics

/// The files that Grafana loads: boards by folder, data sources, and the provider that names them.
public struct BoardFiles: Sendable {
  private let boards: [Board]
  private let site: BoardSite

  public init(_ boards: [Board], of site: BoardSite) {
    self.boards = boards
    self.site = site
  }

  /// All files by their path in the folder; `path` is where Grafana finds `dashboards`.
  public func contents(seenAt path: String) -> [String: String] {
    var files: [String: String] = [:]
    for board in boards {
      files["dashboards/\(board.folder)/\(board.file)"] =
        board.json(in: site.catalog).indented + "\n"
    }
    var sources = site.sources
    if sources.isEmpty {
      sources = [DataSource(name: "scrape", url: "http://127.0.0.1:8086", database: "scrape")]
    }
    files["provisioning/datasources/scrape.yml"] = DataSource.file(sources)
    files["provisioning/dashboards/scrape.yml"] = """
      # Written by `scrape dashboards`; changes here are lost.
      apiVersion: 1
      providers:
        - name: scrape
          type: file
          disableDeletion: false
          updateIntervalSeconds: 60
          allowUiUpdates: false
          options:
            path: \(JSON.string(path).text)
            foldersFromFilesStructure: true

      """
    return files
  }

  /// Writes all files; removes boards of an earlier run that are no longer made.
  public func write(to folder: String, seenAt path: String?) throws(SystemError) {
    try Self.make(folder)
    guard let full = realpath(folder, nil) else { throw SystemError("realpath \(folder)") }
    defer { free(full) }
    let files = contents(seenAt: path ?? "\(String(cString: full))/dashboards")
    for (name, text) in files.sorted(by: { $0.key < $1.key }) {
      try Self.make("\(folder)/\(name.split(separator: "/").dropLast().joined(separator: "/"))")
      try SmallFile.replace("\(folder)/\(name)", with: Array(text.utf8), mode: 0o644)
    }
    try removeOthers(in: "\(folder)/dashboards", besides: Set(files.keys.map { "\(folder)/\($0)" }))
  }

  private func removeOthers(in folder: String, besides files: Set<String>) throws(SystemError) {
    for name in Self.names(in: folder) {
      for file in Self.names(in: "\(folder)/\(name)")
      where file.hasPrefix("scrape-") && file.hasSuffix(".json") {
        let path = "\(folder)/\(name)/\(file)"
        if !files.contains(path), unlink(path) != 0 { throw SystemError("unlink \(path)") }
      }
      // A folder that is empty now goes, too; rmdir(2) leaves any other.
      rmdir("\(folder)/\(name)")
    }
  }

  private static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// Makes a folder and those above it.
  private static func make(_ folder: String) throws(SystemError) {
    var path = folder.hasPrefix("/") ? "/" : ""
    for part in folder.split(separator: "/") {
      path += (path.isEmpty || path.hasSuffix("/") ? "" : "/") + part
      if mkdir(path, 0o755) != 0, errno != EEXIST { throw SystemError("mkdir \(path)") }
    }
  }
}

extension JSON {
  /// The text with line breaks, two columns deeper per level; short values stay on one line.
  var indented: String { indented(0) }

  private func indented(_ depth: Int) -> String {
    let short = text
    if short.utf8.count + depth <= 100 { return short }
    let margin = String(repeating: " ", count: depth + 2)
    let end = String(repeating: " ", count: depth)
    switch self {
    case .array(let elements):
      let lines = elements.map { margin + $0.indented(depth + 2) }
      return "[\n\(lines.joined(separator: ",\n"))\n\(end)]"
    case .object(let members):
      let lines = members.map {
        "\(margin)\(JSON.string($0.0).text): \($0.1.indented(depth + 2))"
      }
      return "{\n\(lines.joined(separator: ",\n"))\n\(end)}"
    default: return short
    }
  }
}
