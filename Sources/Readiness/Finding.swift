public import Metrics

/// One line of the sheet: what was looked at on a host or on the monitor, and the result.
public struct Finding: Sendable, Equatable {
  /// What it is about; the columns of the sheet, in their order, and then the monitor.
  public enum Part: String, Sendable, CaseIterable {
    /// Whether there is a way to the host, at each of its addresses.
    case reach
    /// Whether key and account open a session with a shell.
    case login
    /// What the collectors need.
    case tools
    case clock
    case bmc
    case gpu
    case probes
    case policy
    /// The monitor itself, and what it needs.
    case centre

    /// The columns of hosts.
    public static let columns = Part.allCases.filter { $0 != .centre }
  }

  /// Empty for the monitor.
  public var host: String
  public var part: Part
  /// What tells it apart from others of the part: an address, a collector, a service, a policy, a check.
  public var subject: String
  /// Nil if it could not be found out.
  public var isFine: Bool?
  public var reason: Reason?
  /// What was found. It may hold the host's words: make it visible before printing.
  public var message: String
  /// What to do; empty if nothing is to be done, or the message says it.
  public var remedy: String

  public init(
    _ host: String, _ part: Part, _ subject: String, _ isFine: Bool?, _ message: String,
    reason: Reason? = nil, remedy: String = ""
  ) {
    self.host = host
    self.part = part
    self.subject = subject
    self.isFine = isFine
    self.reason = reason
    self.message = message
    self.remedy = remedy
  }

  /// What is wrong and what to do, in one line, without the page.
  public var text: String {
    let word = reason.map { "\($0.rawValue): " } ?? ""
    let head = message.hasPrefix(word) ? message : word + message
    return isFine == true || remedy.isEmpty ? head : "\(head): \(remedy)"
  }

  /// What makes it the same line in another sheet.
  struct Key: Hashable {
    var host: String
    var part: Part
    var subject: String
  }
  var key: Key { Key(host: host, part: part, subject: subject) }

  // MARK: In the store, and for programs

  var members: [(String, JSON)] {
    var members: [(String, JSON)] = [
      ("part", .string(part.rawValue)), ("subject", .string(subject)),
      ("ok", isFine.map { .boolean($0) } ?? .null), ("message", .string(message)),
    ]
    if !host.isEmpty { members.insert(("host", .string(host)), at: 0) }
    if let reason { members.append(("reason", .string(reason.rawValue))) }
    if !remedy.isEmpty, isFine != true { members.append(("remedy", .string(remedy))) }
    if let reason, isFine != true { members.append(("see", .string(reason.page))) }
    return members
  }

  init?(_ json: JSON) {
    guard let part = json["part"]?.string.flatMap(Part.init), let subject = json["subject"]?.string
    else { return nil }
    host = json["host"]?.string ?? ""
    self.part = part
    self.subject = subject
    if case .boolean(let isFine)? = json["ok"] { self.isFine = isFine }
    reason = json["reason"]?.string.flatMap { Reason(rawValue: $0) }
    message = json["message"]?.string ?? ""
    remedy = json["remedy"]?.string ?? ""
  }
}
