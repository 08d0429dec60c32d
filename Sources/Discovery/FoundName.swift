internal import Inventory
internal import Metrics

/// Names and texts from foreign files and hosts, as an inventory may hold them.
public enum FoundName {
  /// The limit of a name in bytes: that of a label of DNS.
  static let limit = 63

  /// The name with letters, digits, `.`, `-` and `_` only; nil if nothing is left, only digits and dots, or a name that
  /// stands for groups of hosts.
  public static func of(_ text: String) -> String? {
    var name: [UInt8] = []
    for byte in text.utf8.prefix(4 * limit) {
      let isKept =
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || byte == 0x2e
        || byte == 0x5f
      // Several foreign characters in a row are one dash.
      if isKept {
        name.append(byte)
      } else if name.last != 0x2d {
        name.append(0x2d)
      }
      if name.count == limit { break }
    }
    let edge: (UInt8) -> Bool = { $0 == 0x2d || $0 == 0x2e }
    while let first = name.first, edge(first) { name.removeFirst() }
    while let last = name.last, edge(last) { name.removeLast() }
    guard name.contains(where: { (0x61...0x7a).contains($0 | 0x20) }) else { return nil }
    let found = String(decoding: name, as: UTF8.self)
    return ["all", "ungrouped"].contains(found) ? nil : found
  }

  /// A name of a group: as Ansible wants it, letters, digits and `_`.
  public static func group(_ text: String) -> String? {
    of(text).map { name in String(name.map { $0 == "-" || $0 == "." ? "_" : $0 }) }
  }

  /// The address or the name of a host as an inventory takes it; nil for anything else.
  public static func address(_ text: String) -> String? {
    if isAddress(text) { return text }
    guard let name = of(text), name == text else { return nil }
    return name
  }

  /// `10-0-6-11`, for a name.
  static func dashed(_ address: String) -> String {
    of("x\(address)").map { String($0.dropFirst().map { $0 == "." ? "-" : $0 }) } ?? "1"
  }

  /// Foreign text in one line of printable ASCII, at most 120 characters: nothing in it can end a comment.
  public static func comment(_ text: String) -> String {
    var line = ""
    for scalar in text.unicodeScalars.prefix(400) {
      line += scalar.value >= 0x20 && scalar.value < 0x7f ? String(scalar) : String(scalar).visible
      if line.utf8.count > 400 { break }
    }
    let ascii = line.unicodeScalars.map { $0.value < 0x7f ? String($0) : "?" }
    return ascii.count <= 120 ? ascii.joined() : ascii.prefix(119).joined() + "~"
  }

  /// A scalar of YAML: plain where every reader takes it for a text, else in double quotes.
  public static func yaml(_ text: String) -> String {
    let words: Set<String> = [
      "y", "n", "yes", "no", "on", "off", "true", "false", "null",
    ]
    let isPlain =
      text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || "._-".utf8.contains($0)
      } && text.utf8.first.map { (0x61...0x7a).contains($0 | 0x20) } == true
      && !words.contains(text.lowercased())
    if isPlain { return text }
    // Four numbers with dots are no number of YAML.
    if text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2e }),
      text.utf8.count(where: { $0 == 0x2e }) == 3, isAddress(text)
    {
      return text
    }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case _ where scalar.value >= 0x20 && scalar.value < 0x7f: quoted.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
      }
    }
    return quoted + "\""
  }
}
