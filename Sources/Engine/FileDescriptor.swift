internal import Glibc

/// Owns a file descriptor and closes it when it goes.
public struct FileDescriptor: ~Copyable, Sendable {
  public let number: Int32

  /// Takes ownership of an open descriptor.
  public init(owning number: Int32) { self.number = number }

  deinit { close(number) }
}
