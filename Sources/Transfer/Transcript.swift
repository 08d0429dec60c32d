internal import CCurl

/// The conversation of a transfer, line by line, without confidential values.
struct Transcript {
  private(set) var lines: [String] = []
  private let hiddenValues: HiddenValues
  private let isHTTP: Bool
  private var bytes = 0
  /// The server asked for a part of the credentials: the next line sent is one.
  private var isAsked = false

  private static let lineLimit = 400
  private static let byteLimit = 32 << 10

  init(_ request: TransferRequest) {
    hiddenValues = request.hidden
    isHTTP = request.url.lowercased().hasPrefix("http")
  }

  mutating func note(_ type: curl_infotype, _ data: UnsafeRawBufferPointer) {
    guard bytes < Self.byteLimit else { return }
    switch type {
    case CURLINFO_TEXT: add("* ", data)
    case CURLINFO_HEADER_IN: add("< ", data)
    case CURLINFO_HEADER_OUT: add("> ", data)
    case CURLINFO_DATA_IN: add("< ", data, limit: 4)
    case CURLINFO_DATA_OUT: add("> ", data, limit: 4)
    default: break
    }
  }

  private mutating func add(_ mark: String, _ data: UnsafeRawBufferPointer, limit: Int = 200) {
    for (index, part) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
      guard index < limit, bytes < Self.byteLimit else {
        lines.append("\(mark)…")
        return
      }
      // Before the cut, which could leave half of a secret.
      let whole = Array(part)
      let clean = hiddenValues.cleaned(whole) ?? whole
      var line = String(decoding: clean.prefix(Self.lineLimit), as: UTF8.self)
      if line.last == "\r" { line.removeLast() }
      if line.last == "\r\n" { line.removeLast() }
      if clean.count > Self.lineLimit { line += "…" }
      if mark == "> " { line = isHTTP ? Self.hidden(header: line) : hidden(command: line) }
      if mark == "< " {
        isAsked = !isHTTP && (line.hasPrefix("334") || line.hasPrefix("+ ") || line == "+")
      }
      bytes += line.utf8.count + 2
      lines.append(mark + line)
    }
  }

  private static func hidden(header line: String) -> String {
    guard let colon = line.firstIndex(of: ":") else { return line }
    let name = line[..<colon].lowercased()
    let isSecret = ["authorization", "proxy-authorization", "cookie"].contains(name)
    return isSecret ? "\(line[..<colon]): •••" : line
  }

  private mutating func hidden(command line: String) -> String {
    if isAsked {
      isAsked = false
      return "•••"
    }
    let words = line.split(separator: " ")
    for (index, word) in words.prefix(2).enumerated()
    where ["PASS", "AUTH", "AUTHENTICATE", "LOGIN", "APOP"].contains(word.uppercased()) {
      return words.prefix(index + 1).joined(separator: " ") + " •••"
    }
    return line
  }
}
