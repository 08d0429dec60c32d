internal import Metrics

/// The body of a call: JSON, or a multipart form if a picture is attached.
struct TelegramForm {
  var contentType: String
  var bytes: [UInt8]

  init(_ fields: [(String, JSON)]) {
    contentType = "application/json"
    bytes = JSON.object(fields).bytes
  }

  /// A form (RFC 7578); lists and objects stand in it as JSON, as "Making requests" in
  /// core.telegram.org/bots/api requires.
  init(_ fields: [(String, JSON)], picture: [UInt8]) {
    var boundary: String
    let texts = fields.map { name, value in
      if case .string(let text) = value { (name, Array(text.utf8)) } else { (name, value.bytes) }
    }
    repeat {
      boundary = "scrape-"
      for _ in 0..<4 { boundary += String(UInt64.random(in: .min ... .max), radix: 36) }
    } while texts.contains { Self.holds($0.1, boundary) } || Self.holds(picture, boundary)
    var body: [UInt8] = []
    for (name, text) in texts {
      body += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n".utf8
      body += text
      body += "\r\n".utf8
    }
    body += "--\(boundary)\r\nContent-Disposition: form-data; name=\"photo\"; ".utf8
    body += "filename=\"chart.png\"\r\nContent-Type: image/png\r\n\r\n".utf8
    body += picture
    body += "\r\n--\(boundary)--\r\n".utf8
    contentType = "multipart/form-data; boundary=\(boundary)"
    bytes = body
  }

  private static func holds(_ bytes: [UInt8], _ text: String) -> Bool {
    let wanted = Array(text.utf8)
    var rest = bytes[...]
    while let start = rest.firstIndex(of: wanted[0]) {
      if rest[start...].starts(with: wanted) { return true }
      rest = rest[(start + 1)...]
    }
    return false
  }
}
