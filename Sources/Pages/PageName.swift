/// A file of a page's folder, and a link to it.
public struct PageName: Hashable, Sendable {
  /// The path in the folder: `index.html`, `host/web01.html`.
  public let file: String
  /// The place in the page; empty for its top.
  var place = ""
  /// The path from the page that links to it.
  var path: String { prefix + file + (place.isEmpty ? "" : "#\(place)") }
  private var prefix = ""

  static let overview = PageName("index.html")
  static let hosts = PageName("hosts.html")
  static let services = PageName("services.html")
  static let incidents = PageName("incidents.html")
  static let events = PageName("events.html")
  static let scores = PageName("scores.html")
  static let policies = PageName("policies.html")
  static let changes = PageName("changes.html")

  private init(_ file: String) { self.file = file }

  /// The page of a host: letters, digits, `-`, `_` and `.` of its name stay, the rest is `%` and hexadecimal
  /// (RFC 3986, 2.1). In the file `%` is `=`, which needs no escape in a link.
  static func host(_ name: String) -> PageName {
    var file = "host/"
    for byte in name.utf8.prefix(200) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."):
        file.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16)
        file += "=" + (digits.count == 1 ? "0" : "") + digits
      }
    }
    // A name of dots would leave the folder.
    return PageName(file + ".html")
  }

  /// The same page as a link in a page of the folder `host`.
  func from(_ other: PageName) -> PageName {
    var link = self
    link.prefix = other.file.contains("/") ? "../" : ""
    return link
  }

  /// A group's part of a page.
  func at(_ place: String) -> PageName {
    var link = self
    link.place = String(place.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
    return link
  }
}
