internal import Metrics

extension String {
  /// Sixteen digits that stand for the text.
  var fingerprint: String {
    let digits = String(utf8.fnv1a, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }

  /// What of it may stand in an identifier of any protocol: ASCII letters, digits, `.`, `_`, `-`.
  var asIdentifier: String {
    String(
      unicodeScalars.lazy.filter { scalar in
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": true
        default: false
        }
      }.prefix(64).map { Character($0) })
  }
}

extension Notice {
  /// Stands for what is told, whatever the words: it changes when an alert comes, ends, or is worse.
  func fingerprint(_ occasion: Occasion) -> String {
    let states = alerts.map(\.state)
    return ([kind.rawValue, occasion.rawValue, severity.rawValue] + states)
      .joined(separator: "\u{1}").fingerprint
  }
}

extension Notice.Alert {
  /// Stands for the check, whatever its state.
  var identity: String { "\(host)\u{0}\(check)".fingerprint }

  /// Stands for the check as it is.
  var state: String {
    "\(host)\u{0}\(check)\u{0}\(severity.rawValue)\u{0}\(until == nil ? "" : "over")".fingerprint
  }
}
