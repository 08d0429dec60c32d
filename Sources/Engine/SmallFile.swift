internal import Glibc

/// Reads a file that is expected to be small.
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
}
