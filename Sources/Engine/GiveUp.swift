internal import Glibc

/// The exit code of a process without the resources that everything needs.
public let denialExitCode: Int32 = 5

/// Ends the process with a message if the system denies descriptors or threads: nothing can run,
/// and a trap would show no reason.
func giveUp(_ what: String, _ cure: String) -> Never {
  let text = "scrape: \(what); \(cure)\n"
  _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  _exit(denialExitCode)
}
