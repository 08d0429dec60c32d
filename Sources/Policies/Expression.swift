/// A compiled regular expression of either engine, or why it does not compile.
enum Expression: Sendable {
  case osregex(OSRegex)
  case pcre2(PCRE2)
  case broken(String)

  init(four pattern: ArraySlice<UInt8>, _ type: RegexType) {
    switch type {
    case .osregex:
      do throws(OSRegex.Fault) { self = .osregex(try OSRegex(pattern)) } catch {
        self = .broken(error.text)
      }
    case .pcre2:
      do throws(PCRE2.Fault) { self = .pcre2(try PCRE2(pattern, .four)) } catch {
        self = .broken(error.text)
      }
    }
  }

  init(five pattern: ArraySlice<UInt8>) {
    do throws(PCRE2.Fault) { self = .pcre2(try PCRE2(pattern, .five)) } catch {
      self = .broken(error.text)
    }
  }

  /// Why it does not compile, or nil.
  var fault: String? {
    if case .broken(let text) = self { text } else { nil }
  }

  func matches(_ subject: ArraySlice<UInt8>) throws(TooComplex) -> Bool {
    switch self {
    case .osregex(let regex): try regex.match(subject) != nil
    case .pcre2(let regex): try regex.match(subject) != nil
    case .broken: false
    }
  }
}
