/// A probe that the host itself answers: a script for its batch, and what the answer means.
///
/// The script is POSIX sh, only reads, and takes part in the host's one SSH session.
public protocol HostQuestion: Probe {
  /// What runs on the host; nil where this probe is asked over the network after all.
  func script(of host: String) -> String?
  /// What the script's output (bounded by the batch) and exit status mean; the status is nil where it
  /// did not come to its end.
  func judge(output: [UInt8], status: Int32?, took: Duration?) -> Verdict
}

extension String {
  /// The text as one word for sh, whatever it holds.
  var quotedForShell: String {
    var quoted = "'"
    for character in self { quoted += character == "'" ? "'\\''" : String(character) }
    return quoted + "'"
  }
}
