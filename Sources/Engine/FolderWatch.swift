internal import CLinux
internal import Glibc

/// Changes of the files in some folders, by inotify(7).
public final class FolderWatch: Sendable {
  private let descriptor: FileDescriptor
  /// Folders that cannot be watched, as one that is missing.
  public let unwatched: [String]

  public init(_ folders: [String]) throws(SystemError) {
    descriptor = FileDescriptor(owning: inotify_init1(Int32(scrape_inotify_flags)))
    guard descriptor.number >= 0 else { throw SystemError("inotify_init1") }
    var unwatched: [String] = []
    for folder in folders
    where inotify_add_watch(descriptor.number, folder, scrape_inotify_changes) < 0 {
      unwatched.append(folder)
    }
    self.unwatched = unwatched
  }

  /// Waits until something was written, renamed, made or removed in one of the folders; returns the names
  /// of what changed, and an empty name for a folder itself or where some were lost.
  public func next(on reactor: isolated Reactor) async throws(WaitError) -> Set<String> {
    var names: Set<String> = []
    while true {
      var bytes = [UInt8](repeating: 0, count: 16 << 10)
      let count = read(descriptor.number, &bytes, bytes.count)
      if count > 0 {
        names.formUnion(Self.names(in: bytes[..<count]))
      } else if !names.isEmpty {
        return names
      } else {
        try await reactor.wait(descriptor.number, for: .read, by: .never)
      }
    }
  }

  /// The names in `struct inotify_event` one after the other: 16 bytes, the last four of them the length of
  /// the name that follows, padded with NUL.
  static func names(in bytes: ArraySlice<UInt8>) -> Set<String> {
    var names: Set<String> = []
    var rest = bytes
    while rest.count >= 16 {
      let head = Array(rest.prefix(16))
      let length = head[12...15].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      let name = rest.dropFirst(16).prefix(length).prefix { $0 != 0 }
      names.insert(String(decoding: name, as: UTF8.self))
      rest = rest.dropFirst(16 + length)
    }
    return names
  }
}
