/// An item of a collection as bytes, for the store.
extension HostCollection.Record {
  /// The item and its parts. Each text has its length before it.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    func add(_ text: [UInt8], to bytes: inout [UInt8]) {
      var rest = text.count
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
      bytes += text
    }
    let (kind, key): (UInt8, [UInt8]) =
      switch item {
      case .path(let path, let reads): (reads ? UInt8(ascii: "P") : UInt8(ascii: "p"), path)
      case .folder(let path, let reads): (reads ? UInt8(ascii: "F") : UInt8(ascii: "f"), path)
      case .command(let text): (UInt8(ascii: "c"), text)
      case .script(let text): (UInt8(ascii: "s"), text)
      case .processes: (UInt8(ascii: "q"), [])
      }
    bytes.append(kind)
    add(key, to: &bytes)
    for part in parts {
      add(part.title, to: &bytes)
      add(part.content, to: &bytes)
    }
    return bytes
  }

  /// Reads such bytes; nil if they are damaged.
  public init?(bytes: [UInt8]) {
    var rest = bytes[...]
    func text(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
      var count = 0
      var shift = 0
      while let byte = rest.popFirst() {
        guard shift <= 28 else { return nil }
        count |= Int(byte & 0x7f) << shift
        shift += 7
        if byte < 0x80 {
          guard count <= rest.count else { return nil }
          defer { rest = rest.dropFirst(count) }
          return Array(rest.prefix(count))
        }
      }
      return nil
    }
    guard let kind = rest.popFirst(), let key = text(&rest) else { return nil }
    switch kind {
    case UInt8(ascii: "P"): item = .path(key, reads: true)
    case UInt8(ascii: "p"): item = .path(key, reads: false)
    case UInt8(ascii: "F"): item = .folder(key, reads: true)
    case UInt8(ascii: "f"): item = .folder(key, reads: false)
    case UInt8(ascii: "c"): item = .command(key)
    case UInt8(ascii: "s"): item = .script(key)
    case UInt8(ascii: "q"): item = .processes
    default: return nil
    }
    parts = []
    while !rest.isEmpty {
      guard let title = text(&rest), let content = text(&rest) else { return nil }
      parts.append(HostCollection.Part(title: title, content: content))
    }
  }
}
