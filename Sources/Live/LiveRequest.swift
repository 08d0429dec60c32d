public import Engine
internal import Metrics

/// What a view asks of the monitor.
public enum LiveRequest: Sendable, Equatable {
  /// Whether somebody answers.
  case greeting
  /// The hosts of an inventory pattern.
  case select(pattern: String)
  case host(String)
  /// `check` is a glob; nil for all checks that are not ok.
  case acknowledge(pattern: String, check: String?, why: String, who: String)
  /// `length` is what `scrape silence` takes: `2h`, `until 18:00`.
  case silence(pattern: String, check: String?, length: String, why: String, who: String)
}

public enum LiveAnswer: Sendable, Equatable {
  case hosts([String])
  case host(HostDetail)
  /// What was done, for people.
  case done(String)
  /// What is wrong with the request, for people.
  case failed(String)
}

/// What fills the view: from the store, or from a service.
public protocol LiveContents: Sendable {
  func snapshot() async throws -> Snapshot
  func answer(_ request: LiveRequest) async -> LiveAnswer
}

/// What a view takes snapshots from: the monitor of this process, or a socket.
public protocol SnapshotSource: Sendable {
  /// Shows each new snapshot, until the task is cancelled or the source fails.
  func follow(
    on reactor: isolated Reactor, _ show: @Sendable (Snapshot) -> Void
  ) async throws(LiveError)
  func ask(_ request: LiveRequest, on reactor: isolated Reactor) async -> LiveAnswer
  /// `live`, `attached`.
  var word: String { get }
}

/// Why there is no view, for people.
public struct LiveError: Error, Sendable, Equatable, CustomStringConvertible {
  public var message: String
  public init(_ message: String) { self.message = message }
  public var description: String { message }
}

// MARK: The socket's form

extension LiveRequest {
  init?(_ json: JSON) {
    let check = json["check"]?.string
    switch json.text("ask") {
    case "greeting": self = .greeting
    case "select": self = .select(pattern: json.text("pattern"))
    case "host": self = .host(json.text("host"))
    case "acknowledge":
      self = .acknowledge(
        pattern: json.text("pattern"), check: check, why: json.text("why"), who: json.text("who"))
    case "silence":
      self = .silence(
        pattern: json.text("pattern"), check: check, length: json.text("length"),
        why: json.text("why"), who: json.text("who"))
    default: return nil
    }
  }

  var json: JSON {
    switch self {
    case .greeting: .object([("ask", .string("greeting"))])
    case .select(let pattern): .object([("ask", .string("select")), ("pattern", .string(pattern))])
    case .host(let name): .object([("ask", .string("host")), ("host", .string(name))])
    case .acknowledge(let pattern, let check, let why, let who):
      .object([
        ("ask", .string("acknowledge")), ("pattern", .string(pattern)),
        ("check", check.map { .string($0) } ?? .null), ("why", .string(why)),
        ("who", .string(who)),
      ])
    case .silence(let pattern, let check, let length, let why, let who):
      .object([
        ("ask", .string("silence")), ("pattern", .string(pattern)),
        ("check", check.map { .string($0) } ?? .null), ("length", .string(length)),
        ("why", .string(why)), ("who", .string(who)),
      ])
    }
  }
}

extension LiveAnswer: JSONCoded {
  init(_ json: JSON) {
    if json["hosts"] != nil {
      self = .hosts(json.texts("hosts"))
    } else if let host = json["host"] {
      self = .host(HostDetail(host))
    } else if let done = json["done"]?.string {
      self = .done(done)
    } else {
      self = .failed(json["failed"]?.string ?? "the answer is not readable")
    }
  }

  var json: JSON {
    switch self {
    case .hosts(let names): .object([("hosts", .strings(names))])
    case .host(let host): .object([("host", host.json)])
    case .done(let text): .object([("done", .string(text))])
    case .failed(let text): .object([("failed", .string(text))])
    }
  }
}
