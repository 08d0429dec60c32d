internal import CLinux
internal import Inventory
internal import Engine
internal import Glibc
internal import Metrics

/// The files that the watch goes by: those of the inventory's folders, and scrape.yml.
///
/// The store and what is beside it may be in the same folder, and changes all the time.
struct WatchFiles: Sendable {
  let folders: [String]
  private let store: String
  private let others: Set<String>

  init(of site: Site) {
    var folders = [site.folder]
    if let file = site.settings.file {
      let folder = Site.parent(file)
      if folder != site.folder { folders.append(folder) }
    }
    // group_vars/ and host_vars/, and folders below.
    var index = 0
    while index < folders.count, folders.count < Self.mostFolders {
      folders += Self.entries(of: folders[index]).filter(\.isFolder).map(\.path)
        .filter { !folders.contains($0) }
      index += 1
    }
    self.folders = folders
    store = site.storePath
    others = [site.contactsFile, site.bmcFolder]
  }

  private static let mostFolders = 64
  private static let mostFiles = 4096
  private static let limit = 16 << 20

  /// Whether a change of that name may matter.
  func matters(_ name: String) -> Bool {
    guard let last = store.split(separator: "/").last else { return true }
    return !name.hasPrefix(last) && Self.isOurs(name)
  }

  /// Hidden files and those of editors are none.
  private static func isOurs(_ name: String) -> Bool {
    if name.isEmpty { return true }
    guard !name.hasPrefix("."), !name.hasSuffix("~"), !name.hasPrefix("#") else { return false }
    guard let dot = name.lastIndex(of: ".") else { return true }
    return ["yml", "yaml", "ini", "json", "cfg", "conf", "hosts"].contains(
      name[name.index(after: dot)...].lowercased())
  }

  /// A hash of their names and contents; blocks.
  var fingerprint: UInt64 {
    var hash: UInt64 = 0
    var count = 0
    for folder in folders {
      for entry in Self.entries(of: folder) where !entry.isFolder && Self.isOurs(entry.name) {
        guard count < Self.mostFiles, !entry.path.hasPrefix(store), !others.contains(entry.path)
        else { continue }
        count += 1
        let bytes = (try? SmallFile.read(entry.path, limit: Self.limit)) ?? []
        hash ^= entry.path.utf8.fnv1a &* 31 &+ bytes.fnv1a
      }
    }
    return hash
  }

  private struct Entry {
    var path: String
    var name: String
    var isFolder: Bool
  }

  private static func entries(of folder: String) -> [Entry] {
    guard let list = opendir(folder) else { return [] }
    defer { closedir(list) }
    var entries: [Entry] = []
    while let entry = readdir(list) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard !name.hasPrefix(".") else { continue }
      let path = "\(folder)/\(name)"
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      let kind = status.st_mode & S_IFMT
      guard kind == S_IFDIR || kind == S_IFREG else { continue }
      entries.append(Entry(path: path, name: name, isFolder: kind == S_IFDIR))
    }
    return entries.sorted { $0.path < $1.path }
  }
}
