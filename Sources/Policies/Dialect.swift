/// The generation of Wazuh whose grammar and answers a policy is written for.
public enum Dialect: String, Sendable, CaseIterable {
  case four = "4"
  case five = "5"

  /// Reads `4`, `5`, `4.x`, `4.14`, `5.1.0`; nil for anything else.
  public init?(text: String) {
    guard let first = text.utf8.first, text.utf8.count == 1 || text.utf8.dropFirst().first == 0x2e
    else { return nil }
    self.init(rawValue: String(UnicodeScalar(first)))
  }
}

/// The engine of `r:` and `n:` patterns.
public enum RegexType: String, Sendable {
  case osregex, pcre2

  /// Wazuh 4 knows exactly `pcre2`; every other word is OSRegex.
  init(word: String) { self = word == "pcre2" ? .pcre2 : .osregex }
}
