internal import Transfer
internal import Engine
internal import Glibc

/// File operations of sinks, on threads of their own, as a disk may block.
enum Disk {
  private static let pool = BlockingPool(name: "disk", threads: 4)
  private static let timeout = Duration.seconds(20)

  /// Runs the work for the sink; a disk that does not answer in time is reported as such.
  static func run<Value: Sendable>(
    for sink: String, on reactor: isolated Reactor, by deadline: Deadline,
    _ work: @escaping @Sendable () throws(DiskError) -> Value
  ) async throws(DeliveryError) -> Value {
    let limit = min(deadline, .after(timeout))
    let result = await pool.run(by: limit, on: reactor) { () -> Result<Value, DiskError> in
      do throws(DiskError) { return .success(try work()) } catch { return .failure(error) }
    }
    switch result {
    case .success(let value): return value
    case .failure(let error): throw DeliveryError(error.reason, sink, error.message)
    case nil: throw DeliveryError(.timeout, sink, "the disk does not answer")
    }
  }

  /// Opens a regular file; a pipe, a folder or a device is refused.
  static func open(
    _ path: String, _ flags: Int32, mode: mode_t
  ) throws(DiskError) -> FileDescriptor {
    let number = Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode)
    guard number >= 0 else { throw DiskError("open \(path)") }
    let descriptor = FileDescriptor(owning: number)
    var status = stat()
    guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw DiskError(.unreachable, "\(path) is no regular file")
    }
    return descriptor
  }

  /// Writes all bytes at the descriptor's position.
  static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(DiskError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        bytes.baseAddress.map { Glibc.write(descriptor, $0 + written, bytes.count - written) } ?? -1
      }
      if count > 0 {
        written += count
      } else if count == 0 || errno != EINTR {
        throw DiskError("write \(path)")
      }
    }
  }

  /// The bytes from the offset on, up to the limit.
  static func read(
    _ descriptor: Int32, at offset: Int, count: Int, _ path: String
  ) throws(DiskError) -> [UInt8] {
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = pread(
          descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled)
        )
        if got > 0 {
          filled += got
        } else if got == 0 || errno != EINTR {
          failed = got < 0
          return
        }
      }
    }
    if failed { throw DiskError("read \(path)") }
    return bytes
  }

  /// The whole file; nil if there is none or it is longer than the limit.
  static func contents(_ path: String, limit: Int) throws(DiskError) -> [UInt8]? {
    let descriptor: FileDescriptor
    do throws(DiskError) { descriptor = try open(path, O_RDONLY, mode: 0) } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
    let bytes = try read(descriptor.number, at: 0, count: limit + 1, path)
    return bytes.count > limit ? nil : bytes
  }

  /// The last bytes of a file, up to the limit.
  static func tail(_ path: String, count: Int) throws(DiskError) -> [UInt8] {
    let descriptor = try open(path, O_RDONLY, mode: 0)
    let size = Int(lseek(descriptor.number, 0, SEEK_END))
    return try read(descriptor.number, at: max(0, size - count), count: min(size, count), path)
  }

  /// Replaces the file with the bytes, so that a reader sees the old or the new content and never a
  /// part.
  static func replace(_ path: String, with bytes: [UInt8], mode: mode_t) throws(DiskError) {
    do throws(SystemError) {
      try SmallFile.replace(path, with: bytes, mode: mode)
    } catch {
      throw DiskError(error)
    }
  }
}

/// Why a file cannot be read or written.
struct DiskError: Error {
  var reason: DeliveryError.Reason
  var message: String
  /// The error number, if a system call failed.
  var code: Int32 = 0

  init(_ reason: DeliveryError.Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }

  /// The error of the system call that has just failed, with what to do.
  init(_ call: String) { self.init(SystemError(call)) }

  /// The error of a system call, with what to do.
  init(_ error: SystemError) {
    switch error.code {
    case ENOSPC, EDQUOT: self.init(.unavailable, "\(error); make room on the disk")
    case EACCES, EPERM, EROFS:
      self.init(.unauthorized, "\(error); let the user that runs scrape write there")
    case ENOENT: self.init(.missing, "\(error); make the folder")
    default: self.init(.unreachable, "\(error)")
    }
    code = error.code
  }
}
