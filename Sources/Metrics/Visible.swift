extension String {
  /// The text with all characters made visible that could move a cursor, hide or reorder text.
  ///
  /// Control characters (C0, DEL, C1) become `\xNN`; line and paragraph separators, direction marks
  /// and other format characters become `\u{NNNN}`. Text from a host is never printed without it.
  public var visible: String {
    if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return self }
    var shown = ""
    for scalar in unicodeScalars {
      guard scalar.isUnprintable else {
        shown.unicodeScalars.append(scalar)
        continue
      }
      let hex = String(scalar.value, radix: 16)
      if scalar.properties.generalCategory == .control {
        shown += hex.count == 1 ? "\\x0\(hex)" : "\\x\(hex)"
      } else {
        shown += "\\u{\(hex)}"
      }
    }
    return shown
  }
}

extension Unicode.Scalar {
  /// Whether the character moves a cursor, ends a line, or hides or reorders text: a control
  /// character (C0, DEL, C1), a format character such as a direction mark, or a separator of lines
  /// or paragraphs.
  public var isControl: Bool {
    if value >= 0x20 && value < 0x7f { return false }
    return switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }

  /// Whether the character shows no sign, or one that only some terminals know: `isControl`, or a
  /// character without a meaning in Unicode.
  public var isUnprintable: Bool {
    if value >= 0x20 && value < 0x7f { return false }
    return switch properties.generalCategory {
    case .surrogate, .privateUse, .unassigned: true
    default: isControl
    }
  }
}
