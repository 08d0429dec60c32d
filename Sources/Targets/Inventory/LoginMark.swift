internal import Configuration
internal import Engine
internal import Glibc
internal import Metrics

/// What log-ins are made with, as a number without any secret in it: a rest ends when it changes.
///
/// Files count by path, size and time of the last change. The values of environment variables and of
/// systemd's credentials are not looked at: a short password could be guessed from a number of it.
enum LoginMark {
  static let usualKeys = ["id_ed25519", "id_ecdsa", "id_rsa"].map { "\(Account.home)/.ssh/\($0)" }

  static func file(_ path: String) -> String {
    var status = stat()
    guard stat(path, &status) == 0 else { return "\(path) absent" }
    let time = status.st_mtim
    return "\(path) \(status.st_size) \(status.st_ino) \(time.tv_sec).\(time.tv_nsec)"
  }

  static func secret(_ secret: Secret?) -> String {
    guard let secret else { return "none" }
    if case .file(let path) = secret.origin { return file(path) }
    return secret.description
  }
}

extension Host {
  /// What the host's log-in is made with; `agentKeys` are the public halves that would be tried.
  ///
  /// `files` keeps what was found of key files, which many hosts have in common.
  public func loginMark(agentKeys: [String], files: inout [String: String]) -> UInt64 {
    var marks = [user ?? "", address, String(port)]
    for path in keys.isEmpty ? LoginMark.usualKeys : keys {
      let mark = files[path] ?? LoginMark.file(path)
      files[path] = mark
      marks.append(mark)
    }
    marks += [LoginMark.secret(keyPassphrase), LoginMark.secret(password)]
    return Rest.mark(of: marks + agentKeys)
  }
}

extension BMCSettings {
  /// What the log-in to the BMC is made with.
  public var loginMark: UInt64 {
    Rest.mark(of: [
      user ?? "", address, String(port), LoginMark.secret(password), LoginMark.secret(key),
      privilege.rawValue, cipherSuite.map { String($0) } ?? "",
    ])
  }
}
