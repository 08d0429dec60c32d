public import Engine
internal import Metrics
internal import Transfer

/// Runs every statement of every board on a real database, as Grafana would send it.
///
/// It proves that each panel gets rows with the columns it asks for. How Grafana draws them it cannot show.
public struct BoardCheck: Sendable {
  /// The database to ask.
  public struct Database: Sendable {
    public var url: String
    public var name: String
    public var username: String?
    public var password: String?
    public var token: String?

    public init(url: String, name: String) {
      self.url = url
      self.name = name
    }
  }

  /// The result of one statement.
  public struct Finding: Sendable {
    public enum Outcome: Sendable, Equatable {
      /// The number of rows.
      case rows(Int)
      /// Rows, but a column that the panel needs is missing or has no value.
      case incomplete(String)
      /// None, for this reason. `isFine` where that may be so, as with events.
      case empty(why: String, isFine: Bool)
      /// The database refused the statement.
      case refused(String)
    }

    public var board: String
    public var panel: String
    public var statement: String
    public var outcome: Outcome

    public var isGood: Bool {
      switch outcome {
      case .rows: true
      case .empty(_, let isFine): isFine
      case .refused, .incomplete: false
      }
    }
  }

  /// Why the database could not be asked.
  public struct Failure: Error, Sendable, CustomStringConvertible {
    public var description: String
  }

  private let database: Database
  private let transfers = Transfers()
  /// The range of boards, in InfluxQL.
  private let range: String

  /// `range` is a duration of InfluxQL such as `6h`.
  public init(_ database: Database, range: String = "6h") {
    self.database = database
    self.range = range
  }

  public func run(
    _ boards: [Board], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Failure) -> [Finding] {
    defer { transfers.close() }
    try await examine(on: reactor, by: deadline)
    var findings: [Finding] = []
    for board in boards {
      var values: [String: [String]] = [:]
      for variable in board.variables {
        guard variable.values.isEmpty else {
          values[variable.name] = [variable.values[0]]
          for policy in variable.values.dropFirst() {
            findings.append(
              try await finding(of: policy, on: board.title, on: reactor, by: deadline))
          }
          continue
        }
        let statement = fill(variable.query, values)
        let found = try await rows(of: statement, on: reactor, by: deadline)
        var outcome = Finding.Outcome.rows(found.rows.count)
        if let error = found.error { outcome = .refused(error) }
        if found.error == nil, found.rows.isEmpty {
          outcome = .empty(why: "no host has this tag", isFine: variable.name == "team")
        }
        values[variable.name] = found.rows.compactMap { $0.last?.string }
        findings.append(
          Finding(
            board: board.title, panel: "variable \(variable.name)", statement: statement,
            outcome: outcome))
      }
      if let query = board.annotation {
        let statement = fill(query.text, values)
        let found = try await rows(of: statement, on: reactor, by: deadline)
        var outcome = Finding.Outcome.rows(found.rows.count)
        if let error = found.error {
          outcome = .refused(error)
        } else if found.rows.isEmpty {
          let why = try await reason(for: query, on: reactor, by: deadline)
          outcome = .empty(why: why, isFine: true)
        }
        findings.append(
          Finding(
            board: board.title, panel: "marks of events", statement: statement, outcome: outcome))
      }
      for panel in board.panels {
        for query in panel.queries {
          let statement = fill(query.text, values)
          let found = try await rows(of: statement, on: reactor, by: deadline)
          var finding = Finding(
            board: board.title, panel: panel.title, statement: statement,
            outcome: .rows(found.rows.count))
          if let error = found.error {
            finding.outcome = .refused(error)
          } else if found.rows.isEmpty {
            let why = try await reason(for: query, on: reactor, by: deadline)
            finding.outcome = .empty(why: why, isFine: panel.mayBeEmpty)
          } else if let column = Self.missing(in: found, query, panel) {
            finding.outcome = .incomplete(column)
          }
          findings.append(finding)
        }
      }
    }
    return findings
  }

  /// Whether a rollup that the reader can choose is there; it may not hold anything yet.
  private func finding(
    of policy: String, on board: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Failure) -> Finding {
    let statement =
      "SELECT \"up\" FROM \(Query.name(policy)).\"scrape\" WHERE time > now() - 30d LIMIT 1"
    let found = try await rows(of: statement, on: reactor, by: deadline)
    var outcome = Finding.Outcome.rows(found.rows.count)
    if let error = found.error {
      outcome = .refused("\(error); create it with `scrape setup influxdb`")
    } else if found.rows.isEmpty {
      outcome = .empty(why: "the rollup \(policy) holds nothing yet", isFine: true)
    }
    return Finding(
      board: board, panel: "variable resolution", statement: statement, outcome: outcome)
  }

  /// Throws if the database is not there or holds nothing: each statement would only repeat that.
  private func examine(on reactor: isolated Reactor, by deadline: Deadline) async throws(Failure) {
    let name = "\(database.url): database \(database.name)"
    // InfluxDB 1.6 answers SHOW MEASUREMENTS for a database that is not there.
    let asked = try await rows(
      of: "SELECT * FROM \"scrape\" WHERE time > now() - 1s LIMIT 1", on: reactor, by: deadline)
    if let error = asked.error {
      let isAbsent = ["database not found", "dbrp"].contains { error.lowercased().contains($0) }
      throw Failure(
        description: isAbsent
          ? "\(name) does not exist (\(error)); create it with `scrape setup influxdb`, or name "
            + "another with --database"
          : "\(name): \(error)")
    }
    let found = try await rows(of: "SHOW MEASUREMENTS LIMIT 1", on: reactor, by: deadline)
    if found.error == nil, found.rows.isEmpty {
      throw Failure(
        description: "\(name) is empty; run `scrape run`, and see `scrape status` if points wait")
    }
  }

  /// The statement with Grafana's variables filled in: `(a|b)` with escaped values, as Grafana does for
  /// expressions.
  func fill(_ statement: String, _ values: [String: [String]]) -> String {
    var text = statement
    for (name, all) in values.sorted(by: { $0.key > $1.key }) {
      // Fixed values are names, which Grafana fills in as they are.
      if name == "resolution", let value = all.first {
        text = text.replacing("$\(name)", with: value)
        continue
      }
      let escaped = all.map(Self.escaped)
      let list = escaped.isEmpty ? ".*" : "(\(escaped.joined(separator: "|")))"
      text = text.replacing("$\(name)", with: list)
    }
    return text.replacing("$timeFilter", with: "time > now() - \(range)")
      .replacing("$__interval", with: "1m")
  }

  private static func escaped(_ value: String) -> String {
    var text = ""
    for character in value {
      if "\\^$*+?.()|[]{}/-".contains(character) { text += "\\" }
      text.append(character)
    }
    return text
  }

  /// Why a statement has no rows.
  private func reason(
    for query: Query, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Failure) -> String {
    let measurement = Query.name(query.measurement)
    let fields = try await rows(
      of: "SHOW FIELD KEYS FROM \(measurement)", on: reactor, by: deadline
    ).rows.compactMap { $0.first?.string }
    if fields.isEmpty { return "the database has no measurement \(query.measurement)" }
    let missing = query.selections.filter { $0.expression == nil && !fields.contains($0.field) }
    if !missing.isEmpty {
      return "\(query.measurement) has no field \(missing.map(\.field).joined(separator: ", "))"
    }
    let tags = try await rows(
      of: "SHOW TAG KEYS FROM \(measurement)", on: reactor, by: deadline
    ).rows.compactMap { $0.first?.string }
    let unknown = (query.tags + query.pins).filter { !tags.contains($0) }
    if !unknown.isEmpty {
      return "\(query.measurement) has no tag \(unknown.joined(separator: ", "))"
    }
    let recent = try await rows(
      of: "SELECT * FROM \(measurement) WHERE time > now() - \(range) LIMIT 1", on: reactor,
      by: deadline)
    if recent.rows.isEmpty { return "\(query.measurement) has no point in the last \(range)" }
    return query.isRate
      ? "no two intervals of \(query.measurement) with a value, as a rate needs"
      : "no point of \(query.measurement) meets the conditions"
  }

  /// What the database answered.
  private struct Answer {
    var rows: [[JSON]] = []
    /// The columns and tags, and those of them with a value in any row.
    var columns: Set<String> = []
    var filled: Set<String> = []
    var error: String?
  }

  /// The column that the panel needs and does not get.
  private static func missing(in answer: Answer, _ query: Query, _ panel: Panel) -> String? {
    let empty = answer.columns.subtracting(answer.filled).subtracting(query.optional)
    if let name = empty.min() { return "the column \(name) has no value" }
    guard panel.kind == .graph else { return nil }
    let needed =
      answer.columns.contains("source") || answer.columns.contains("target")
      ? ["id", "source", "target"] : ["id", "title", "subtitle", "mainstat"]
    return needed.first { !answer.filled.contains($0) }.map {
      "a node graph needs the column \($0)"
    }
  }

  private func rows(
    of statement: String, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Failure) -> Answer {
    var request = TransferRequest(
      "POST", "\(database.url)/query?db=\(database.name.percentEncoded)&epoch=ms")
    request.user = database.username
    request.password = database.password
    request.secrets = [database.password, database.token].compactMap { $0 }
    request.keepsConnection = true
    request.bodyLimit = 32 << 20
    request.headers = [("Content-Type", "application/x-www-form-urlencoded")]
    if let token = database.token {
      request.headers.append(("Authorization", "Token \(token)"))
    }
    request.body = Array("q=\(statement.percentEncoded)".utf8)
    let answer: TransferAnswer
    do throws(TransferError) {
      answer = try await transfers.answer(to: request, on: reactor, by: deadline)
    } catch {
      throw Failure(
        description: "\(database.url): \(error); is InfluxDB running, and the URL right?")
    }
    let json = JSON(reading: answer.body)
    if answer.code == 401 || answer.code == 403 {
      let words = (json?["error"] ?? json?["message"])?.string.map { " (\($0))" } ?? ""
      let account =
        database.token != nil
        ? "the token of the first sink in scrape.yml"
        : database.username.map { "user \($0) and the password of the first sink in scrape.yml" }
          ?? "the settings: scrape.yml names no user for its first sink"
      throw Failure(
        description: "\(database.url): answered \(answer.code)\(words); check \(account)")
    }
    guard let json else {
      throw Failure(
        description: "\(database.url): answered \(answer.code) without JSON; is it InfluxDB?")
    }
    if let error = json["error"]?.string { return Answer(error: error) }
    var found = Answer()
    for result in json["results"]?.elements ?? [] {
      if let error = result["error"]?.string { return Answer(error: error) }
      for series in result["series"]?.elements ?? [] {
        let names = (series["columns"]?.elements ?? []).map { $0.string ?? "" }
        found.columns.formUnion(names)
        if case .object(let tags)? = series["tags"] {
          found.columns.formUnion(tags.map(\.0))
          found.filled.formUnion(tags.filter { $0.1.string != "" }.map(\.0))
        }
        for row in (series["values"]?.elements ?? []).map(\.elements) {
          // An interval without a value is no row.
          guard row.count == 1 || row.dropFirst().contains(where: { $0 != .null }) else { continue }
          found.rows.append(row)
          for (name, value) in zip(names, row) where value != .null { found.filled.insert(name) }
        }
      }
    }
    return found
  }
}
