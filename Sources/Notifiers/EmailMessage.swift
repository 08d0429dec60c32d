internal import Metrics

/// A mail in the Internet Message Format: header and body.
///
/// Standards: RFC 5322 (format), 2045 and 2046 (text and attachment), 2047 (encoded words of the
/// subject), 3834 (`Auto-Submitted`). Text from a host cannot start a header line: non-printable
/// and non-ASCII bytes are encoded, and line breaks are added only here.
struct EmailMessage: Sendable {
  var from: String
  var to: [String]
  var subject: String
  var date: Timestamp
  /// Without angle brackets.
  var identifier: String
  /// The message to which this one replies; nil for the first.
  var thread: String?
  /// Further headers. Their values are ASCII and come from this program.
  var headers: [(name: String, value: String)] = []
  /// Lines, separated by line breaks.
  var text: String
  /// A picture, attached as PNG.
  var picture: [UInt8]?

  /// The limit of the subject in bytes. A longer one is cut: the text holds everything.
  static let subjectLimit = 400
  /// The limit of the text in bytes; servers accept some megabytes.
  static let textLimit = 256 << 10

  /// The whole mail, each line ended by CR and LF.
  var bytes: [UInt8] {
    var lines = [
      "Date: \(date.rfc5322)", "Message-ID: <\(identifier)>", "From: <\(from)>",
      "To: \(to.map { "<\($0)>" }.joined(separator: ",\r\n "))",
      "Subject: \(Self.encodedSubject(subject))",
    ]
    if let thread {
      lines += ["In-Reply-To: <\(thread)>", "References: <\(thread)>"]
    }
    lines += ["Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All"]
    lines += headers.map { "\($0.name): \($0.value)" }
    lines.append("MIME-Version: 1.0")
    let (encoding, body) = Self.encodedText(text.cut(to: Self.textLimit))
    let type = "Content-Type: text/plain; charset=utf-8"
    let transfer = "Content-Transfer-Encoding: \(encoding)"
    guard let picture else {
      lines += [type, transfer, "", ""]
      return Array(lines.joined(separator: "\r\n").utf8) + body
    }
    // Neither of the encodings can write "=_".
    let boundary = "=_scrape"
    lines += [
      "Content-Type: multipart/mixed; boundary=\"\(boundary)\"", "", "--\(boundary)", type,
      transfer, "", "",
    ]
    var bytes = Array(lines.joined(separator: "\r\n").utf8) + body
    let attachment = [
      "--\(boundary)", "Content-Type: image/png; name=\"chart.png\"",
      "Content-Transfer-Encoding: base64", "Content-Disposition: inline; filename=\"chart.png\"",
      "", "",
    ]
    bytes += attachment.joined(separator: "\r\n").utf8
    bytes += Self.base64Lines(picture)
    bytes += "--\(boundary)--\r\n".utf8
    return bytes
  }

  // MARK: the subject

  /// The subject as it stands in the header: plain if it is short ASCII, otherwise as encoded words
  /// (RFC 2047), one per line.
  static func encodedSubject(_ subject: String) -> String {
    let subject = subject.visible.cut(to: subjectLimit)
    let room = 76 - "Subject: ".utf8.count
    let isPlain = subject.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
    if isPlain, subject.utf8.count <= room, !subject.contains("=?") { return subject }
    // The encoding that is shorter for the whole subject.
    let quoted = subject.unicodeScalars.reduce(0) { $0 + quotedWord($1).utf8.count }
    let isQuoted = quoted <= (subject.utf8.count + 2) / 3 * 4
    let mark = isQuoted ? "Q" : "B"
    var words: [String] = []
    var chunk = ""
    var length = 0
    // An encoded word "=?UTF-8?Q?…?=" has at most 75 characters; the first has less room, after
    // "Subject: ".
    func limit() -> Int { words.isEmpty ? room - 12 : 75 - 12 }
    func flush() {
      let text = isQuoted ? chunk : Base64.encode(Array(chunk.utf8))
      if !chunk.isEmpty { words.append("=?UTF-8?\(mark)?\(text)?=") }
      (chunk, length) = ("", 0)
    }
    for scalar in subject.unicodeScalars {
      // A character is never split.
      let piece = isQuoted ? quotedWord(scalar) : String(Character(scalar))
      let bytes = length + piece.utf8.count
      if (isQuoted ? bytes : (bytes + 2) / 3 * 4) > limit() { flush() }
      chunk += piece
      length += piece.utf8.count
    }
    flush()
    return words.joined(separator: "\r\n ")
  }

  /// A character in the encoding "Q".
  private static func quotedWord(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case " ": "_"
    case "a"..."z", "A"..."Z", "0"..."9", "-", "/", "!", "*", "+": String(Character(scalar))
    default: String(Character(scalar)).utf8.map { "=\(hex($0))" }.joined()
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16, uppercase: true)
    return byte < 16 ? "0\(text)" : text
  }

  // MARK: the text

  /// The text in the shorter of the two encodings; both keep lines within 76 characters.
  static func encodedText(_ text: String) -> (encoding: String, body: [UInt8]) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { Array(String($0).visible.utf8) }
    let count = lines.reduce(0) { $0 + $1.count + 2 }
    let escaped = lines.reduce(0) { $0 + $1.count { $0 >= 0x7f || $0 == UInt8(ascii: "=") } }
    guard escaped * 6 <= count else {
      return ("base64", base64Lines(Array(lines.joined(separator: "\r\n".utf8)) + "\r\n".utf8))
    }
    return ("quoted-printable", lines.flatMap { quotedLine($0) + Array("\r\n".utf8) })
  }

  /// A line in quoted-printable (RFC 2045, 6.7), cut by soft line breaks.
  private static func quotedLine(_ line: [UInt8]) -> [UInt8] {
    var encoded: [UInt8] = []
    var column = 0
    for (index, byte) in line.enumerated() {
      let isLast = index == line.count - 1
      // Servers may strip a blank at the end of a line.
      let isPlain = byte >= 0x20 && byte < 0x7f && byte != 0x3d && !(isLast && byte == 0x20)
      let piece = isPlain ? [byte] : Array("=\(hex(byte))".utf8)
      // The soft break itself takes one column.
      if column + piece.count > (isLast ? 76 : 75) {
        encoded += "=\r\n".utf8
        column = 0
      }
      encoded += piece
      column += piece.count
    }
    return encoded
  }

  // MARK: base64

  /// In lines of 76 characters.
  private static func base64Lines(_ bytes: [UInt8]) -> [UInt8] {
    let encoded = Base64.encode(bytes).utf8.map(\.self)
    var lines: [UInt8] = []
    lines.reserveCapacity(encoded.count + encoded.count / 38 + 2)
    for start in stride(from: 0, to: encoded.count, by: 76) {
      lines += encoded[start..<min(start + 76, encoded.count)]
      lines += "\r\n".utf8
    }
    return lines
  }
}

extension String {
  /// At most that many bytes of the text. A cut text ends in an ellipsis; no character is split.
  func cut(to limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var end = utf8.index(startIndex, offsetBy: max(0, limit - 3))
    while end > startIndex, end.samePosition(in: unicodeScalars) == nil {
      end = utf8.index(before: end)
    }
    return String(self[..<end]) + "…"
  }
}
