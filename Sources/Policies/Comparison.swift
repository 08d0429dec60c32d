/// The right side of a numeric term: an operator and a number.
struct Comparison: Equatable {
  struct Fault: Error, Equatable { var text: String }

  enum Operator: String, CaseIterable {
    case less = "<"
    case lessOrEqual = "<="
    case equal = "=="
    case notEqual = "!="
    case greaterOrEqual = ">="
    case greater = ">"
  }

  var operation: Operator
  var value: Int64

  init(_ operation: Operator, _ value: Int64) {
    self.operation = operation
    self.value = value
  }

  func holds(for left: Int64) -> Bool {
    switch operation {
    case .less: left < value
    case .lessOrEqual: left <= value
    case .equal: left == value
    case .notEqual: left != value
    case .greaterOrEqual: left >= value
    case .greater: left > value
    }
  }

  /// Wazuh 4: the first run of digits, and an operator anywhere. `=<` is "equal", `<>` is "less".
  static func four(_ text: ArraySlice<UInt8>) -> Result<Comparison, Fault> {
    let digits = text.drop { !isDigit($0) }.prefix(while: isDigit)
    guard !digits.isEmpty else { return .failure(Fault(text: "no number to compare with")) }
    guard let value = Int64(String(decoding: digits, as: UTF8.self)) else {
      return .failure(Fault(text: "the number to compare with is too large"))
    }
    if text.first == UInt8(ascii: "=") { return .success(Comparison(.equal, value)) }
    let order: [Operator] = [.notEqual, .lessOrEqual, .greaterOrEqual, .less, .greater]
    guard let found = order.first(where: { text.firstRange(of: Array($0.rawValue.utf8)) != nil })
    else { return .failure(Fault(text: "no operator to compare with")) }
    return .success(Comparison(found, value))
  }

  /// The number at the start of the text as strtol(3) reads it: blanks, a sign, digits, and whatever
  /// follows. Nil without digits, or if it does not fit 64 bits.
  static func leadingInteger(_ text: ArraySlice<UInt8>) -> Int64? {
    var rest = text.untilNUL.drop { $0 == 0x20 || (0x09...0x0d).contains($0) }
    var sign = ""
    if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      sign = first == UInt8(ascii: "-") ? "-" : ""
      rest = rest.dropFirst()
    }
    let digits = rest.prefix(while: isDigit)
    guard !digits.isEmpty else { return nil }
    return Int64(sign + String(decoding: digits, as: UTF8.self))
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
