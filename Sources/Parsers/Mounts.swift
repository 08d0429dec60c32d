/// Reads lines of /proc/self/mounts: the mounted file systems.
///
/// Format: proc(5), fstab(5). Device, mount point, type and options; in the first two, space, tab,
/// newline, backslash (and `#` on newer kernels) are written as `\040`, `\011`, `\012`, `\134`, `\043`.
public enum Mounts: Parser {
  public struct Mount: Sendable, Equatable {
    public var device: String
    public var path: String
    public var type: String
    /// Whether it is mounted read-only; nil without `ro` and `rw`.
    public var isReadOnly: Bool?
  }

  public struct Reading: Sendable, Equatable {
    /// The order of mounting: a later one hides an earlier one of the same path.
    public var mounts: [Mount] = []
  }

  /// The limit of mounts; the rest is left out.
  static let most = 4096

  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> Reading {
    var reading = Reading()
    var lines = Scanner(text)
    var number = 0
    while reading.mounts.count < most, let line = lines.line() {
      number &+= 1
      var words = Scanner(line)
      guard let device = words.word() else { continue }
      guard let path = words.word(), path.count <= 4096 * 4, let type = words.word(),
        type.count <= 64, let options = words.word()
      else { throw ParseError("/proc/mounts", "expected four words", line: number, at: line) }
      var mount = Mount(device: unescaped(device), path: unescaped(path), type: type.string)
      var list = Scanner(options)
      while let option = list.upTo(UInt8(ascii: ",")) { note(option, of: &mount) }
      note(list.rest, of: &mount)
      reading.mounts.append(mount)
    }
    return reading
  }

  private static func note(_ option: Span<UInt8>, of mount: inout Mount) {
    if option.equals("ro") { mount.isReadOnly = true }
    if option.equals("rw") { mount.isReadOnly = false }
  }

  /// The text with the bytes for backslashes with three octal digits.
  static func unescaped(_ text: Span<UInt8>) -> String {
    var plain: [UInt8] = []
    plain.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      if text[index] == UInt8(ascii: "\\"), index + 3 < text.count,
        let byte = octal(text[index + 1], text[index + 2], text[index + 3])
      {
        plain.append(byte)
        index += 4
      } else {
        plain.append(text[index])
        index += 1
      }
    }
    return plain.span.string
  }

  private static func octal(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> UInt8? {
    let (high, middle, low) = (a &- 0x30, b &- 0x30, c &- 0x30)
    guard high <= 3, middle <= 7, low <= 7 else { return nil }
    return high << 6 | middle << 3 | low
  }
}
