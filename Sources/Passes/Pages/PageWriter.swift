internal import CLinux
internal import Engine
internal import Glibc
internal import Inventory
public import Metrics
internal import Pages
public import Store

/// Writes the folders of pages at the end of a pass.
///
/// The pages of all hosts together are written each time. Those of single hosts take turns within a limit
/// of time: those in which something changed first, then those that were not written for longest. So a pass
/// over many hosts stays short, and each page says when it was written.
public struct PageWriter: Sendable {
  let site: Site
  let store: Store
  /// The time for the pages of hosts, of one folder.
  var limit = Duration.milliseconds(60)

  public init(_ site: Site, _ store: Store, limit: Duration = .milliseconds(60)) {
    self.site = site
    self.store = store
    self.limit = limit
  }

  /// What was written to a folder.
  public struct Result: Sendable {
    public var folder: String
    public var pages = 0
    /// Pages of hosts that wait for their turn.
    public var waiting = 0
    /// Why it could not be written.
    public var failure: String?
  }

  /// Writes all folders; one that fails holds up no other.
  public func write(at now: Timestamp) async -> [Result] {
    var results: [Result] = []
    for settings in site.pages { results.append(await write(settings, at: now)) }
    return results
  }

  /// A folder for all hosts that no setting names, as `scrape page` writes it.
  public func write(to folder: String, title: String, at now: Timestamp) async -> Result {
    await write(PageSettings(folder: folder, title: title), at: now)
  }

  private func write(_ settings: PageSettings, at now: Timestamp) async -> Result {
    var result = Result(folder: settings.folder)
    do {
      let folder = PageFolder(settings.folder)
      try folder.make()
      var contents = PageContents(site, store, settings, at: now)
      let pages = try await contents.pages()
      let common = pages.common()
      try folder.keep(only: common.map(\.file) + pages.hostFiles.map(\.file))
      for (file, bytes) in common {
        try folder.write(file, bytes)
        result.pages += 1
      }
      try await writeHosts(pages, contents.changed, settings, folder, &result, at: now)
    } catch {
      result.failure = "\(error)"
    }
    return result
  }

  private func writeHosts(
    _ pages: Pages, _ changed: Set<String>, _ settings: PageSettings, _ folder: PageFolder,
    _ result: inout Result, at now: Timestamp
  ) async throws {
    let end = Deadline.after(limit)
    let files = pages.hostFiles
    let ages = files.map { folder.written($0.file) }
    let order = files.indices.sorted { one, other in
      let (a, b) = (changed.contains(files[one].host), changed.contains(files[other].host))
      return a == b ? ages[one] < ages[other] : a
    }
    let states = (try? await store.load(files.map(\.host))) ?? [:]
    for (count, index) in order.enumerated() {
      if Deadline.now >= end {
        result.waiting = order.count - count
        return
      }
      let host = files[index].host
      let more = try await HostContents.read(
        host, facts: states[host]?.facts ?? [:], from: store,
        until: now.before(settings.delay), hidden: settings.hidden)
      guard let page = pages.host(more) else { continue }
      try folder.write(page.file, page.bytes)
      result.pages += 1
    }
  }
}

/// A folder of files that a web server shows.
struct PageFolder {
  let path: String

  init(_ path: String) { self.path = path }

  private static let folderOfHosts = "host"

  func make() throws(SystemError) {
    var folder = path.hasPrefix("/") ? "" : "."
    for part in "\(path)/\(Self.folderOfHosts)".split(separator: "/") {
      folder += "/\(part)"
      if mkdir(folder, 0o755) != 0, errno != EEXIST { throw SystemError("mkdir \(folder)") }
    }
  }

  /// Replaces a file: a reader sees the old or the new one.
  func write(_ file: String, _ bytes: [UInt8]) throws(SystemError) {
    try SmallFile.replace("\(path)/\(file)", with: bytes, mode: 0o644, durable: false)
  }

  /// When the file was written, in seconds; 0 where it is missing.
  func written(_ file: String) -> Int {
    Int(scrape_modification_time("\(path)/\(file)"))
  }

  /// Removes pages that earlier settings or hosts left: readers must not see what is not for them any more.
  func keep(only files: [String]) throws(SystemError) {
    let kept = Set(files)
    for folder in ["", "\(Self.folderOfHosts)/"] {
      guard let list = opendir("\(path)/\(folder)") else { continue }
      defer { closedir(list) }
      while let entry = readdir(list) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        let file = folder + name
        guard name.hasSuffix(".html"), !kept.contains(file), isOurs(file) else { continue }
        if unlink("\(path)/\(file)") != 0, errno != ENOENT { throw SystemError("unlink \(file)") }
      }
    }
  }

  /// Whether the file was written here: another one of the operator's stays.
  private func isOurs(_ file: String) -> Bool {
    guard let bytes = try? SmallFile.read("\(path)/\(file)", limit: 64 << 20) else { return false }
    return String(decoding: bytes.prefix(1024), as: UTF8.self).contains("name=\"refresh-s\"")
  }
}
