/// A package that can be updated.
public struct PackageUpdate: Sendable, Equatable {
  public var name: String
  /// The installed version; nil where a new package would come with the others.
  public var from: String?
  public var to: String
  /// Whether an archive of security updates has it; nil where the package manager does not know.
  public var isSecurity: Bool?
}

/// Reads `apt-get -s upgrade`, see apt-get(8): lines such as
/// `Inst libssl3 [3.0.11-1] (3.0.15-1 Debian-Security:12/stable-security [amd64])`.
public enum AptUpgrade: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [PackageUpdate] {
    var updates: [PackageUpdate] = []
    var lines = Scanner(text)
    var number = 0
    while updates.count < InstalledPackage.most, let line = lines.line() {
      number &+= 1
      guard line.starts(with: "Inst ") else { continue }
      var rest = Scanner(line.extracting(5..<line.count))
      guard let name = rest.word() else {
        throw ParseError("apt-get", "expected a name", line: number, at: line)
      }
      var update = PackageUpdate(name: name.string, from: nil, to: "", isSecurity: false)
      rest.skipBlanks()
      if rest.skip(UInt8(ascii: "[")) {
        update.from = rest.upTo(UInt8(ascii: "]"))?.string
        rest.skipBlanks()
      }
      guard rest.skip(UInt8(ascii: "(")), let to = rest.word() else {
        throw ParseError("apt-get", "expected the new version", line: number, at: line)
      }
      update.to = to.string
      // The archives: their labels, or their suites, end so.
      update.isSecurity =
        rest.rest.firstIndex(of: "-Security:") != nil
        || rest.rest.firstIndex(of: "-security") != nil
      updates.append(update)
    }
    return updates
  }
}

/// Reads `apk version -l '<'`, see apk-version(8): lines such as `busybox-1.36.1-r5 < 1.36.1-r7`.
public enum APKVersion: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [PackageUpdate] {
    var updates: [PackageUpdate] = []
    var lines = Scanner(text)
    while updates.count < InstalledPackage.most, let line = lines.line() {
      let words = line.wordRanges(limit: 4)
      guard words.count >= 3, line.extracting(words[1]).equals("<") else { continue }
      let whole = line.extracting(words[0])
      // A version has no hyphen but that of its release.
      guard let split = nameEnd(whole) else {
        throw ParseError("apk version", "expected name and version", at: line)
      }
      updates.append(
        PackageUpdate(
          name: whole.extracting(0..<split).string,
          from: whole.extracting((split + 1)..<whole.count).string,
          to: line.extracting(words[2]).string, isSecurity: nil))
    }
    return updates
  }

  /// The last hyphen but one, where a release follows.
  private static func nameEnd(_ text: Span<UInt8>) -> Int? {
    var hyphens = 0
    var index = text.count - 1
    while index > 0 {
      if text[index] == UInt8(ascii: "-") {
        hyphens += 1
        if hyphens == 2 { return index }
      }
      index -= 1
    }
    return nil
  }
}
