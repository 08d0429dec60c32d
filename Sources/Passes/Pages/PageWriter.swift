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
  private let limit: Duration

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

    init(folder: String, failure: String? = nil) {
      self.folder = folder
      self.failure = failure
    }
  }

  /// Writes all folders; one that fails holds up no other.
  public func write(at now: Timestamp) async -> [Result] {
    await write(site.pages, at: now)
  }

  /// A folder for all hosts that no setting names, as `scrape page` writes it.
  public func write(to folder: String, title: String, at now: Timestamp) async -> Result {
    let results = await write([PageSettings(folder: folder, title: title)], at: now, isWhole: true)
    return results.first ?? Result(folder: folder)
  }

  private func write(
    _ all: [PageSettings], at now: Timestamp, isWhole: Bool = false
  ) async -> [Result] {
    guard !all.isEmpty else { return [] }
    do {
      let run = PageRun(
        source: try await PageSource(site, store, at: now), store: store, limit: limit,
        isWhole: isWhole, isShared: all.count { $0.delay == .zero } > 1)
      var results: [Result] = []
      for settings in all { results.append(await run.write(settings)) }
      await run.finish()
      return results
    } catch {
      return all.map { Result(folder: $0.folder, failure: "\(error)") }
    }
  }
}

/// The writing of all folders after one pass.
private actor PageRun {
  private let source: PageSource
  private let store: Store
  private let limit: Duration
  /// Whether all is written and read, as long as it takes.
  private let isWhole: Bool
  /// Whether several folders show hosts as they are now.
  private let isShared: Bool
  /// The checks that are not passed, once some folder needs them.
  private var findings: [String: [String: [Store.PolicyFinding]]]?
  /// The history of hosts that was read for a folder without a delay: others show the same.
  private var histories: [String: HostContents] = [:]
  private var days: [(host: String, bytes: [UInt8])] = []

  init(source: PageSource, store: Store, limit: Duration, isWhole: Bool, isShared: Bool) {
    self.isShared = isShared
    self.source = source
    self.store = store
    self.limit = limit
    self.isWhole = isWhole
  }

  func write(_ settings: PageSettings) async -> PageWriter.Result {
    var result = PageWriter.Result(folder: settings.folder)
    do {
      let folder = PageFolder(settings.folder)
      try folder.make()
      var contents = PageContents(source, settings)
      let pages = contents.pages()
      try folder.keep(only: pages.files + pages.hostFiles.map(\.file))
      for (file, bytes) in pages.common() {
        try folder.write(file, bytes)
        result.pages += 1
      }
      try await writePolicies(pages, contents, folder, &result)
      try await writeHosts(pages, contents, settings, folder, &result)
    } catch {
      result.failure = "\(error)"
    }
    return result
  }

  /// Keeps the days that grew.
  func finish() async { try? await store.keep(days: days) }

  /// How long the page of policies stays as it is while none was evaluated.
  private static let policiesEvery: Int64 = 60

  private func writePolicies(
    _ pages: Pages, _ contents: PageContents, _ folder: PageFolder,
    _ result: inout PageWriter.Result
  ) async throws {
    guard let file = pages.policyFile else { return }
    let age = source.now.seconds - Int64(folder.written(file))
    let isNew =
      contents.lastPolicy.map { source.now.since($0) <= .seconds(max(0, age) + 1) } ?? false
    guard isWhole || isNew || age < 0 || age >= Self.policiesEvery else { return }
    let found = contents.findings(try await allFindings())
    guard let page = pages.policies(found, patience: Self.policiesEvery) else { return }
    try folder.write(page.file, page.bytes)
    result.pages += 1
  }

  private func allFindings() async throws -> [String: [String: [Store.PolicyFinding]]] {
    if let findings { return findings }
    let found = try await store.policyFindings()
    findings = found
    return found
  }

  private func writeHosts(
    _ pages: Pages, _ contents: PageContents, _ settings: PageSettings, _ folder: PageFolder,
    _ result: inout PageWriter.Result
  ) async throws {
    let end = Deadline.after(limit)
    let files = pages.hostFiles
    guard !files.isEmpty else { return }
    let ages = files.map { folder.written($0.file) }
    let order = files.indices.sorted { one, other in
      let (a, b) = (
        contents.changed.contains(files[one].host), contents.changed.contains(files[other].host)
      )
      return a == b ? ages[one] < ages[other] : a
    }
    // A page is old when it was not its turn for twice as long as now.
    let now = source.now.seconds
    let oldest = ages.filter { $0 > 0 }.min().map { max(0, now - Int64($0)) } ?? 0
    let patience = min(2 * oldest, 3600)
    var hosts: [String: Host] = [:]
    for host in source.site.inventory.hosts { hosts[host.name] = host }
    for (count, index) in order.enumerated() {
      if !isWhole, Deadline.now >= end {
        result.waiting = order.count - count
        return
      }
      let name = files[index].host
      guard let host = hosts[name] else { continue }
      let history = try await history(of: name, settings)
      let facts = try await store.load([name])[name]?.facts ?? [:]
      var more = history.model(
        facts: facts, hidden: settings.hidden, rules: source.site.rules.rules(for: name),
        own: host.pointTags)
      more.events = try await contents.events(of: name, in: store)
      more.patience = patience
      if !source.site.policies.of(name).isEmpty, pages.policyFile != nil {
        var known = findings
        if known == nil { known = try await store.policyFindings(of: name) }
        more.findings = contents.findings(known?[name].map { [name: $0] } ?? [:])[name] ?? [:]
      }
      guard let page = pages.host(more) else { continue }
      try folder.write(page.file, page.bytes)
      result.pages += 1
    }
  }

  private func history(of host: String, _ settings: PageSettings) async throws -> HostContents {
    if settings.delay == .zero, let known = histories[host] { return known }
    var history = try await HostContents.read(
      host, from: store, until: source.now.before(settings.delay))
    try await history.readDay(from: store, isWhole: isWhole)
    if history.dayIsNew, settings.delay == .zero, let day = history.day {
      days.append((host, day.bytes))
    }
    if isShared, settings.delay == .zero { histories[host] = history }
    return history
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
