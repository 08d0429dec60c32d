internal import CYAML

/// Reads YAML 1.1 (and so JSON) into nodes with places.
///
/// Limits: 8 MiB of text, 64 levels, a million nodes with all aliases expanded. A repeated key, an
/// alias without anchor and a second document are errors.
public enum YAML {
  static let depthLimit = 64
  static let nodeLimit = 1_000_000

  /// Reads the file at the path.
  public static func load(_ path: String) throws(ConfigurationError) -> Node {
    try read(Source.read(path))
  }

  /// Reads the text; an empty one is a node that `isNull`.
  ///
  /// - Parameter verbatim: reads a file of another program, as libyaml's loader does: the first
  ///   document only, repeated keys stay, `<<` is a key, an anchor is set once.
  public static func read(
    _ source: Source, verbatim: Bool = false
  ) throws(ConfigurationError) -> Node {
    guard source.bytes.count <= Source.byteLimit else {
      throw ConfigurationError("is longer than \(Source.byteLimit) bytes", file: source.path)
    }
    if source.bytes.starts(with: [0xff, 0xfe]) || source.bytes.starts(with: [0xfe, 0xff]) {
      throw ConfigurationError("is UTF-16; save it as UTF-8", file: source.path)
    }
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) != 0 else {
      throw ConfigurationError("no memory left to read it", file: source.path)
    }
    defer { yaml_parser_delete(parser) }
    let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, source.bytes.count))
    defer { text.deallocate() }
    _ = text.update(fromContentsOf: source.bytes)
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, text.baseAddress, source.bytes.count)
    var builder = TreeBuilder(Places(source), verbatim: verbatim)
    while true {
      var event = yaml_event_t()
      guard yaml_parser_parse(parser, &event) != 0 else {
        throw syntaxError(parser.pointee, builder.places)
      }
      defer { yaml_event_delete(&event) }
      if event.type == YAML_STREAM_END_EVENT { break }
      if verbatim, event.type == YAML_DOCUMENT_END_EVENT { break }
      try builder.take(event)
    }
    let start = source.mark(atByte: 0)
    return builder.root ?? Node(.scalar("", .plain), mark: start, end: start)
  }
}

/// Converts libyaml's marks, which count code points from the start, into lines and columns.
struct Places {
  let source: Source
  /// The number of code points before each line.
  private let scalarsBefore: [Int]

  init(_ source: Source) {
    self.source = source
    var starts: [Int] = [0]
    var count = 0
    for byte in source.bytes {
      if byte & 0xc0 != 0x80 { count += 1 }
      if byte == UInt8(ascii: "\n") { starts.append(count) }
    }
    scalarsBefore = starts
  }

  func mark(_ place: yaml_mark_t) -> Mark {
    var low = 0
    var high = scalarsBefore.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if scalarsBefore[middle] <= place.index { low = middle } else { high = middle - 1 }
    }
    var left = place.index - scalarsBefore[low]
    var offset = source.lineStarts[low]
    // A line of ASCII, by far the usual case, needs no walk: a code point is a byte.
    let next = low + 1 < scalarsBefore.count ? low + 1 : nil
    if let next, source.lineStarts[next] - offset == scalarsBefore[next] - scalarsBefore[low] {
      return Mark(source: source, line: low + 1, column: left + 1)
    }
    if source.line(low + 1).count > Source.legibleLine {
      return Mark(source: source, line: low + 1, column: left + 1)
    }
    while left > 0, offset < source.bytes.count {
      offset += 1
      while offset < source.bytes.count, source.bytes[offset] & 0xc0 == 0x80 { offset += 1 }
      left -= 1
    }
    return source.mark(atByte: offset)
  }
}

/// Builds the tree from the stream of events.
private struct TreeBuilder {
  let places: Places
  private(set) var root: Node?
  private var open: [Collection] = []
  private var anchors: [String: (node: Node, weight: Int)] = [:]
  private var unfinished: Set<String> = []
  private var nodes = 0

  /// An open sequence or mapping.
  private struct Collection {
    var isMapping: Bool
    var anchor: String?
    var tag: String?
    var mark: Mark
    var items: [Node] = []
    var pairs: [Node.Pair] = []
    var names: [String: Mark] = [:]
    var key: Node?
    var merge: Node?
    var weight = 1
  }

  private let isVerbatim: Bool

  init(_ places: Places, verbatim: Bool) {
    self.places = places
    isVerbatim = verbatim
  }

  mutating func take(_ event: yaml_event_t) throws(ConfigurationError) {
    let mark = places.mark(event.start_mark)
    if isVerbatim, let anchor = anchor(event) {
      guard anchors[anchor] == nil, !unfinished.contains(anchor) else {
        throw ConfigurationError("the anchor \"&\(anchor)\" stands twice", at: mark)
      }
    }
    switch event.type {
    case YAML_DOCUMENT_START_EVENT:
      if root != nil {
        throw ConfigurationError(
          "a second document begins; a file holds one", at: mark, length: 3,
          hint: "remove the \"---\", or put the rest into a file of its own")
      }
    case YAML_ALIAS_EVENT:
      let name = text(event.data.alias.anchor)
      if unfinished.contains(name) {
        throw ConfigurationError("\"*\(name)\" stands inside what it refers to", at: mark)
      }
      guard let (node, weight) = anchors[name] else {
        throw ConfigurationError(
          "\"*\(name)\" refers to nothing above it", at: mark, length: name.count + 1,
          hint: nearest(to: name, among: anchors.keys).map { "did you mean \"*\($0)\"?" })
      }
      try add(node, weight: weight, at: mark)
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      let style: Node.Style =
        switch scalar.style {
        case YAML_PLAIN_SCALAR_STYLE: .plain
        case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: .block
        default: .quoted
        }
      let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      let node = Node(
        .scalar(String(decoding: bytes, as: UTF8.self), style), tag: tag(scalar.tag), mark: mark,
        end: places.mark(event.end_mark))
      if let anchor = scalar.anchor { anchors[text(anchor)] = (node, 1) }
      try add(node, weight: 1, at: mark)
    case YAML_SEQUENCE_START_EVENT:
      let start = event.data.sequence_start
      try begin(
        Collection(
          isMapping: false, anchor: start.anchor.map(text), tag: tag(start.tag), mark: mark))
    case YAML_MAPPING_START_EVENT:
      let start = event.data.mapping_start
      try begin(
        Collection(isMapping: true, anchor: start.anchor.map(text), tag: tag(start.tag), mark: mark)
      )
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      try finish(end: places.mark(event.end_mark))
    default: break
    }
  }

  private func text(_ pointer: UnsafeMutablePointer<UInt8>) -> String { String(cString: pointer) }

  /// The anchor that the event sets, or nil.
  private func anchor(_ event: yaml_event_t) -> String? {
    switch event.type {
    case YAML_SCALAR_EVENT: event.data.scalar.anchor.map(text)
    case YAML_SEQUENCE_START_EVENT: event.data.sequence_start.anchor.map(text)
    case YAML_MAPPING_START_EVENT: event.data.mapping_start.anchor.map(text)
    default: nil
    }
  }

  private func tag(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? {
    guard let pointer else { return nil }
    let full = String(cString: pointer)
    let standard = "tag:yaml.org,2002:"
    return full.hasPrefix(standard) ? "!!\(full.dropFirst(standard.count))" : full
  }

  private mutating func begin(_ collection: Collection) throws(ConfigurationError) {
    if let parent = open.last, parent.isMapping, parent.key == nil {
      throw complexKey(collection)
    }
    guard open.count < YAML.depthLimit else {
      throw ConfigurationError(
        "more than \(YAML.depthLimit) levels deep", at: collection.mark)
    }
    if let anchor = collection.anchor { unfinished.insert(anchor) }
    open.append(collection)
  }

  /// `{{ name }}` without quotes is, in YAML, a mapping as the key of a mapping.
  private func complexKey(_ collection: Collection) -> ConfigurationError {
    let line = Array(
      String(decoding: collection.mark.source.line(collection.mark.line), as: UTF8.self))
    let column = collection.mark.column - 1
    if column > 0, column < line.count, line[column] == "{", line[column - 1] == "{" {
      return ConfigurationError(
        "a template that stands without quotes", at: collection.mark,
        hint: "templates are Ansible's; write the value itself")
    }
    return ConfigurationError(
      "a key is a word, not \(collection.isMapping ? "a mapping" : "a list")", at: collection.mark)
  }

  private mutating func finish(end: Mark) throws(ConfigurationError) {
    guard var done = open.popLast() else { return }
    if let merge = done.merge { try self.merge(merge, into: &done) }
    let content: Node.Content = done.isMapping ? .mapping(done.pairs) : .sequence(done.items)
    let node = Node(content, tag: done.tag, mark: done.mark, end: end)
    if let anchor = done.anchor {
      unfinished.remove(anchor)
      anchors[anchor] = (node, done.weight)
    }
    try add(node, weight: done.weight, at: done.mark, counted: true)
  }

  private mutating func add(
    _ node: Node, weight: Int, at mark: Mark, counted: Bool = false
  ) throws(ConfigurationError) {
    // The content of a collection was counted on arrival, unless it comes again through an alias.
    nodes += counted ? 1 : weight
    guard nodes <= YAML.nodeLimit else {
      throw ConfigurationError("more than \(YAML.nodeLimit) values with all aliases", at: mark)
    }
    guard !open.isEmpty else {
      root = node
      return
    }
    let last = open.count - 1
    open[last].weight += weight
    guard open[last].isMapping else {
      open[last].items.append(node)
      return
    }
    if let key = open[last].key {
      open[last].key = nil
      if !isVerbatim, key.text == "<<", case .scalar(_, .plain) = key.content {
        open[last].merge = node
      } else {
        open[last].pairs.append(Node.Pair(key: key, value: node))
      }
      return
    }
    guard let name = node.text else {
      throw ConfigurationError("a key is a word, not \(node.kind)", at: mark)
    }
    if !isVerbatim, let first = open[last].names.updateValue(node.mark, forKey: name) {
      throw ConfigurationError(
        "\"\(name)\" stands twice here", at: node,
        hint: "the first is on line \(first.line); only one of them can count")
    }
    open[last].key = node
  }

  /// `<<: *base`: keys of the mapping itself win, then the first of several.
  private mutating func merge(
    _ merge: Node, into done: inout Collection
  ) throws(ConfigurationError) {
    var names = Set(done.pairs.map(\.name))
    for base in merge.items ?? [merge] {
      guard let pairs = base.pairs else {
        throw ConfigurationError("\"<<\" takes a mapping, not \(base.kind)", at: base)
      }
      nodes += pairs.count
      for pair in pairs where names.insert(pair.name).inserted { done.pairs.append(pair) }
    }
  }
}
