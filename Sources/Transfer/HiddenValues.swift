internal import Metrics

/// Secrets in all forms in which they are sent, for removal from answers.
///
/// A server may repeat what it was sent: unchanged, in Base64 as in HTTP's Basic and mail's AUTH,
/// percent-encoded as in a URL, or escaped as in JSON. The search compares bytes: a secret is found
/// whatever follows it, such as an accent that combines with its last letter. Texts are cleaned
/// before they are cut, as a cut could leave half of a secret.
public struct HiddenValues: Sendable {
  /// The longest first, so that a form that contains another is removed whole.
  private var forms: [[UInt8]]

  /// Secrets shorter than three bytes are not removed.
  public init(_ secrets: [String]) {
    var forms: Set<[UInt8]> = []
    for secret in secrets where secret.utf8.count >= 3 {
      let bytes = Array(secret.utf8)
      let base64 = Array(Base64.encode(bytes).utf8)
      var all = [bytes, base64, Self.percentEncoded(bytes), Self.escaped(bytes)]
      // Without padding, and as in URLs (RFC 4648, 5).
      all.append(Array(base64.prefix { $0 != UInt8(ascii: "=") }))
      all.append(
        all[4].map {
          $0 == UInt8(ascii: "+")
            ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0
        })
      forms.formUnion(all)
    }
    self.forms = forms.sorted { ($1.count, $0.description) < ($0.count, $1.description) }
  }

  public var isEmpty: Bool { forms.isEmpty }

  /// The text with dots in place of secrets.
  public func hidden(in text: String) -> String {
    guard !forms.isEmpty else { return text }
    let bytes = Array(text.utf8)
    guard let clean = cleaned(bytes) else { return text }
    return String(decoding: clean, as: UTF8.self)
  }

  /// The bytes with dots in place of secrets; nil if they hold none.
  public func cleaned(_ bytes: [UInt8]) -> [UInt8]? {
    var bytes = bytes
    var found = false
    for form in forms where bytes.count >= form.count {
      guard var place = Self.first(form, in: bytes, from: 0) else { continue }
      found = true
      var clean = Array(bytes[..<place])
      while true {
        clean += "•••".utf8
        let start = place + form.count
        guard let next = Self.first(form, in: bytes, from: start) else {
          clean += bytes[start...]
          break
        }
        clean += bytes[start..<next]
        place = next
      }
      bytes = clean
    }
    return found ? bytes : nil
  }

  /// As `cleaned`, for bytes whose end is missing: half a secret at their end is removed, too.
  public func cleaned(cut bytes: [UInt8]) -> [UInt8]? {
    let whole = cleaned(bytes)
    var bytes = whole ?? bytes
    let count =
      forms.map { form in
        (3..<max(3, min(form.count, bytes.count))).last {
          bytes.suffix($0).elementsEqual(form.prefix($0))
        } ?? 0
      }.max() ?? 0
    guard count > 0 else { return whole }
    bytes.removeLast(count)
    return bytes
  }

  private static func first(_ form: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard start + form.count <= bytes.count else { return nil }
    return bytes.withUnsafeBufferPointer { bytes in
      var place = start
      while place <= bytes.count - form.count {
        guard let next = bytes[place...(bytes.count - form.count)].firstIndex(of: form[0]) else {
          return nil
        }
        if bytes[next..<(next + form.count)].elementsEqual(form) { return next }
        place = next + 1
      }
      return nil
    }
  }

  private static func percentEncoded(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    let plain = Set("-._~".utf8)
    return bytes.flatMap { byte -> [UInt8] in
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
        || (0x61...0x7a).contains(byte) || plain.contains(byte)
      return isPlain
        ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }

  /// The form in a JSON string.
  private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
    bytes.flatMap { byte -> [UInt8] in
      byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
        ? [UInt8(ascii: "\\"), byte] : [byte]
    }
  }
}

/// The text with dots in place of secrets in all forms in which they are sent, except secrets
/// shorter than three bytes. Must be called before a text is cut, which could leave half of a
/// secret.
public func redacted(_ text: some Sequence<UInt8>, of secrets: [String]) -> String {
  let bytes = Array(text)
  return String(decoding: HiddenValues(secrets).cleaned(bytes) ?? bytes, as: UTF8.self)
}

extension TransferRequest {
  /// The values that no answer may repeat: the given secrets, the credentials in each form in which
  /// they are sent, and the values of headers that carry such.
  var hidden: HiddenValues {
    var all = secrets + [password, bearer].compactMap { $0 }
    if let user, let password {
      // HTTP's Basic (RFC 7617) and AUTH PLAIN (RFC 4616).
      all += ["\(user):\(password)", "\u{0}\(user)\u{0}\(password)"]
    }
    for (name, value) in headers where Self.secretHeaders.contains(name.lowercased()) {
      all.append(value)
      if let space = value.firstIndex(of: " ") { all.append(String(value[space...].dropFirst())) }
    }
    return HiddenValues(all)
  }

  static let secretHeaders: Set = [
    "authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token",
  ]
}

extension TransferAnswer {
  /// Removes the values that the server must not have repeated.
  mutating func hide(_ values: HiddenValues) {
    guard !values.isEmpty else { return }
    for index in lines.indices { lines[index] = values.hidden(in: lines[index]) }
    for index in headers.indices {
      headers[index].name = values.hidden(in: headers[index].name)
      headers[index].value = values.hidden(in: headers[index].value)
    }
    if let clean = isCut ? values.cleaned(cut: body) : values.cleaned(body) { body = clean }
    error = error.map { TransferError($0.reason, values.hidden(in: $0.message)) }
    for index in faults.indices { faults[index].message = values.hidden(in: faults[index].message) }
    url = url.map(values.hidden)
    transcript = transcript.map(values.hidden)
  }
}

extension DatabaseAnswer {
  /// Removes the values that the server must not have repeated.
  mutating func hide(_ request: DatabaseRequest) {
    let values = HiddenValues([request.password].compactMap { $0 })
    // Cut only after cleaning: half of a secret would not be found.
    error = error.map {
      TransferError($0.reason, String(values.hidden(in: $0.message).prefix(400)))
    }
    code = code.map(values.hidden)
    value = value.map(values.hidden)
    version = version.map(values.hidden)
  }
}
