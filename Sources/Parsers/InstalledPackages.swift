/// A package as a package manager knows it.
public struct InstalledPackage: Sendable, Equatable {
  /// The name; with its architecture where another one is installed beside the host's (`libc6:i386`).
  public var name: String
  public var version: String

  /// The limit of packages of one host.
  public static let most = 50_000

  public init(name: String, version: String) {
    self.name = name
    self.version = version
  }
}

/// What a line of a table of packages says.
private enum PackageRow {
  case package(InstalledPackage)
  /// It names what is no installed package.
  case none
  case malformed
}

/// Reads lines of a name, a version and a third column behind tabs; empty lines are none.
private func packageTable(
  _ text: Span<UInt8>, of program: String, expecting columns: String,
  _ row: (_ name: Span<UInt8>, _ version: Span<UInt8>, _ third: Span<UInt8>) -> PackageRow
) throws(ParseError) -> [InstalledPackage] {
  var packages: [InstalledPackage] = []
  var lines = Scanner(text)
  var number = 0
  while packages.count < InstalledPackage.most, let line = lines.line() {
    number &+= 1
    guard line.count > 0 else { continue }
    var rest = Scanner(line)
    var read = PackageRow.malformed
    if let name = rest.upTo(UInt8(ascii: "\t")), let version = rest.upTo(UInt8(ascii: "\t")),
      name.count > 0
    {
      read = row(name, version, rest.rest)
    }
    switch read {
    case .package(let package): packages.append(package)
    case .none: continue
    case .malformed:
      throw ParseError(program, "expected name, version and \(columns)", line: number, at: line)
    }
  }
  return packages
}

/// Reads `dpkg-query -W -f '${binary:Package}\t${Version}\t${db:Status-Abbrev}\n'`, see dpkg-query(1).
///
/// Packages that were removed and left settings behind (`rc`) are not installed.
public enum DpkgQuery: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [InstalledPackage] {
    try packageTable(text, of: "dpkg-query", expecting: "status") { name, version, status in
      guard status.count >= 2 else { return .malformed }
      guard status[1] == UInt8(ascii: "i"), version.count > 0 else { return .none }
      return .package(InstalledPackage(name: name.string, version: version.string))
    }
  }
}

/// Reads `rpm -qa --qf '%{NAME}\t%{EPOCH}:%{VERSION}-%{RELEASE}\t%{ARCH}\n'`, see rpm(8).
///
/// Keys of signatures are no packages. An epoch that is not set is left out.
public enum RPMQuery: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [InstalledPackage] {
    try packageTable(text, of: "rpm", expecting: "architecture") { name, version, _ in
      guard version.count > 0 else { return .malformed }
      if name.equals("gpg-pubkey") { return .none }
      let bare =
        version.starts(with: "(none):") ? version.extracting(7..<version.count) : version
      return .package(InstalledPackage(name: name.string, version: bare.string))
    }
  }
}

/// Reads the lines `P:` and `V:` of /lib/apk/db/installed, see apk-package(5).
public enum APKInstalled: Parser {
  public static func parse(_ text: Span<UInt8>) throws(ParseError) -> [InstalledPackage] {
    var packages: [InstalledPackage] = []
    var name: String?
    var lines = Scanner(text)
    var number = 0
    while packages.count < InstalledPackage.most, let line = lines.line() {
      number &+= 1
      if line.starts(with: "P:"), line.count > 2 {
        name = line.extracting(2..<line.count).string
      } else if line.starts(with: "V:"), line.count > 2 {
        guard let own = name else {
          throw ParseError(
            "/lib/apk/db/installed", "a version without a name", line: number, at: line)
        }
        packages.append(
          InstalledPackage(name: own, version: line.extracting(2..<line.count).string))
        name = nil
      }
    }
    return packages
  }
}
