internal import Configuration
internal import Glibc

/// Whether a private key can be used, by the rules of ssh(1): readable by us and by no one else.
enum KeyFile {
  /// What is wrong, as the end of a sentence, or nil.
  static func problem(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else {
      return "cannot be found: \(systemReason(errno))"
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return "is not a regular file" }
    guard access(path, R_OK) == 0 else { return "cannot be read by this user" }
    // OpenSSH looks at the mode of the user's own keys only; that all may read is never right.
    let forbidden: mode_t = status.st_uid == geteuid() ? 0o077 : 0o007
    return status.st_mode & forbidden == 0 ? nil : "can be read by others"
  }
}
