internal import Configuration
internal import Engine
internal import Glibc
internal import Metrics

/// Checks the file of a private key by the rules of ssh(1): readable by us and by no one else.
public enum KeyFile {
  /// The fault of a key's file, and what to do.
  public struct Fault: Equatable, Sendable {
    /// The rest of a sentence that begins with the path.
    public var problem: String
    public var cure: String
  }

  /// The fault of a file, or nil. `user` is the account that runs scrape, for the hint.
  public static func fault(of path: String) -> Fault? { fault(path, user: Account.user) }

  /// The same, asked of another file system.
  static func fault(
    _ path: String, user: String = "the user that runs scrape",
    canRead: (String) -> Bool = { access($0, R_OK) == 0 }
  ) -> Fault? {
    var status = stat()
    guard stat(path, &status) == 0 else {
      let code = errno
      let reason = "cannot be found: \(systemReason(code))"
      guard code == ENOENT || code == ENOTDIR else {
        return Fault(
          problem: reason, cure: "let \(user) into its folders, and do not make a new key")
      }
      return Fault(problem: reason, cure: "make one with: ssh-keygen -t ed25519 -f \(path)")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      return Fault(
        problem: "is not a regular file", cure: "name the file of a private key")
    }
    // Checked before the mode, which is right for a public key.
    if isPublic(path) {
      return Fault(
        problem: "is a public key",
        cure: path.hasSuffix(".pub")
          ? "name the private one: \(path.dropLast(4))" : "name the private one")
    }
    guard canRead(path) else {
      return Fault(
        problem: "cannot be read by this user",
        cure: "the key is there: chown it to \(user), with mode 600")
    }
    // OpenSSH checks the mode of the user's own keys only; a key that all may read is always wrong.
    let forbidden: mode_t = status.st_uid == geteuid() ? 0o077 : 0o007
    guard status.st_mode & forbidden != 0 else { return nil }
    return Fault(problem: "can be read by others", cure: "chmod 600 \(path)")
  }

  /// Whether the file begins like a `.pub` file of `ssh-keygen`, or like RFC 4716's form.
  private static func isPublic(_ path: String) -> Bool {
    guard let bytes = try? SmallFile.read(path, limit: 64 << 10) else {
      return path.hasSuffix(".pub")
    }
    return ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "---- BEGIN SSH2 PUBLIC"].contains {
      bytes.starts(with: $0.utf8)
    }
  }
}
