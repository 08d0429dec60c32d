/// Something that can be wrong in the range, and what a pass must find as long as it is.
struct Fault: Sendable {
  /// As it is typed: `web01 http frozen`.
  var name: String
  /// The host that it is of. A host has one fault at a time, so that none hides another.
  var host: String
  /// What the checks say that it changes. Of several findings each is right; all other checks stay as
  /// they are.
  var findings: [String: [Finding]]
  /// Whether a pass must wait for a timeout because of it.
  var isSlow = false
  var on: @Sendable () throws -> Void
  var off: @Sendable () throws -> Void

  /// The findings by check.
  var expected: [Check: [Finding]] {
    var expected: [Check: [Finding]] = [:]
    for (name, findings) in findings { expected[Check(host: host, name: name)] = findings }
    return expected
  }
}
