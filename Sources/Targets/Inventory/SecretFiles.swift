internal import Configuration
internal import Glibc

/// The secret files in an inventory's folder: none may become a host, whatever its mode.
extension InventoryDraft {
  /// Finds all `file:PATH` in the folder's files, and refuses those that others can read.
  mutating func noteSecrets(in folder: String) {
    var files: [String] = []
    gather(folder, depth: 0, &files)
    for file in files {
      guard let source = try? Source.read(file) else { continue }
      for (path, place) in Self.references(in: source) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
        let isNew = secretFiles.insert(FileIdentity(status)).inserted
        guard isNew, status.st_mode & 0o077 != 0, Self.lies(path, in: folder) else { continue }
        findings.add(
          ConfigurationError(
            "the secret file \(path) lies in the inventory's folder and can be read by others",
            at: source.mark(atByte: place.lowerBound), length: place.count,
            hint: "chmod 600 \(path), or keep it in another folder"))
      }
    }
  }

  /// Whether a file of the folder names this one as a secret.
  func isSecret(_ path: String) -> Bool {
    guard !secretFiles.isEmpty else { return false }
    var status = stat()
    return stat(path, &status) == 0 && secretFiles.contains(FileIdentity(status))
  }

  /// A file by its place on the disk, however its path is written.
  struct FileIdentity: Hashable {
    private let device: dev_t
    private let number: ino_t

    init(_ status: stat) {
      device = status.st_dev
      number = status.st_ino
    }
  }

  private func gather(_ folder: String, depth: Int, _ files: inout [String]) {
    guard depth <= 8, let stream = opendir(folder) else { return }
    defer { closedir(stream) }
    while files.count < 20_000, let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard !name.hasPrefix(".") else { continue }
      let path = "\(folder)/\(name)"
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR { gather(path, depth: depth + 1, &files) }
      if status.st_mode & S_IFMT == S_IFREG, status.st_size <= Int64(Source.byteLimit) {
        files.append(path)
      }
    }
  }

  /// The paths after `file:`, with their places.
  private static func references(in source: Source) -> [(path: String, place: Range<Int>)] {
    let key = Array("file:".utf8)
    let bytes = source.bytes
    guard bytes.count > key.count else { return [] }
    var found: [(String, Range<Int>)] = []
    var next = 0
    while let start = bytes[next...].firstIndex(of: key[0]) {
      next = start + 1
      guard bytes[start...].starts(with: key) else { continue }
      let begin = start + key.count
      // A secret is at the start of a value, perhaps in quotes.
      let before = start > 0 ? bytes[start - 1] : UInt8(ascii: " ")
      guard " \t\n\"'={[,:".utf8.contains(before) else { continue }
      let quote = "\"'".utf8.contains(before) ? before : nil
      let end =
        bytes[begin...].firstIndex { byte in
          byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            || (quote.map { byte == $0 } ?? " \t,}]#\"'".utf8.contains(byte))
        } ?? bytes.count
      guard end > begin, end - begin <= 4096 else { continue }
      let path = String(decoding: bytes[begin..<end], as: UTF8.self)
      guard !path.utf8.contains(0) else { continue }
      found.append((absolute(path, besides: source.path), start..<end))
    }
    return found
  }

  private static func lies(_ path: String, in folder: String) -> Bool {
    func real(_ path: String) -> String? {
      realpath(path, nil).map { text in
        defer { free(text) }
        return String(cString: text)
      }
    }
    guard let file = real(path), let folder = real(folder) else { return false }
    return file.hasPrefix(folder == "/" ? folder : folder + "/")
  }
}
