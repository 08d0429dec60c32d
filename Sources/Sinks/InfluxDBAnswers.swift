internal import Transfer
/// The answers of InfluxDB 1, 2 and 3, and of servers with the same API.
enum InfluxDBAnswers {
  /// Whether a 400 or 422 concerns lines and not the request.
  static func blamesLine(_ said: String) -> Bool {
    [
      "unable to parse", "field type conflict", "points beyond retention", "max-values-per-tag",
      "max-series-per-database", "max key length", "invalid field", "invalid tag",
      "failed to parse line", "errors encountered on line", "invalid line protocol",
      "parsing failed for write_lp",
    ].contains { said.contains($0) }
  }

  /// The result of a partially written batch; nil if the answer reports none.
  ///
  /// `dropped=N` counts lines that were readable and yet refused (1.x, 2.x); unreadable ones are
  /// listed one by one (1.x); version 3 lists each with its `line_number`.
  static func partial(_ response: TransferAnswer) -> HTTPAnswer? {
    let said = errorText(response.body) ?? message(of: response)
    guard said.contains("partial write") else { return nil }
    var refused = 0
    if let number = said.split(separator: "dropped=").last.flatMap({
      Int($0.prefix { $0.isNumber })
    }) {
      refused = number
    }
    refused += said.split(separator: "\n").count { $0.contains("unable to parse '") }
    let listed = String(decoding: response.body, as: UTF8.self)
    refused = max(refused, listed.split(separator: "\"line_number\"").count - 1)
    var why = said
    if let first = errorText(response.body, keys: ["error_message"]) { why += ": \(first)" }
    return .partly(refused: refused, why: shortened(why))
  }

  /// The server's error text: from `{"error":"…"}` or `{"message":"…"}`, from the header that
  /// repeats it, or from any other body.
  static func message(of response: TransferAnswer) -> String {
    if let said = errorText(response.body) { return shortened(said) }
    if let said = response[header: "x-influxdb-error"] ?? response[header: "x-influx-error"] {
      return shortened(said)
    }
    let body = String(decoding: response.body.prefix(200), as: UTF8.self)
    let isText = response.body.first { $0 > 0x20 } != UInt8(ascii: "<")
    return body.isEmpty ? "an empty body" : isText ? shortened(body) : "a page of HTML"
  }

  static func hasError(_ response: TransferAnswer) -> Bool { errorText(response.body) != nil }

  private static func shortened(_ text: String) -> String {
    text.utf8.count <= 400 ? text : String(text.prefix(400)) + "…"
  }

  /// The text after the first of the keys that occurs in a JSON body, which may have been cut.
  static func errorText(_ body: [UInt8], keys: [String] = ["error", "message"]) -> String? {
    guard body.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else { return nil }
    for name in keys {
      let key = Array("\"\(name)\":".utf8)
      guard body.count > key.count else { continue }
      let starts = 0...(body.count - key.count)
      guard let start = starts.first(where: { body[$0...].starts(with: key) }) else { continue }
      var rest = body[(start + key.count)...].drop { $0 == 0x20 }
      guard rest.popFirst() == UInt8(ascii: "\"") else { continue }
      return unquoted(&rest)
    }
    return nil
  }

  private static func unquoted(_ rest: inout ArraySlice<UInt8>) -> String {
    var text: [UInt8] = []
    while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
      guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
        text.append(byte)
        continue
      }
      switch escaped {
      case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "r"), UInt8(ascii: "t"): text.append(UInt8(ascii: " "))
      case UInt8(ascii: "u"):
        let code = UInt32(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16)
        rest = rest.dropFirst(4)
        let scalar = code.flatMap { Unicode.Scalar($0) } ?? "\u{fffd}"
        text.append(contentsOf: String(Character(scalar)).utf8)
      default: text.append(escaped)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// InfluxQL, the query language of version 1.
enum InfluxQL {
  /// A name in double quotes.
  static func quoted(_ name: String) -> String {
    var text = "\""
    for character in name {
      if character == "\"" || character == "\\" { text += "\\" }
      text.append(character)
    }
    return text + "\""
  }

  /// The parts of the request that run a statement; an answer of 200 may hold its error.
  static func run(_ statement: String, with request: inout TransferRequest) {
    request.method = "POST"
    request.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    request.body = Array("q=\(statement.percentEncoded)".utf8)
  }
}
