internal import Glibc

/// The exit code of a process to which the system denies what nothing can run without.
public let denialExitCode: Int32 = 5

/// Ends the process with a message where the system denies descriptors or threads: there is no way on,
/// and a trap would say nothing.
func giveUp(_ what: String, _ cure: String) -> Never {
  let text = "scrape: \(what); \(cure)\n"
  _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  _exit(denialExitCode)
}
