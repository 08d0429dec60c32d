public import Metrics
public import Store

/// What the governor learned, and accounts that rest: `scrape status --limits`.
public struct LimitList: Sendable {
  private let limits: [(key: Governor.Key, record: Governor.Record)]
  private let rests: [(account: Rest.Account, rest: Rest)]

  public init(_ store: Store) async throws(StoreError) {
    limits = try await store.governed().map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    rests = try await store.rests().map { ($0.key, $0.value) }
      .sorted { ($0.0.host, $0.0.user) < ($1.0.host, $1.0.user) }
  }

  /// A table of limits, then a line for each account whose log-ins were refused.
  public var lines: [String] {
    var lines: [String] = []
    if limits.isEmpty {
      lines.append("no limits yet: no pass asked hosts with `via:` or `on:`, or BMCs")
    } else {
      let head = ["LIMIT", "OF", "NOW", "USED", "REFUSED", "LAST REFUSAL"]
      let rows = limits.map { key, record in
        [
          key.kind.label, "\(key.kind.place) \(key.name.visible)",
          "\(Int(record.value))\(key.kind.unit)", "\(record.used)\(key.kind.unit)",
          Format.count(record.refusals),
          record.refused.map { "\(Format.time($0))  \((record.message ?? "").visible)" }
            ?? Format.none,
        ]
      }
      let widths = head.indices.map { column in
        ([head] + rows).map { $0[column].count }.max() ?? 0
      }
      lines += ([head] + rows).map { row in
        row.indices.map { column in
          column == head.count - 1
            ? row[column]
            : Format.pad(row[column], widths[column], right: (2...4).contains(column))
        }.joined(separator: "  ")
      }
    }
    for (account, rest) in rests {
      let end = rest.until == 0 ? nil : Timestamp(seconds: Int64(clamping: rest.until))
      let state =
        end.map { $0 > .now ? "rests until \(Format.time($0))" : "is tried again" }
        ?? "rests after the third"
      lines.append(
        "\(account.user)@\(account.host): \(Format.count(Int(clamping: rest.refusals), "log-in")) "
          .visible + "refused in a row; it \(state)")
    }
    return lines
  }

  /// One object for each limit and each account.
  public var json: [JSON] {
    limits.map { key, record in
      var members: [(String, JSON)] = [
        ("limit", .string(key.kind.label)), ("of", .string(key.kind.place)),
        ("name", .string(key.name)), ("value", .integer(Int64(record.value))),
        ("used", .integer(Int64(record.used))), ("refusals", .integer(Int64(record.refusals))),
      ]
      if let refused = record.refused { members.append(("refused", .time(refused))) }
      if let message = record.message { members.append(("message", .string(message))) }
      return .object(members)
    }
      + rests.map { account, rest in
        var members: [(String, JSON)] = [
          ("host", .string(account.host)), ("user", .string(account.user)),
          ("refusals", .integer(Int64(clamping: rest.refusals))),
        ]
        if rest.until > 0 {
          members.append(("until", .time(Timestamp(seconds: Int64(clamping: rest.until)))))
        }
        return .object(members)
      }
  }
}

extension Governor.Kind {
  /// The word for people and scripts.
  fileprivate var label: String {
    switch self {
    case .guests: "hosts"
    default: rawValue
    }
  }

  fileprivate var unit: String { self == .handshakes ? "/s" : "" }
}
