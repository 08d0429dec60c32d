extension Duration {
  /// Reads `500ms`, `15s`, `1m`, `2h`, `1d`, `1w`, `1h30m`; a bare number is seconds.
  ///
  /// The limit is ten years, so that no sum of instants overflows. Nil for any other text.
  public init?(text: String) {
    guard let milliseconds = sum(text, bare: 1000, units: Duration.units),
      milliseconds <= 10 * 366 * 86_400_000
    else { return nil }
    self = .milliseconds(milliseconds)
  }

  private static let units: [(String, Int)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ("w", 604_800_000),
  ]

  /// The shortest form that `init(text:)` reads: `90s`, `2h`.
  public var text: String {
    let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    if milliseconds == 0 { return "0s" }
    for (name, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
      if milliseconds % Int64(size) == 0 { return "\(milliseconds / Int64(size))\(name)" }
    }
    return "\(milliseconds)ms"
  }
}

/// Reads `64KiB`, `1GiB`, `10MB` or a bare number of bytes. Nil for any other text.
public func byteCount(_ text: String) -> Int? {
  sum(
    text, bare: 1,
    units: [
      ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
      ("kB", 1000), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000),
      ("TB", 1_000_000_000_000), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40),
    ])
}

/// Adds up numbers with units; decimals (`1.5h`) are allowed if the result is whole.
private func sum(_ text: String, bare: Int, units: [(name: String, size: Int)]) -> Int? {
  var rest = Substring(text)
  guard rest.utf8.count <= 40, !rest.isEmpty else { return nil }
  var total = 0
  var isFirst = true
  while !rest.isEmpty {
    let whole = rest.prefix { $0.isASCII && $0.isNumber }
    rest = rest.dropFirst(whole.count)
    var thousandths = 0
    if rest.first == "." {
      let decimals = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
      guard (1...3).contains(decimals.count) else { return nil }
      rest = rest.dropFirst(1 + decimals.count)
      let padded = decimals + String(repeating: "0", count: 3 - decimals.count)
      guard let value = Int(padded) else { return nil }
      thousandths = value
    }
    let unit = rest.prefix { $0.isASCII && $0.isLetter }
    rest = rest.dropFirst(unit.count)
    guard let number = Int(whole) else { return nil }
    let size: Int
    if unit.isEmpty {
      guard isFirst, rest.isEmpty else { return nil }
      size = bare
    } else {
      guard let known = units.first(where: { $0.name == unit }) else { return nil }
      size = known.size
    }
    let (product, tooLarge) = number.multipliedReportingOverflow(by: size)
    let (part, partTooLarge) = thousandths.multipliedReportingOverflow(by: size)
    guard !tooLarge, !partTooLarge, part % 1000 == 0 else { return nil }
    let (added, overflow) = total.addingReportingOverflow(product)
    let (sum, overflowToo) = added.addingReportingOverflow(part / 1000)
    guard !overflow, !overflowToo else { return nil }
    total = sum
    isFirst = false
  }
  return total
}
