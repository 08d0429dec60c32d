/// A folder that only root may read: one `find` with fixed arguments, so that sudoers(5) can name it.
///
/// It prints of each entry its type, its path and NUL; behind a file that rules name follow `C`, its size,
/// its path again, NUL, and its begin of at most `memberLimit` + 1 bytes.
enum RootFolder {
  /// The words of the command.
  static func words(_ folder: [UInt8], reads: Bool, _ filter: NameFilter) -> [String] {
    let path = String(decoding: CollectionScript.rooted(folder), as: UTF8.self)
    var words = [
      "find", path + "/", "-mindepth", "1", "-maxdepth", "\(CollectionScript.depth)", "-printf",
      "%y",
      "-print0",
    ]
    guard reads, !filter.tests.isEmpty else { return words }
    words += ["-type", "f"] + filter.findWords + ["-printf", "C%s", "-print0"]
    words += ["-exec", "head", "-c", "\(CollectionScript.memberLimit + 1)", "{}", ";"]
    return words
  }

  /// Whether root reads it: usually only root may, and what it reads is known.
  static func isNeeded(_ folder: [UInt8], reads: Bool, _ filter: NameFilter) -> Bool {
    AllowedCommands.isOfRoot(folder) && (!reads || filter.isKnown)
  }

  /// The parts of a folder, with what root read instead of the rest; unchanged where root read nothing.
  static func expanded(
    _ parts: [HostCollection.Part], of folder: [UInt8]
  ) -> [HostCollection.Part] {
    guard let place = parts.firstIndex(where: { $0.title == [UInt8(ascii: "g")] }) else {
      return parts
    }
    var rest = parts
    let content = rest.remove(at: place).content
    var isWhole = false
    while place < rest.count, let kind = rest[place].title.first, "xt".utf8.contains(kind) {
      if rest.remove(at: place).title.elementsEqual("x 0".utf8) { isWhole = true }
    }
    let root = CollectionScript.rooted(folder)
    if content.elementsEqual("find: No such file or directory".utf8) { return [part("p m")] }
    guard isWhole, let read = read(content, below: root) else { return rest }
    return [part("p d")] + read
  }

  private static func part(_ title: String, _ content: [UInt8] = []) -> HostCollection.Part {
    HostCollection.Part(title: Array(title.utf8), content: content)
  }

  private static func read(
    _ content: [UInt8], below root: [UInt8]
  ) -> [HostCollection.Part]? {
    var rest = content[...]
    var list: [UInt8] = []
    var files: [HostCollection.Part] = []
    func path() -> ArraySlice<UInt8>? {
      guard rest.starts(with: root), let end = rest.firstIndex(of: 0) else { return nil }
      defer { rest = rest[(end + 1)...] }
      return rest[..<end]
    }
    while let letter = rest.popFirst() {
      guard letter == UInt8(ascii: "C") else {
        guard let path = path() else { return nil }
        list += [letter] + path + [lineFeed]
        continue
      }
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      guard let size = Int(text(digits)) else { return nil }
      rest = rest.dropFirst(digits.count)
      guard let path = path() else { return nil }
      let count = min(size, CollectionScript.memberLimit + 1)
      guard rest.count >= count else { return nil }
      files.append(
        HostCollection.Part(title: Array("c f ".utf8) + path, content: Array(rest.prefix(count))))
      files.append(part("x 0"))
      rest = rest.dropFirst(count)
    }
    return [part("k *", list + [0, UInt8(ascii: "0")])] + files + [part("x 0")]
  }
}
