internal import Glibc

/// The system's text for an error number: `No such file or directory`.
///
/// The corresponding C function is `strerror`.
public func systemReason(_ code: Int32) -> String {
  strerror(code).map { String(cString: $0) } ?? "error \(code)"
}
