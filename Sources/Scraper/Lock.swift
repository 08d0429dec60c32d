internal import Engine
internal import Glibc
internal import Targets

/// Keeps a second pass from starting while one runs.
///
/// The lock is the kernel's (flock(2)) on a file beside the store: it goes with the process, however
/// that ends, so a stale file means nothing.
struct Lock: ~Copyable {
  private let descriptor: FileDescriptor

  /// Who holds the lock.
  struct Held: Error {
    /// What the holder wrote: its process id and when it began.
    var holder: String
  }

  /// Takes the lock or says who has it.
  init(beside store: String) throws {
    let path = store + ".lock"
    let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw SystemError("open \(path)") }
    let descriptor = FileDescriptor(owning: number)
    guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
      var text = [UInt8](repeating: 0, count: 100)
      let count = read(number, &text, text.count)
      throw Held(holder: String(decoding: text.prefix(max(0, count)), as: UTF8.self))
    }
    self.descriptor = descriptor
    let note = "process \(getpid()), since \(Figure.time(.now))"
    ftruncate(number, 0)
    _ = note.withCString { pwrite(number, $0, strlen($0), 0) }
  }

  /// Lets the next pass begin.
  consuming func release() {}
}
