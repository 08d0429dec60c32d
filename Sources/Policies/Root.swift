internal import Glibc

/// A folder that stands for a host's root. Links are followed as the host would follow them: an
/// absolute one begins at the folder, and `..` ends there, so that nothing outside is reached.
///
/// All system calls on a foreign tree are in this file. Nothing blocks: only regular files are
/// opened, without waiting.
final class Root {
  /// The limits of the kernel: links on one path, bytes of a path.
  private static let linkLimit = 40
  private static let pathLimit = 4095

  /// O_PATH of Linux, which <fcntl.h> shows to GNU's own programs only.
  private static let pathOnly: Int32 = 0o10_000_000

  private let descriptor: Int32

  /// - Parameter path: the folder; nil is an empty host.
  init(_ path: String?) throws(PathFailure) {
    guard let path else {
      descriptor = -1
      return
    }
    let number = unsafe open(path, Root.pathOnly | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw Self.failure(errno) }
    descriptor = number
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// A place in the tree: the folders above it, and itself without following a link.
  private final class Place {
    /// Descriptors of the folders from the root down, the root left out.
    var folders: [Int32] = []
    /// The file itself, where it is no folder.
    var file: Int32?
    var name: [UInt8] = []
    var status = stat()

    deinit {
      for folder in folders { close(folder) }
      if let file { close(file) }
    }

    func pop() {
      if let last = folders.popLast() { close(last) }
    }

    func clear() {
      while !folders.isEmpty { pop() }
    }
  }

  /// Follows the path to its end.
  private func find(_ path: [UInt8]) -> Result<Place, PathFailure> {
    let path = path[...].untilNUL
    guard descriptor >= 0, !path.isEmpty else { return .failure(.missing) }
    guard path.count <= Self.pathLimit else { return .failure(.other("the path is too long")) }
    let place = Place()
    var rest = Self.components(path)
    var links = 0
    while let part = rest.popLast() {
      // A path that goes on behind a file.
      if place.file != nil { return .failure(.notDirectory) }
      if part.isEmpty || part == [0x2e] { continue }
      if part == [0x2e, 0x2e] {
        place.pop()
        continue
      }
      let above = place.folders.last ?? descriptor
      let number = unsafe Self.with(part) {
        unsafe openat(above, $0, Root.pathOnly | O_NOFOLLOW | O_CLOEXEC)
      }
      guard number >= 0 else { return .failure(Self.failure(errno)) }
      var status = stat()
      guard unsafe fstat(number, &status) == 0 else {
        let code = errno
        close(number)
        return .failure(Self.failure(code))
      }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: place.folders.append(number)
      case S_IFLNK:
        links += 1
        var target = [UInt8](repeating: 0, count: Self.pathLimit + 1)
        let count = unsafe target.withUnsafeMutableBytes { buffer in
          guard let start = buffer.baseAddress else { return 0 }
          return unsafe Self.with([]) { empty in
            unsafe readlinkat(
              number, empty, start.assumingMemoryBound(to: CChar.self), buffer.count)
          }
        }
        let code = errno
        close(number)
        guard count > 0 else { return .failure(count == 0 ? .missing : Self.failure(code)) }
        guard links <= Self.linkLimit else { return .failure(.loop) }
        let text = target.prefix(count)
        if text.first == UInt8(ascii: "/") { place.clear() }
        rest += Self.components(text)
        guard rest.count <= Self.pathLimit else { return .failure(.loop) }
      default:
        place.file = number
        place.name = part
        place.status = status
      }
      if place.folders.count > 1000 { return .failure(.limit("more than 1000 levels deep")) }
    }
    return .success(place)
  }

  /// The components from last to first. A slash at the end demands a folder: it leaves an empty one.
  private static func components(_ path: ArraySlice<UInt8>) -> [[UInt8]] {
    path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .reversed().map(Array.init)
  }

  func kind(of path: [UInt8]) -> Result<PathKind, PathFailure> {
    find(path).map { $0.file == nil ? .directory : Self.kind($0.status.st_mode) }
  }

  func read(_ path: [UInt8], _ budget: Budget) -> Result<FileText, PathFailure> {
    let place: Place
    switch find(path) {
    case .failure(let failure): return .failure(failure)
    case .success(let found): place = found
    }
    guard place.file != nil, place.status.st_mode & S_IFMT == S_IFREG else {
      return .failure(.other("not a regular file"))
    }
    let above = place.folders.last ?? descriptor
    let number = unsafe Self.with(place.name) {
      unsafe openat(above, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    }
    guard number >= 0 else { return .failure(Self.failure(errno)) }
    defer { close(number) }
    // Another file may stand there by now.
    var status = stat()
    guard unsafe fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return .failure(.other("not a regular file"))
    }
    let limit = budget.bytesLeft
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(number, buffer.baseAddress, buffer.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return .failure(Self.failure(errno)) }
      if count == 0 { break }
      if bytes.count + count > limit {
        bytes += chunk.prefix(limit - bytes.count)
        budget.take(bytes: bytes.count)
        return .success(FileText(bytes: bytes, isCut: true))
      }
      bytes += chunk.prefix(count)
      if budget.isOver { return .failure(.limit(Budget.overTime)) }
    }
    budget.take(bytes: bytes.count)
    return .success(FileText(bytes: bytes))
  }

  func list(_ path: [UInt8], _ budget: Budget) -> Result<[FolderEntry], PathFailure> {
    let place: Place
    switch find(path) {
    case .failure(let failure): return .failure(failure)
    case .success(let found): place = found
    }
    guard place.file == nil else { return .failure(.notDirectory) }
    let above = place.folders.last ?? descriptor
    let number = unsafe Self.with([0x2e]) {
      unsafe openat(above, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
    guard number >= 0 else { return .failure(Self.failure(errno)) }
    guard let stream = unsafe fdopendir(number) else {
      let code = errno
      close(number)
      return .failure(Self.failure(code))
    }
    defer { unsafe closedir(stream) }
    var entries: [FolderEntry] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        return errno == 0 ? .success(entries) : .failure(Self.failure(errno))
      }
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
        unsafe Array($0.prefix { $0 != 0 })
      }
      if name == [0x2e] || name == [0x2e, 0x2e] { continue }
      guard entries.count < budget.entriesLeft, !budget.isOver else {
        return .failure(.limit("a folder of more than \(entries.count) entries"))
      }
      var status = stat()
      let result = unsafe Self.with(name) {
        unsafe fstatat(number, $0, &status, AT_SYMLINK_NOFOLLOW)
      }
      entries.append(
        FolderEntry(name: name, kind: result == 0 ? Self.kind(status.st_mode) : nil))
    }
  }

  private static func kind(_ mode: mode_t) -> PathKind {
    switch mode & S_IFMT {
    case S_IFREG: .regular
    case S_IFDIR: .directory
    case S_IFLNK: .link
    default: .other
    }
  }

  private static func with<Value>(
    _ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Value
  ) -> Value {
    let bytes = name.map { CChar(bitPattern: $0) } + [0]
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return unsafe "".withCString(body) }
      return unsafe body(start)
    }
  }

  private static func failure(_ code: Int32) -> PathFailure {
    switch code {
    case ENOENT: .missing
    case ENOTDIR: .notDirectory
    case EACCES, EPERM: .denied
    case ELOOP: .loop
    default: .other(unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)")
    }
  }
}
