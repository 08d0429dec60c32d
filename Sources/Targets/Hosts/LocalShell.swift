internal import Metrics
internal import Engine
internal import Glibc
internal import Inventory

/// This machine's own `sh`, for hosts with `connection: local`.
///
/// See `ChildProcess` for how it ends.
final class LocalShell: BatchShell {
  private let child: ChildProcess
  private(set) var received = 0
  private(set) var sent = 0

  init() throws(TargetError) {
    do throws(SystemError) { child = try ChildProcess("/bin/sh", ["sh"]) } catch {
      throw TargetError(
        error.call == "posix_spawn" ? .noShell : .localError, "/bin/sh: \(error)")
    }
  }

  func run(
    _ script: [UInt8], into frames: inout Frames, byteLimit: Int, on reactor: isolated Reactor,
    hello: Deadline, by deadline: Deadline
  ) async throws(TargetError) {
    var written = 0
    let limit = received + byteLimit
    let size = 64 << 10
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    defer { buffer.deallocate() }
    while written < script.count {
      let count = script.withUnsafeBytes { bytes in
        send(
          child.input.number, bytes.baseAddress?.advanced(by: written), bytes.count - written,
          Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        written += count
        sent += count
      } else {
        try await wait(child.input, .write, after: errno, on: reactor, by: deadline)
      }
    }
    while !frames.isDone {
      let count = read(child.output.number, buffer, size)
      if count > 0 {
        received += count
        frames.append(UnsafeRawBufferPointer(start: buffer, count: count))
        if received > limit {
          throw TargetError(.outputTooLarge, "more than \(byteLimit >> 10) KiB")
        }
      } else if count == 0 {
        frames.finish()
        throw TargetError(.connectionLost, "the shell ended before the batch was done")
      } else {
        try await wait(
          child.output, .read, after: errno, on: reactor,
          by: frames.connection == nil ? min(hello, deadline) : deadline)
      }
    }
  }

  // MARK: Between two batches

  /// Its buffers are the kernel's.
  var memory: Int { 0 }
  var carrierFailure: TargetError? { nil }
  func rest() {}
  func close() {}

  /// What was printed that nobody asked for waits in the kernel; see `FIONREAD` in ioctl_tty(2).
  func tend() -> Bool {
    var end = pollfd(fd: child.end.number, events: Int16(POLLIN), revents: 0)
    return poll(&end, 1, 0) == 0
  }

  /// `code` is the errno of the call that could not go on, taken before other jobs may change it.
  private func wait(
    _ descriptor: borrowing FileDescriptor, _ readiness: Readiness, after code: Int32,
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TargetError) {
    guard code == EAGAIN || code == EINTR else {
      throw TargetError(.connectionLost, "\(SystemError("the local shell", code))")
    }
    do {
      try await reactor.wait(descriptor.number, for: readiness, by: deadline)
    } catch {
      throw TargetError(error, while: "the batch ran")
    }
  }
}
