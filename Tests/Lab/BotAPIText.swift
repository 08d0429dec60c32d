import Foundation

/// Checks texts, entities and pictures.
extension BotAPI {
  func text(
    _ isCaption: Bool, _ parameters: BotAPIParameters, _ method: String, _ state: inout State
  ) throws -> Message.Version {
    let name = isCaption ? "caption" : "text"
    guard case .string(let text)? = parameters.values[name], !text.isEmpty else {
      state.violations.append("\(method): no \(name)")
      throw Refusal(400, "Bad Request: message text is empty")
    }
    let units = Array(text.utf16)
    var faults: [String] = []
    if text.allSatisfy(\.isWhitespace) { faults.append("text must be non-empty") }
    if units.count > (isCaption ? 1024 : 4096) {
      faults.append(isCaption ? "message caption is too long" : "message is too long")
    }
    if let last = text.last, last.isWhitespace {
      state.violations.append("\(method): the \(name) ends in blanks, which are cut off")
    }
    var entities: [Message.Entity] = []
    let field = isCaption ? "caption_entities" : "entities"
    if let given = parameters.values[field] {
      guard case .array(let all) = given else {
        state.violations.append("\(method): \(field) is no list")
        throw Refusal(400, "Bad Request: expected an Array of MessageEntity")
      }
      if all.count > 100 { faults.append("more than 100 entities") }
      for entity in all {
        guard let type = entity["type"]?.string, let offset = entity["offset"]?.integer,
          let length = entity["length"]?.integer, case .object(let members) = entity,
          members.count == 3
        else {
          faults.append("can't parse MessageEntity")
          continue
        }
        if let fault = Self.fault(of: type, offset, length, in: units) {
          faults.append(fault)
          continue
        }
        entities.append(.init(type: type, offset: Int(offset), length: Int(length)))
      }
    }
    guard let first = faults.first else {
      return Message.Version(text: text, entities: entities, time: Date())
    }
    state.violations += faults.map { "\(method): \($0)" }
    throw Refusal(400, "Bad Request: \(first)")
  }

  private static func fault(
    of type: String, _ offset: Int64, _ length: Int64, in units: [UInt16]
  ) -> String? {
    let types = [
      "bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "code", "pre",
    ]
    guard types.contains(type) else { return "unsupported entity \(type)" }
    guard offset >= 0, length > 0 else { return "ENTITY_BOUNDS_INVALID" }
    let (end, overflow) = offset.addingReportingOverflow(length)
    guard !overflow, end <= units.count else {
      return "entity beginning at UTF-16 offset \(offset) ends after the end of the text at UTF-16 "
        + "offset \(end)"
    }
    func splits(_ place: Int64) -> Bool {
      place < units.count && (0xdc00..<0xe000).contains(units[Int(place)])
    }
    if splits(offset) {
      return "entity begins in a middle of a UTF-16 symbol at UTF-16 offset \(offset)"
    }
    if splits(end) {
      return "entity beginning at UTF-16 offset \(offset) ends in a middle of a UTF-16 symbol at "
        + "UTF-16 offset \(end)"
    }
    return nil
  }

  /// "Sending files" in the Bot API: 10 MB, width and height together 10,000, one at most 20 times
  /// the other. Only PNG is taken here (its IHDR stands first: W3C PNG, 11.2.1).
  public static func fault(ofPhoto bytes: [UInt8]) -> String? {
    if bytes.count > 10 << 20 { return "too many bytes for a photo: \(bytes.count)" }
    let signature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
    guard bytes.count > 33, bytes.starts(with: signature),
      bytes[12..<16].elementsEqual("IHDR".utf8),
      bytes.suffix(8).prefix(4).elementsEqual("IEND".utf8)
    else { return "IMAGE_PROCESS_FAILED" }
    func number(_ place: Int) -> Int { bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) } }
    let (width, height) = (number(16), number(20))
    guard width > 0, height > 0, width + height <= 10_000,
      max(width, height) <= 20 * min(width, height)
    else { return "PHOTO_INVALID_DIMENSIONS" }
    return nil
  }
}
