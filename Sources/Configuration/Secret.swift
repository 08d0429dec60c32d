internal import Glibc
internal import Metrics

/// The location of a password or token; the value itself never stands in a configuration file.
///
/// Written as `${NAME}` (environment), `file:PATH` (a file that only its owner can read) or
/// `credential:NAME` (systemd's LoadCredential, systemd.exec(5)). Printing it shows only that text.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  public enum Origin: Sendable, Hashable {
    case environment(String)
    case file(String)
    case credential(String)
  }

  public let origin: Origin
  let mark: Mark
  private let length: Int

  /// The limit of a secret in bytes.
  static let byteLimit = 64 << 10

  /// Reads the location of a secret; a literal secret is refused with a hint.
  public init(_ node: Node, _ what: String) throws(ConfigurationError) {
    let text = try node.string(what)
    mark = node.mark
    length = node.length
    if text.hasPrefix("${"), text.hasSuffix("}") {
      let name = String(text.dropFirst(2).dropLast())
      guard !name.isEmpty, name.utf8.allSatisfy(Self.isNamePart) else {
        throw ConfigurationError(
          "not the name of an environment variable", at: node, hint: "write ${NAME}")
      }
      origin = .environment(name)
    } else if text.hasPrefix("file:") {
      let path = String(text.dropFirst(5))
      guard !path.isEmpty, !path.utf8.contains(0) else {
        throw ConfigurationError("\"file:\" without a path", at: node, hint: "write file:PATH")
      }
      origin = .file(absolute(path, besides: node.mark.file))
    } else if text.hasPrefix("credential:") {
      let name = String(text.dropFirst(11))
      guard !name.isEmpty, !name.utf8.contains(0), !name.contains("/"), name != ".", name != ".."
      else {
        throw ConfigurationError(
          "not the name of a credential", at: node,
          hint: "write credential:NAME, as in LoadCredential=NAME:PATH")
      }
      origin = .credential(name)
    } else {
      throw ConfigurationError(
        "\(what) never stands in a file in clear", at: node,
        hint: "write ${NAME} (environment), file:PATH (mode 600) or credential:NAME (systemd)")
    }
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// Reads the secret now, without a final line break.
  public func reveal() throws(ConfigurationError) -> Value {
    var bytes: [UInt8]
    switch origin {
    case .environment(let name):
      guard let value = getenv(name) else {
        throw fault("the environment variable \(name) is not set")
      }
      bytes = Array(String(cString: value).utf8)
    case .file(let path):
      bytes = try read(path, private: true)
    case .credential(let name):
      guard let folder = getenv("CREDENTIALS_DIRECTORY") else {
        throw fault(
          "credential:\(name) is there only under systemd ($CREDENTIALS_DIRECTORY is not set)",
          "LoadCredential=\(name):PATH in the unit, or file:PATH here")
      }
      // systemd gives access to the unit's user by an access list, which shows as a group bit.
      bytes = try read("\(String(cString: folder))/\(name)", private: false)
    }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard !bytes.isEmpty else { throw fault("\(self) is empty") }
    guard !bytes.contains(0) else { throw fault("\(self) holds a NUL byte") }
    return Value(bytes)
  }

  /// The plain-text secret of a node, for a header or a line of a protocol; empty if secrets are
  /// not resolved, as in a check of the configuration.
  public static func word(
    _ node: Node, _ what: String, lookUp: Bool
  ) throws(ConfigurationError) -> String {
    let secret = try Secret(node, what)
    guard lookUp else { return "" }
    let text = try secret.reveal().clearText
    // A line break in it would start another header or line.
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
      throw secret.fault("\(secret) holds a control character")
    }
    return text
  }

  private func read(_ path: String, private isPrivate: Bool) throws(ConfigurationError) -> [UInt8] {
    let read: (bytes: [UInt8], status: stat)
    do throws(ConfigurationError) {
      read = try Source.contents(of: path, limit: Self.byteLimit)
    } catch { throw fault("\(self) \(error.problem)") }
    if isPrivate {
      guard read.status.st_mode & 0o077 == 0 else {
        throw fault("\(self) can be read by others", "chmod 600 \(path)")
      }
      guard read.status.st_uid == geteuid() || read.status.st_uid == 0 else {
        throw fault("\(self) belongs to another user", "chown it to the user that runs scrape")
      }
    }
    return read.bytes
  }

  /// The error for an unusable secret, at its place.
  public func fault(_ problem: String, _ hint: String? = nil) -> ConfigurationError {
    ConfigurationError(problem, at: mark, length: length, hint: hint)
  }

  public var description: String {
    switch origin {
    case .environment(let name): "${\(name)}"
    case .file(let path): "file:\(path)"
    case .credential(let name): "credential:\(name)"
    }
  }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["source": description]) }

  public static func == (left: Secret, right: Secret) -> Bool { left.origin == right.origin }
  public func hash(into hasher: inout Hasher) { hasher.combine(origin) }
}

extension Secret {
  /// A plain-text secret. Printing, interpolating and dumping it show dots.
  public struct Value: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
  {
    /// The secret itself: for the call that needs it, never for a message.
    public let clearBytes: [UInt8]

    init(_ bytes: [UInt8]) { clearBytes = bytes }

    /// The secret itself as text.
    public var clearText: String { String(decoding: clearBytes, as: UTF8.self) }

    public var description: String { "•••" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
  }
}

/// The path with `~` expanded; relative paths start at the file that names them.
public func absolute(_ path: String, besides file: String) -> String {
  if path == "~" || path.hasPrefix("~/") {
    return homeFolder() + path.dropFirst()
  }
  if path.hasPrefix("/") { return path }
  let folder = file.lastIndex(of: "/").map { file[..<$0] } ?? "."
  let joined = "\(folder.isEmpty ? "" : String(folder))/\(path)"
  if joined.hasPrefix("/") { return joined }
  guard let current = getcwd(nil, 0) else { return joined }
  defer { free(current) }
  return
    "\(String(cString: current))/\(joined.hasPrefix("./") ? String(joined.dropFirst(2)) : joined)"
}

/// $HOME, or the home folder of the user database (passwd(5)).
private func homeFolder() -> String {
  if let home = getenv("HOME"), home.pointee != 0 { return String(cString: home) }
  var entry = passwd()
  var found: UnsafeMutablePointer<passwd>?
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { buffer in
    guard let room = buffer.baseAddress,
      getpwuid_r(geteuid(), &entry, room, buffer.count, &found) == 0, found != nil,
      let folder = entry.pw_dir
    else { return "/" }
    return String(cString: folder)
  }
}
