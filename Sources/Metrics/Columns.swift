extension Unicode.Scalar {
  /// The columns of the character on a terminal: East Asian characters and emoji take two.
  public var columns: Int {
    if value < 0x1100 { return 1 }
    let isWide =
      (0x1100...0x115f).contains(value) || (0x2e80...0xa4cf).contains(value)
      || (0xac00...0xd7a3).contains(value) || (0xf900...0xfaff).contains(value)
      || (0xfe30...0xfe6f).contains(value) || (0xff00...0xff60).contains(value)
      || (0x1f300...0x1faff).contains(value)
    return isWide ? 2 : 1
  }
}

extension String {
  /// The columns of the text on a terminal.
  public var columns: Int {
    if utf8.allSatisfy({ $0 < 0x80 }) { return utf8.count }
    return reduce(0) { $0 + ($1.unicodeScalars.first?.columns ?? 0) }
  }

  /// The text in ASCII: our own signs are replaced, all other characters escaped.
  public var ascii: String {
    if utf8.allSatisfy({ $0 < 0x80 }) { return self }
    var plain = ""
    for scalar in unicodeScalars {
      if scalar.isASCII {
        plain.unicodeScalars.append(scalar)
      } else if let sign = asciiSigns[scalar] {
        plain += sign
      } else {
        plain += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return plain
  }
}

private let asciiSigns: [Unicode.Scalar: String] = [
  "→": "->", "·": "-", "–": "-", "—": "-", "…": "...", "✓": "ok", "✗": "NO", "└": "`-", "│": "|",
  "├": "|-", "↓": "down", "↑": "up", "←": "<-", "▕": "|", "▏": "|", "█": "#", "°": " deg ",
  "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "×": "x", "µ": "u",
  "🔴": "[critical]", "🟠": "[major]", "🟡": "[minor]", "⚪": "[unknown]", "🟢": "[ok]", "\u{a0}": " ",
  "\u{202f}": " ",
]
