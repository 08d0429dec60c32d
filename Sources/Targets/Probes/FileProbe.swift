public import Configuration
public import Engine
public import Metrics
internal import Parsers

/// `file`: a file of the host has the expected properties; checked over the host's SSH session.
///
/// Options: `path` (also short: `file/etc/passwd`), `exists` (`yes`), `size` (`{min: …, max: …}`, bytes),
/// `age` (`{min: …, max: …}` since it was changed), `mode` (as `0644`), `owner` and `group` (names),
/// `sha256`. Writes `filestat`, Telegraf's, with `age_s` and `mode`.
public struct FileProbe: HostQuestion {
  public static let name = "file"
  public static let summary =
    "A file of the host exists, with the expected size, age, mode, owner and content."
  public static let measurements = [
    Measurement(
      "filestat", "A file of the host, read over its SSH session.", tags: ["file": "its path"],
      fields: [
        .presence("exists", means: "1 or 0; absent without permission"),
        .integer("size_bytes", unit: .bytes, means: "Size of the file"),
        .integer("modification_time", means: "Nanoseconds since 1970"),
        .integer(
          "age_s", unit: .seconds,
          means: "Time since the modification, by the host's clock; not in Telegraf"),
        .string("mode", means: "Permissions in octal; not in Telegraf"),
      ])
  ]
  public static let carrier = Carrier.none

  private let path: String
  private let exists: Bool
  private let size: (least: Int?, most: Int?)
  private let age: (least: Duration?, most: Duration?)
  private let mode: Int?
  private let owner: String?
  private let group: String?
  private let sha256: String?

  public init(_ options: inout Fields) {
    let path = options.take(
      "path", Self.wholePath, otherwise: "required", "Path; short form `file/etc/passwd`.")
    if !options.has("path") {
      options.add(
        "file needs a path",
        hint:
          "write file/etc/passwd for a file of the host; a file server is smb, ftp or tcp:2049")
    }
    self.path = path ?? "/"
    exists = options.take("exists", .boolean, default: true, "Whether the file must exist.")
    size =
      options.nested("size", "Limits of the size.", example: "{min: 1, max: 10MiB}") { inner in
        (
          inner.take("min", .bytes(), "Least size.", example: "1KiB"),
          inner.take("max", .bytes(), "Greatest size.", example: "10MiB")
        )
      } ?? (nil, nil)
    let length = SettingType<Duration>.duration(.zero ... .seconds(100 * 366 * 86_400))
    age =
      options.nested("age", "Limits of the time since the last change.", example: "{max: 1d}") {
        (
          $0.take("min", length, "Least age.", example: "1m"),
          $0.take("max", length, "Greatest age.", example: "1d")
        )
      } ?? (nil, nil)
    mode = options.take("mode", Self.octal, "Permissions.")
    owner = options.take("owner", .text, "Name of the owner.", example: "root")
    group = options.take("group", .text, "Name of the group.", example: "adm")
    sha256 = options.take("sha256", Self.digest, "SHA-256 of the content.")
  }

  private static var wholePath: SettingType<String> {
    SettingType("absolute path", example: "/etc/passwd") { node, what throws(ConfigurationError) in
      let path = try node.string(what)
      guard path.hasPrefix("/"), path.utf8.count < 4096,
        !path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
      else { throw ConfigurationError("path is whole, from / on", at: node) }
      return path
    }
  }

  private static var octal: SettingType<Int> {
    SettingType("octal number", example: "0644") { node, what throws(ConfigurationError) in
      guard let mode = Int(try node.string(what), radix: 8), (0...0o7777).contains(mode) else {
        throw ConfigurationError("mode is octal, as 0644", at: node)
      }
      return mode
    }
  }

  private static var digest: SettingType<String> {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    return SettingType("64 hexadecimal digits", example: empty) {
      node, what throws(ConfigurationError) in
      let text = try node.string(what).lowercased()
      guard text.utf8.count == 64,
        text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
      else { throw ConfigurationError("sha256 is 64 hexadecimal digits", at: node) }
      return text
    }
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    Verdict(.unknown, .notSupported, "asked over the host's SSH session only")
  }

  /// These letters of stat(1) are common to GNU and busybox. `now` is the host's own clock.
  public func script(of host: String, at address: String) -> String? {
    let file = path.quotedForShell
    var script = """
      f=\(file)
      if [ -e "$f" ] || [ -L "$f" ]; then
      printf 'now '; date +%s
      $limit stat -L -c 'stat %s %Y %a %U %G %F' -- "$f" || echo unreadable
      """
    if sha256 != nil { script += "\n$limit sha256sum -- \"$f\" </dev/null || echo unreadable" }
    return script + "\nelse ls -d -- \"${f%/*}/\" >/dev/null 2>&1 && echo absent || echo hidden\nfi"
  }

  public func evaluate(
    output: [UInt8], status: Int32?, took: Duration?, reserved: Set<String>
  ) -> Verdict {
    let found: FileStatus.Reading
    do throws(ParseError) { found = try FileStatus.parse(output.span) } catch {
      return Verdict(.unknown, .protocolError, "\(path): \(error)")
    }
    var verdict = evaluate(found)
    verdict.latency = took
    verdict.points.append(point(found))
    return verdict
  }

  private func evaluate(_ found: FileStatus.Reading) -> Verdict {
    func wrong(_ words: String) -> Verdict {
      Verdict(.critical, .wrongAnswer, "\(path) \(words)", isUp: true)
    }
    guard let isThere = found.exists else {
      return Verdict(.unknown, .notPermitted, "\(path): its folder cannot be looked into")
    }
    guard isThere == exists else { return wrong(isThere ? "exists" : "does not exist") }
    guard isThere else { return .ok(nil, "\(path) does not exist, as it should be") }
    guard let size = found.size else {
      return Verdict(.unknown, .notPermitted, "\(path) cannot be looked at")
    }
    if let least = self.size.least, size < Int64(least) { return wrong("has \(size) bytes only") }
    if let most = self.size.most, size > Int64(most) { return wrong("has \(size) bytes") }
    if let seconds = found.age {
      let text = "was changed \(seconds) s ago"
      if let least = age.least, seconds < least.components.seconds { return wrong(text) }
      if let most = age.most, seconds > most.components.seconds { return wrong(text) }
    }
    if let mode, found.mode != mode {
      return wrong(
        "has mode \(String(found.mode ?? 0, radix: 8)), expected \(String(mode, radix: 8))")
    }
    if let owner, found.owner != owner { return wrong("belongs to \(found.owner ?? "?")") }
    if let group, found.group != group {
      return wrong("belongs to the group \(found.group ?? "?")")
    }
    if let sha256 {
      guard let sum = found.sha256 else {
        return Verdict(.unknown, .notPermitted, "\(path) cannot be read")
      }
      guard sum == sha256 else { return wrong("has other content: sha256 \(sum)") }
    }
    return .ok(nil, "\(path): \(size) bytes\(found.age.map { ", changed \($0) s ago" } ?? "")")
  }

  private func point(_ found: FileStatus.Reading) -> Point {
    var point = Point("filestat")
    point.tag("file", path)
    point.integer("exists", found.exists.map { $0 ? Int64(1) : 0 })
    point.integer("size_bytes", found.size)
    point.integer(
      "modification_time",
      found.changed.map { $0.multipliedReportingOverflow(by: 1_000_000_000).partialValue })
    point.integer("age_s", found.age)
    point.string("mode", found.mode.map { String($0, radix: 8) })
    return point
  }
}
