extension String {
  /// The text with everything made visible that could move a terminal's cursor, hide or reorder text.
  ///
  /// Control characters (C0, DEL, C1) become `\xNN`; line and paragraph separators, direction marks
  /// and other format characters become `\u{NNNN}`. Text from a host is never printed without it.
  public var visible: String {
    if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return self }
    var shown = ""
    for scalar in unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control:
        let hex = String(scalar.value, radix: 16)
        shown += hex.count == 1 ? "\\x0\(hex)" : "\\x\(hex)"
      case .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
        shown += "\\u{\(String(scalar.value, radix: 16))}"
      default:
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }
}
