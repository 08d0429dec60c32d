import Foundation

/// A value of JSON, with booleans and numbers kept apart.
enum BotAPIValue: Decodable, Equatable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([BotAPIValue])
  case object([String: BotAPIValue])

  init(from decoder: any Decoder) throws {
    let box = try decoder.singleValueContainer()
    if box.decodeNil() {
      self = .null
    } else if let value = try? box.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? box.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? box.decode(Double.self) {
      self = .number(value)
    } else if let value = try? box.decode(String.self) {
      self = .string(value)
    } else if let value = try? box.decode([BotAPIValue].self) {
      self = .array(value)
    } else {
      self = .object(try box.decode([String: BotAPIValue].self))
    }
  }

  init?(_ text: [UInt8]) {
    guard let value = try? JSONDecoder().decode(BotAPIValue.self, from: Data(text)) else {
      return nil
    }
    self = value
  }

  subscript(name: String) -> BotAPIValue? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  var string: String? { if case .string(let value) = self { value } else { nil } }
  var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }

  /// As it would stand in a form.
  var text: String {
    switch self {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): value
    case .array(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
    case .object(let members):
      "{"
        + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value.json)" }
        .joined(separator: ",") + "}"
    }
  }

  private var json: String {
    guard case .string(let value) = self else { return text }
    return (try? JSONEncoder().encode([value]))
      .map { String(String(decoding: $0, as: UTF8.self).dropFirst().dropLast()) } ?? "\"\""
  }
}

/// The parameters of a call, read from its body; `nil` where that cannot be read.
struct BotAPIParameters {
  var values: [String: BotAPIValue] = [:]
  var files: [String: [UInt8]] = [:]

  init?(_ request: BotAPIServer.Request) {
    let type = request.headers["content-type"] ?? ""
    if type.hasPrefix("application/json") {
      guard case .object(let members)? = BotAPIValue(request.body) else { return nil }
      values = members
    } else if type.hasPrefix("multipart/form-data; boundary=") {
      guard read(request.body, boundary: Array(type.dropFirst(30).utf8)) else { return nil }
      // "Sending files" in the Bot API: a parameter may name the part that holds its file.
      for (name, value) in values {
        guard let part = value.string, part.hasPrefix("attach://"),
          let file = files.removeValue(forKey: String(part.dropFirst(9)))
        else { continue }
        files[name] = file
        values[name] = nil
      }
    } else if type.hasPrefix("application/x-www-form-urlencoded") {
      for pair in String(decoding: request.body, as: UTF8.self).split(separator: "&") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let name = Self.decoded(parts[0]), let text = Self.decoded(parts[1])
        else { return nil }
        values[name] = Self.value(text, of: name)
      }
    } else {
      return nil
    }
  }

  private static func decoded(_ text: Substring) -> String? {
    text.replacingOccurrences(of: "+", with: " ").removingPercentEncoding
  }

  /// Lists and objects are JSON in a form; numbers and booleans look like what they are.
  private static func value(_ text: String, of name: String) -> BotAPIValue {
    if ["text", "caption"].contains(name) { return .string(text) }
    let isJSON = text.hasPrefix("{") || text.hasPrefix("[") || ["true", "false"].contains(text)
    if isJSON, let value = BotAPIValue(Array(text.utf8)) { return value }
    return Int64(text).map { .integer($0) } ?? .string(text)
  }

  /// RFC 7578: parts between `--boundary`, the last followed by `--`.
  private mutating func read(_ body: [UInt8], boundary: [UInt8]) -> Bool {
    let mark = Array("--".utf8) + boundary
    guard (1...70).contains(boundary.count), body.starts(with: mark) else { return false }
    var place = mark.count
    while true {
      if body[place...].starts(with: "--".utf8) { return body[(place + 2)...].count <= 2 }
      guard body[place...].starts(with: "\r\n".utf8) else { return false }
      place += 2
      guard let head = body.first("\r\n\r\n".utf8, from: place),
        let end = body.first(Array("\r\n".utf8) + mark, from: head + 2)
      else { return false }
      let lines = String(decoding: body[place..<head], as: UTF8.self)
        .components(separatedBy: "\r\n")
      guard
        let disposition = lines.first(where: {
          $0.lowercased().hasPrefix("content-disposition: form-data;")
        }), let name = Self.quoted("name", in: disposition), values[name] == nil
      else { return false }
      let content = Array(body[min(head + 4, end)..<end])
      if Self.quoted("filename", in: disposition) != nil {
        files[name] = content
      } else {
        values[name] = Self.value(String(decoding: content, as: UTF8.self), of: name)
      }
      place = end + 2 + mark.count
    }
  }

  private static func quoted(_ name: String, in line: String) -> String? {
    guard let start = line.range(of: " \(name)=\"") else { return nil }
    return String(line[start.upperBound...].prefix { $0 != "\"" })
  }
}

extension [UInt8] {
  fileprivate func first(_ wanted: some Collection<UInt8>, from start: Int) -> Int? {
    guard start <= count, let lead = wanted.first else { return nil }
    var place = start
    while let found = self[place...].firstIndex(of: lead) {
      if self[found...].starts(with: wanted) { return found }
      place = found + 1
    }
    return nil
  }
}
