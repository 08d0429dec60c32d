import Foundation

/// A real rsyslogd that takes messages over UDP, TCP and a socket of its own, and writes each as one
/// object of JSON.
public final class Rsyslog: Sendable {
  public static let isInstalled =
    FileManager.default.isExecutableFile(atPath: "/usr/sbin/rsyslogd")

  public let scratch = Scratch()
  public let port = freePort()
  public var socket: String { "\(scratch.path)/log" }
  private let daemon: Daemon

  public init() throws {
    let path = scratch.path
    let port = port
    scratch.write(
      "conf",
      """
      module(load="imudp")
      module(load="imtcp")
      module(load="imuxsock" SysSock.Use="off")
      global(workDirectory="\(path)" parser.escapeControlCharactersOnReceive="on")
      template(name="all" type="list" option.jsonf="on") {
        property(outname="priority" name="pri-text" format="jsonf")
        property(outname="host" name="hostname" format="jsonf")
        property(outname="program" name="app-name" format="jsonf")
        property(outname="process" name="procid" format="jsonf")
        property(outname="kind" name="msgid" format="jsonf")
        property(outname="facts" name="structured-data" format="jsonf")
        property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
        property(outname="text" name="msg" format="jsonf")
        property(outname="input" name="inputname" format="jsonf")
      }
      ruleset(name="keep") { action(type="omfile" file="\(path)/messages" template="all") }
      input(type="imudp" address="127.0.0.1" port="\(port)" ruleset="keep")
      input(type="imtcp" address="127.0.0.1" port="\(port)" ruleset="keep")
      input(type="imuxsock" Socket="\(path)/log" RuleSet="keep" RateLimit.Interval="0")

      """)
    daemon = try Daemon(
      "/usr/sbin/rsyslogd", ["-n", "-f", "\(path)/conf", "-i", "\(path)/pid"], log: "\(path)/out")
    let daemon = daemon
    let socket = "\(path)/log"
    guard
      eventually(
        within: 15,
        {
          listens(port) && FileManager.default.fileExists(atPath: socket) || !daemon.isRunning
        }), daemon.isRunning
    else { throw Unavailable(description: "rsyslogd: \(scratch.read("out") ?? "")") }
  }

  deinit { stop() }

  /// The messages so far that scrape sent.
  public var messages: [[String: String]] {
    (scratch.read("messages") ?? "").split(separator: "\n").compactMap { line in
      (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: String]
    }.filter { $0["program"] == "scrape" }
  }

  public func stop() { daemon.stop() }
}
