internal import Metrics

extension String {
  /// A hash of the text, 16 hexadecimal digits.
  var fingerprint: String {
    let digits = String(utf8.fnv1a, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }

  /// The characters that any protocol accepts in an identifier: ASCII letters, digits, `.`, `_`,
  /// `-`.
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
  /// A hash of the notice's alerts, independent of the wording: it changes when an alert fires,
  /// resolves or becomes worse.
  func fingerprint(_ occasion: Occasion) -> String {
    let states = alerts.map(\.state)
    return ([kind.rawValue, occasion.rawValue, severity.rawValue] + states)
      .joined(separator: "\u{1}").fingerprint
  }
}

extension Notice.Alert {
  /// A hash of the check, whatever its state.
  var identity: String { "\(host)\u{0}\(check)".fingerprint }

  /// A hash of the check and its state.
  var state: String {
    "\(host)\u{0}\(check)\u{0}\(severity.rawValue)\u{0}\(until == nil ? "" : "over")".fingerprint
  }
}
