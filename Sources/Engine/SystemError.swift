internal import Glibc

/// A failed system call: its name and the system's error text.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The call's name: `connect`.
  public var call: String
  /// The error number of errno(3).
  public var code: Int32

  public init(_ call: String, _ code: Int32) {
    self.call = call
    self.code = code
  }

  /// Takes the error of the call that has just failed.
  public init(_ call: String) { self.init(call, errno) }

  /// The system's text for the code, such as `Connection refused`.
  ///
  /// The corresponding C function is `strerror_r`.
  public var message: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else {
        return "error \(code)"
      }
      return String(cString: base)
    }
  }

  public var description: String { "\(call): \(message)" }
}
