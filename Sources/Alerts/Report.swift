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

  private static let day = Duration.seconds(86_400)
  /// The default of `top`.
  private static let most = 100

  /// Takes an entry of `reports:`; nil if something is missing.
  init?(
    _ fields: inout Fields, of contact: String, _ inventory: Inventory?, in catalog: Catalog
  ) {
    let name = fields.take(
      "name", .text, otherwise: "required", "Name, for `scrape report`.", example: "disks")
    let every = fields.take(
      "every", .interval(least: .seconds(1)), otherwise: "required, or `at`",
      "Time between two reports.", example: "1h")
    let at = fields.take("at", Self.timeOfDay, otherwise: "required, or `every`", "Time of day.")
    let selector = SettingType<Selector>(
      "`MEASUREMENT.FIELD{TAG=VALUE}`", example: "\"disk.used_percent{path=/}\""
    ) { node, _ throws(ConfigurationError) in try Selector(node, in: catalog) }
    let metric = fields.take("metric", selector, otherwise: "required", "Metric that is shown.")
    hosts = fields.take(
      "hosts", .hosts(of: inventory, owner: "hosts of a report"),
      default: inventory?.hosts ?? [], "Hosts that are shown.")
    function = fields.take(
      "function", .choice(), default: .avg, "Function of the values.", example: "max")
    let over = fields.take(
      "over", .duration(.seconds(60) ... .seconds(31 * 86_400)),
      otherwise: "`every`, or one day with `at`", "Time range of the values.", example: "1d")
    form = fields.take(
      "as", .choice("form"), default: .text,
      "Text, or a chart of at most eight curves.", example: "chart")
    let order =
      fields.take(
        "sort", .choice("order"), otherwise: "`name`; `value` with `top`", "Order of the lines.",
        example: "value") as Order?
    let top = fields.take(
      "top", .integer(1...1000, unit: "lines"), otherwise: "\(Self.most)", "Limit of the lines.")
    self.contact = contact
    self.name = name ?? ""
    self.order = order ?? (top == nil ? .name : .value)
    self.top = top ?? Self.most
    let node = fields.node
    func fault(_ problem: String, _ hint: String) {
      fields.addUnlessFaulty(ConfigurationError(problem, at: node, hint: hint))
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
    self.metric = metric
    self.over = over ?? period
    schedule = ReportSchedule(every: period, at: at)
  }

  /// The settings of a report.
  static func reference(in catalog: Catalog) -> Reference {
    Reference("`contacts.NAME.reports`", "A list of periodic reports.") {
      _ = Report(&$0, of: "NAME", nil, in: catalog)
    }
  }

  /// `08:00` in minutes since midnight.
  private static var timeOfDay: SettingType<Int> {
    SettingType("time of day", example: "\"08:00\"", minute)
  }

  private static func minute(
    _ node: Node, _ what: String
  ) throws(ConfigurationError) -> Int {
    let parts = try node.string(what).split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].count == 2, let hour = Int(parts[0]),
      let minute = Int(parts[1]), (0..<24).contains(hour), (0..<60).contains(minute)
    else { throw node.mismatch(what, "a time of day", hint: "write \"08:00\"") }
    return hour * 60 + minute
  }
}
