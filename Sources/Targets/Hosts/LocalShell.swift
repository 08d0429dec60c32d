internal import Engine
internal import Glibc

/// This machine's own `sh`, for hosts with `connection: local`.
///
/// It runs in a process group of its own, which is killed as a whole, and is always reaped.
final class LocalShell {
  private let process: pid_t
  private let input: FileDescriptor
  private let output: FileDescriptor

  /// Starts the shell. The corresponding C function is `posix_spawn`.
  init() throws(TargetError) {
    func pipes() throws(TargetError) -> (near: Int32, far: Int32) {
      var pair: [Int32] = [0, 0]
      let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
      guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
        throw TargetError(.localError, "\(SystemError("socketpair"))")
      }
      return (pair[0], pair[1])
    }
    let (nearInput, farInput) = try pipes()
    input = FileDescriptor(owning: nearInput)
    let shellInput = FileDescriptor(owning: farInput)
    let (nearOutput, farOutput) = try pipes()
    output = FileDescriptor(owning: nearOutput)
    let shellOutput = FileDescriptor(owning: farOutput)
    for descriptor in [nearInput, nearOutput] {
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, shellInput.number, 0)
    posix_spawn_file_actions_adddup2(&actions, shellOutput.number, 1)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The reactor's thread blocks all signals; the shell and its children must not.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), nil]
    defer { arguments.forEach { free($0) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, "/bin/sh", &actions, &attributes, &arguments, environ)
    guard code == 0 else {
      throw TargetError(.noShell, "/bin/sh: \(SystemError("posix_spawn", code).message)")
    }
    self.process = process
  }

  deinit {
    kill(-process, SIGKILL)
    var status: Int32 = 0
    // A child that cannot be killed at once (stuck in a disk) is left to init.
    for _ in 0..<100 where waitpid(process, &status, WNOHANG) == 0 { usleep(1_000) }
  }

  /// Feeds a script to the shell and reads its sections until the batch is done.
  func run(
    _ script: [UInt8], into frames: inout Frames, byteLimit: Int, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) -> Int {
    var written = 0
    var received = 0
    let size = 64 << 10
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    defer { buffer.deallocate() }
    while written < script.count {
      let count = script.withUnsafeBytes { bytes in
        send(
          input.number, bytes.baseAddress?.advanced(by: written), bytes.count - written,
          Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        written += count
      } else {
        try await wait(input, .write, on: reactor, by: deadline)
      }
    }
    while !frames.isDone {
      let count = read(output.number, buffer, size)
      if count > 0 {
        received += count
        frames.append(UnsafeRawBufferPointer(start: buffer, count: count))
        if received > byteLimit {
          throw TargetError(.outputTooLarge, "more than \(byteLimit >> 10) KiB")
        }
      } else if count == 0 {
        frames.finish()
        throw TargetError(.connectionLost, "the shell ended before the batch was done")
      } else {
        try await wait(output, .read, on: reactor, by: deadline)
      }
    }
    return received
  }

  private func wait(
    _ descriptor: borrowing FileDescriptor, _ readiness: Readiness, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(TargetError) {
    guard errno == EAGAIN || errno == EINTR else {
      throw TargetError(.connectionLost, "\(SystemError("the local shell"))")
    }
    do {
      try await reactor.wait(descriptor.number, for: readiness, by: deadline)
    } catch {
      throw TargetError(error, while: "the batch ran")
    }
  }
}
