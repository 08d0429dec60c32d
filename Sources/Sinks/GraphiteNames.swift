internal import Configuration
internal import Metrics

/// The Graphite names of a point's fields, the same as those of Telegraf's serializer.
///
/// A template is a list of words joined by dots: `measurement`, `field`, `tags` (the values of all
/// tags that the template does not name, in the order of their names), and names of tags. Missing
/// tags and a field called `value` are left out. With `tagged`, names follow Graphite 1.1:
/// `measurement.field;tag=value`.
public struct GraphiteNames: Sendable, Equatable {
  public var template = ["host", "tags", "measurement", "field"]
  /// The start of every name; it may hold dots.
  public var prefix: String?
  public var isTagged = false

  public init() {}

  /// A point's name before and after its field.
  struct Bucket {
    /// The part before the field, without its final dot.
    var before: String
    /// The part after the field, with its leading dot or semicolon.
    var after: String

    func name(of field: String) -> String {
      if field == "value", !before.isEmpty { return before + after }
      return before.isEmpty
        ? GraphiteNames.word(field) + after : "\(before).\(GraphiteNames.word(field))\(after)"
    }
  }

  func bucket(of point: Point, in batch: PointBatch) -> Bucket {
    var tags = batch.tags.filter { point[tag: $0.name] == nil } + point.tags
    tags.removeAll { $0.value.isEmpty || $0.name.isEmpty }
    tags.sort { $0.name < $1.name }
    return isTagged ? tagged(point.measurement, tags) : plain(point.measurement, tags)
  }

  private func plain(_ measurement: String, _ tags: [Tag]) -> Bucket {
    let others = tags.filter { !template.contains($0.name) }
    var before: [String] = prefix.map { [Self.path($0)] } ?? []
    var after: [String] = []
    var seenField = false
    for part in template {
      let words: [String]
      switch part {
      case "field":
        seenField = true
        continue
      case "measurement": words = [Self.word(measurement)]
      case "tags": words = others.map { Self.word($0.value) }
      default: words = tags.first { $0.name == part }.map { [Self.word($0.value)] } ?? []
      }
      if seenField { after += words } else { before += words }
    }
    return Bucket(
      before: before.joined(separator: "."),
      after: after.isEmpty ? "" : "." + after.joined(separator: "."))
  }

  private func tagged(_ measurement: String, _ tags: [Tag]) -> Bucket {
    let start = prefix.map { "\(Self.path($0))." } ?? ""
    var after = ""
    for tag in tags {
      var value = Self.word(tag.value, dots: true)
      // The only character with which no value may begin.
      if value.hasPrefix("~") { value = "_" + value.dropFirst() }
      after += ";\(Self.word(tag.name))=\(value)"
    }
    return Bucket(before: start + Self.word(measurement), after: after)
  }

  /// The limit of a word in bytes: it becomes the name of a folder or file, which holds 255.
  private static let longest = 200

  /// One part of a name. Separators of names, folders, fields and patterns become `_` or `-` as in
  /// Telegraf; all letters and digits stay.
  static func word(_ text: String, dots: Bool = false) -> String {
    var word = ""
    for scalar in text.unicodeScalars {
      if word.utf8.count >= longest { break }
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ":": word.unicodeScalars.append(scalar)
      case ".": word += dots ? "." : "_"
      case "/", "@", "*": word += "-"
      default:
        if scalar.value >= 0x80, scalar.properties.isAlphabetic {
          word.unicodeScalars.append(scalar)
        } else {
          word += "_"
        }
      }
    }
    return word.isEmpty ? "_" : word
  }

  /// Words joined by dots.
  private static func path(_ text: String) -> String {
    text.utf8.split(separator: UInt8(ascii: ".")).map { word(String(decoding: $0, as: UTF8.self)) }
      .joined(separator: ".")
  }

  static func template(_ node: Node) throws(ConfigurationError) -> [String] {
    let text = try node.string("template")
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } }) else {
      throw ConfigurationError(
        "a template is words with dots between them", at: node,
        hint: "host.tags.measurement.field")
    }
    for needed in ["measurement", "field"] where !parts.contains(needed) {
      throw ConfigurationError(
        "a template without \"\(needed)\" gives different numbers one name", at: node,
        hint: "host.tags.measurement.field")
    }
    if let twice = parts.first(where: { part in parts.count { $0 == part } > 1 }) {
      throw ConfigurationError("\"\(twice)\" stands twice in the template", at: node)
    }
    return parts
  }
}
