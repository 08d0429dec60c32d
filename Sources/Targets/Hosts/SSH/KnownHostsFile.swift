public import Engine
internal import Glibc

/// Writes accepted host keys into a `known_hosts` file.
public enum KnownHostsFile {
  /// Stores the key under the names, in place of lines with other keys for them.
  ///
  /// The file is replaced as a whole, so a reader never sees half of it. `@revoked` and
  /// `@cert-authority` lines are kept. Symbolic links are not followed: where others may write in the
  /// folder, one would lead to a file of their choice.
  public static func accept(
    _ key: HostKey, for names: [String], in path: String
  ) throws(SystemError) {
    var lines: [String] = []
    do throws(SystemError) {
      let text = String(
        decoding: try SmallFile.read(path, limit: 16 << 20, follows: false), as: UTF8.self)
      lines = text.split(separator: "\n").map(String.init)
    } catch  where error.code == ENOENT {
    }
    lines = lines.compactMap { line in
      if line.hasPrefix("@") || line.hasPrefix("#") { return line }
      guard let first = line.split(separator: " ", maxSplits: 1).first else { return line }
      if first.hasPrefix("|") {
        var single = KnownHosts()
        single.add(Array(line.utf8), file: path)
        return names.contains { !single.lines(for: [$0]).keys.isEmpty } ? nil : line
      }
      // A line may serve other hosts, too; lines with patterns are kept.
      let kept = first.split(separator: ",").filter { !names.contains($0.lowercased()) }
      if kept.isEmpty { return nil }
      return kept.joined(separator: ",") + line.dropFirst(first.count)
    }
    lines.append("\(names.joined(separator: ",")) \(key.text)")
    try replace(path, with: lines.joined(separator: "\n") + "\n")
  }

  private static func replace(_ path: String, with text: String) throws(SystemError) {
    let draft = "\(path).\(getpid())"
    // Others with write access to the folder must not choose the file that is overwritten: a link at
    // the draft's place is not followed, and a file there is not ours.
    unlink(draft)
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let number = open(draft, flags, 0o644)
    guard number >= 0 else { throw SystemError("open \(draft)") }
    let descriptor = FileDescriptor(owning: number)
    let bytes = Array(text.utf8)
    guard write(descriptor.number, bytes, bytes.count) == bytes.count, fsync(descriptor.number) == 0
    else {
      let error = SystemError("write \(draft)")
      unlink(draft)
      throw error
    }
    guard rename(draft, path) == 0 else { throw SystemError("rename \(draft)") }
  }
}
