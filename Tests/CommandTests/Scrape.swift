import Foundation
import Lab
import Testing

@testable import Alerts
@testable import Passes
@testable import Scraper

/// The built command, run as a person or cron would.
enum Scrape {
  /// It lies beside the test bundle.
  static let program: String = {
    let bundle = (CommandLine.arguments[0] as NSString).deletingLastPathComponent
    return "\(bundle)/scrape"
  }()

  @discardableResult
  static func callAsFunction(
    _ arguments: String..., environment: [String: String] = [:], timeout: TimeInterval = 90
  ) throws -> Outcome {
    try run(program, arguments, environment: environment, timeout: timeout)
  }
}

/// A line of line protocol, taken apart.
struct Line {
  var measurement: String
  var tags: [String: String] = [:]
  var fields: [String: String] = [:]

  init?(_ text: String) {
    // The tests' own names hold no escaped characters before the fields.
    guard let space = text.firstIndex(of: " ") else { return nil }
    let head = text[..<space].split(separator: ",")
    guard let first = head.first else { return nil }
    measurement = String(first)
    for part in head.dropFirst() {
      let pair = part.split(separator: "=", maxSplits: 1)
      if pair.count == 2 { tags[String(pair[0])] = String(pair[1]) }
    }
    var rest = text[text.index(after: space)...]
    while let equals = rest.firstIndex(of: "=") {
      let name = String(rest[..<equals])
      var value = ""
      var quoted = false
      var index = rest.index(after: equals)
      while index < rest.endIndex {
        let character = rest[index]
        if character == "\"" { quoted.toggle() }
        if !quoted, character == "," || character == " " { break }
        value.append(character)
        index = rest.index(after: index)
      }
      fields[name] = value
      guard index < rest.endIndex, rest[index] == "," else { break }
      rest = rest[rest.index(after: index)...]
    }
  }

  static func all(_ text: String) -> [Line] {
    text.split(separator: "\n").compactMap { Line(String($0)) }
  }
}

/// An inventory of sshd's in a folder of its own, with its store.
final class Range {
  let scratch = Scratch()
  var store: String { "\(scratch.path)/state/scrape.db" }
  var inventory: String { "\(scratch.path)/inventory" }

  init(hosts: String, settings: String = "") {
    scratch.write("inventory/hosts.yml", hosts)
    if !settings.isEmpty { scratch.write("inventory/scrape.yml", settings) }
  }

  @discardableResult
  func scrape(_ words: String..., timeout: TimeInterval = 90) throws -> Outcome {
    try run(
      Scrape.program, words + ["--inventory", inventory, "--store", store],
      environment: [
        "USER": NSUserName(), "SUDO_UID": "", "SSH_AUTH_SOCK": "", "LC_ALL": "C.UTF-8",
      ],
      timeout: timeout)
  }
}

/// A TCP port that accepts and says nothing.
final class SilentPort: Sendable {
  private let listener: Listener?
  let port: UInt16

  init(_ host: String = "127.0.0.1", port: UInt16 = freePort()) {
    listener = try? Listener(on: host, port: port, backlog: 64)
    self.port = port
  }
}
