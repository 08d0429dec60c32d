public import Configuration
public import Engine
internal import Glibc
internal import Metrics

/// `ident`: the server answers a query for the owner of a connection (RFC 1413).
///
/// The query concerns the probe's own connection, so that it reveals nothing new. Any answer is
/// accepted: `USERID`, or `ERROR` with a reason such as `NO-USER` or `HIDDEN-USER`, which most
/// servers send to strangers.
public struct IdentProbe: Probe {
  public static let name = "ident"
  public static let summary = "The server answers a question about a connection (RFC 1413)."
  public static let canBind = true
  public static let defaultPort: UInt16? = 113

  public init(_ options: inout Fields) {}

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    endpoint.byHand("printf '113,1\\r\\n' | nc -w 5 \(endpoint.number) \(endpoint.port)")
    let start = Deadline.now
    do throws(Verdict) {
      let stream = try await ByteStream.open(endpoint, limit: 8 << 10, on: reactor, by: deadline)
      // The port of a jump host is not known: no connection from port 1 exists.
      let ports = "\(endpoint.port),\(stream.ownPort ?? 1)"
      stream.doing = "waiting for the answer to \"\(ports)\""
      try await stream.send("\(ports)\r\n", on: reactor, by: deadline)
      let line = try await stream.line(limit: 1000, on: reactor, by: deadline)
      guard let answer = Self.answer(in: line, to: ports) else {
        throw Verdict(
          .critical, .protocolError, "no answer of an ident server to \"\(ports)\": \(shown(line))")
      }
      return .ok(Deadline.now.since(start), "answers \(answer)")
    } catch {
      return error
    }
  }

  /// `ERROR NO-USER` of `113, 40512 : ERROR : NO-USER`; nil if it does not answer the query.
  private static func answer(in line: [UInt8], to ports: String) -> String? {
    let parts = String(decoding: line, as: UTF8.self).split(
      separator: ":", maxSplits: 2, omittingEmptySubsequences: false
    ).map { part in String(part.filter { $0 != " " && $0 != "\t" }) }
    guard parts.count == 3, parts[0] == ports, ["USERID", "ERROR"].contains(parts[1].uppercased())
    else { return nil }
    // The owner's name is not relevant here.
    return parts[1].uppercased() == "ERROR" ? "ERROR \(parts[2])" : "USERID"
  }
}
