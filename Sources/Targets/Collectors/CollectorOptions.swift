/// An option of a collector in a profile, checked by `scrape lint`.
public struct CollectorOption: Sendable, Equatable {
  public enum Kind: String, Sendable {
    case integer = "a whole number"
    case boolean = "true or false"
    case strings = "a list of words"
  }

  public var name: String
  public var kind: Kind
  /// The default, for help.
  public var usual: String
  /// One sentence for help.
  public var summary: String

  public init(_ name: String, _ kind: Kind, default usual: String, _ summary: String) {
    self.name = name
    self.kind = kind
    self.usual = usual
    self.summary = summary
  }
}

/// The options of one collector from a profile; missing ones have the collector's defaults.
public struct CollectorOptions: Sendable, Equatable {
  public enum Value: Sendable, Equatable {
    case integer(Int)
    case boolean(Bool)
    case strings([String])
  }

  public var values: [String: Value]

  public init(_ values: [String: Value] = [:]) { self.values = values }

  public func integer(_ name: String, default fallback: Int) -> Int {
    if case .integer(let value)? = values[name] { value } else { fallback }
  }

  public func boolean(_ name: String, default fallback: Bool) -> Bool {
    if case .boolean(let value)? = values[name] { value } else { fallback }
  }

  public func strings(_ name: String, default fallback: [String]) -> [String] {
    if case .strings(let value)? = values[name] { value } else { fallback }
  }
}
