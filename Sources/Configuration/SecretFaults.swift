internal import Glibc

extension Secret {
  /// Faults of the secrets in a tree: a secret that is missing on this machine is a warning, as it
  /// may exist where scrape runs; a file that others may read is an error.
  ///
  /// `${NAME}`, `file:PATH` and `credential:NAME` are recognised as values of any key. The values
  /// of the secrets are read and dropped.
  public static func faults(in node: Node, _ findings: inout Findings) {
    if let items = node.items {
      for item in items where item.text == nil { faults(in: item, &findings) }
      return
    }
    for pair in node.pairs ?? [] {
      guard let text = pair.value.text else {
        faults(in: pair.value, &findings)
        continue
      }
      guard text.hasPrefix("${") || text.hasPrefix("file:") || text.hasPrefix("credential:") else {
        continue
      }
      // The reader of the key reports values that are no secret at all.
      guard let secret = try? Secret(pair.value, pair.name) else { continue }
      secret.check(&findings)
    }
  }

  /// Adds the faults of this secret.
  public func check(_ findings: inout Findings) {
    switch origin {
    case .environment(let name):
      guard getenv(name).map({ $0.pointee == 0 }) ?? true else { return }
      findings.warn(
        fault(
          "the environment variable \(name) is not set here",
          "export \(name), or name it in EnvironmentFile= of the unit that runs scrape"))
    case .credential:
      // Only systemd provides it, and only inside the unit.
      return
    case .file(let path):
      do throws(ConfigurationError) { _ = try reveal() } catch {
        if access(path, F_OK) == 0 || errno == EACCES {
          findings.add(error)
        } else {
          findings.warn(error)
        }
      }
    }
  }
}
