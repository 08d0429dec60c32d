public import Glibc

/// Reads and replaces files that are expected to be small.
public enum SmallFile {
  /// The file's bytes; an error where it is larger than the limit or cannot be read, and where it is a
  /// symbolic link that is not to be followed.
  public static func read(
    _ path: String, limit: Int, follows: Bool = true
  ) throws(SystemError) -> [UInt8] {
    let number = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follows ? 0 : O_NOFOLLOW))
    guard number >= 0 else { throw SystemError("open") }
    let descriptor = FileDescriptor(owning: number)
    var bytes: [UInt8] = []
    let size = 64 << 10
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = Glibc.read(descriptor.number, buffer, size)
      if count < 0 { throw SystemError("read") }
      if count == 0 { return bytes }
      bytes.append(contentsOf: UnsafeRawBufferPointer(start: buffer, count: count))
      if bytes.count > limit { throw SystemError("read", EFBIG) }
    }
  }
  /// Replaces the file with the bytes, so that a reader sees the old or the new content and never a
  /// part. `mode` holds whatever the umask is. What can be made again at any time need not be `durable`.
  public static func replace(
    _ path: String, with bytes: [UInt8], mode: mode_t, durable: Bool = true
  ) throws(SystemError) {
    let draft = "\(path).new"
    let number = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
    guard number >= 0 else { throw SystemError("open \(draft)") }
    let descriptor = FileDescriptor(owning: number)
    do throws(SystemError) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor.number, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw SystemError("write \(draft)") }
        rest = rest.dropFirst(count)
      }
      guard fchmod(descriptor.number, mode) == 0 else { throw SystemError("fchmod \(draft)") }
      guard !durable || fsync(descriptor.number) == 0 else { throw SystemError("fsync \(draft)") }
      guard rename(draft, path) == 0 else { throw SystemError("rename \(path)") }
    } catch {
      unlink(draft)
      throw error
    }
  }
}
