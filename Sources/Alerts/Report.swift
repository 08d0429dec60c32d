internal import Configuration
internal import Metrics
internal import Rules
internal import Inventory

/// A periodic report for a contact: one figure of one metric for each of its hosts.
public struct Report: Sendable {
  /// The function that makes one figure of a host's values.
  enum Function: String, CaseIterable {
    case avg, min, max, last, count, sum

    var words: String {
      switch self {
      case .avg: "average"
      case .min: "minimum"
      case .max: "maximum"
      case .last: "latest value"
      case .count: "number of values"
      case .sum: "sum"
      }
    }

    /// Nil without values; a count is then zero.
    func figure(_ values: [Double]) -> Double? {
      switch self {
      case .count: Double(values.count)
      case .avg: values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      case .sum: values.isEmpty ? nil : values.reduce(0, +)
      case .min: values.min()
      case .max: values.max()
      case .last: values.last
      }
    }
  }

  enum Form: String, CaseIterable { case text, chart }

  enum Order: String, CaseIterable { case name, value }

  public let name: String
  /// The name of the contact that gets it.
  public let contact: String
  let metric: Selector
  let hosts: [Host]
  let function: Function
  /// The length of the history that the figure covers.
  let over: Duration
  let schedule: ReportSchedule
  let form: Form
  let order: Order
  /// The maximum number of lines.
  let top: Int

  static let keys = [
    "name", "every", "at", "metric", "hosts", "function", "over", "as", "sort", "top",
  ]
  private static let day = Duration.seconds(86_400)
  /// The default of `top`.
  private static let most = 100

  /// Reads an entry of `reports:`; nil after a fault, which is added to the findings.
  init?(
    _ node: Node, of contact: String, _ inventory: Inventory, in catalog: Catalog,
    _ findings: inout Findings
  ) {
    let before = findings.errors.count
    var name: String?
    var every: Duration?
    var at: Int?
    var metric: Selector?
    var hosts = inventory.hosts
    var function = Function.avg
    var over: Duration?
    var form = Form.text
    var order: Order?
    var top: Int?
    let pairs = findings.gather { findings throws(ConfigurationError) in
      try node.mapping("a report of contact \"\(contact)\"", keys: Self.keys, &findings)
    }
    for pair in pairs ?? [] {
      let value = pair.value
      _ = findings.attempt { () throws(ConfigurationError) in
        switch pair.name {
        case "name": name = try value.string("name")
        case "every":
          every = try value.interval("every", least: .seconds(1))
        case "at": at = try Self.minute(value)
        case "metric": metric = try Selector(value, in: catalog)
        case "hosts": hosts = try Self.hosts(value, inventory)
        case "function": function = try Self.word(value, "function")
        case "over": over = try value.duration("over", in: .seconds(60) ... .seconds(31 * 86_400))
        case "as": form = try Self.word(value, "form")
        case "sort": order = try Self.word(value, "order")
        default: top = try value.integer("top", in: 1...1000)
        }
      }
    }
    guard findings.errors.count == before else { return nil }
    func fault(_ problem: String, _ hint: String) {
      findings.add(ConfigurationError(problem, at: node, hint: hint))
    }
    guard let name, !name.isEmpty else {
      fault("a report of contact \"\(contact)\" has no name", "give it `name: ping`")
      return nil
    }
    guard let metric else {
      fault("report \"\(name)\" has no metric", "give it `metric: ping.average_response_ms`")
      return nil
    }
    guard at == nil || every == nil || every == Self.day else {
      fault("report \"\(name)\" has both `every:` and `at:`", "remove one of them")
      return nil
    }
    guard let period = at == nil ? every : Self.day else {
      fault("report \"\(name)\" has no schedule", "give it `every: 5m` or `at: \"08:00\"`")
      return nil
    }
    self.name = name
    self.contact = contact
    self.metric = metric
    self.hosts = hosts
    self.function = function
    self.over = over ?? period
    schedule = ReportSchedule(every: period, at: at)
    self.form = form
    self.order = order ?? (top == nil ? .name : .value)
    self.top = top ?? Self.most
  }

  private static func word<Word: RawRepresentable<String> & CaseIterable>(
    _ node: Node, _ what: String
  ) throws(ConfigurationError) -> Word {
    guard let word = Word(rawValue: try node.string(what)) else {
      throw unknown(what, node, among: Word.allCases.map(\.rawValue))
    }
    return word
  }

  private static func hosts(
    _ node: Node, _ inventory: Inventory
  ) throws(ConfigurationError) -> [Host] {
    let pattern = try node.string("hosts")
    do throws(ConfigurationError) { return try inventory.select(pattern) } catch {
      throw ConfigurationError("hosts of a report: \(error.problem)", at: node, hint: error.hint)
    }
  }

  /// `08:00` in minutes since midnight.
  private static func minute(_ node: Node) throws(ConfigurationError) -> Int {
    let parts = try node.string("at").split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].count == 2, let hour = Int(parts[0]),
      let minute = Int(parts[1]), (0..<24).contains(hour), (0..<60).contains(minute)
    else { throw node.mismatch("at", "a time of day", hint: "write \"08:00\"") }
    return hour * 60 + minute
  }
}
