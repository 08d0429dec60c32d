internal import Engine
internal import Metrics
internal import Transfer
internal import Store

/// A sink that is written to over HTTP. Each sink defines its requests and reads its answers; the
/// rules of delivery are common, in `bring`.
protocol HTTPReceiver: Sink {
  /// The kind of server at the URL, for messages: `InfluxDB`.
  static var product: String { get }
  var client: Transfers { get }
  func request(writing body: [UInt8]) -> TransferRequest
  func meaning(of response: TransferAnswer) -> HTTPAnswer
  /// Creates the destination that an answer reported as missing.
  func makeMissing(on reactor: isolated Reactor, by deadline: Deadline) async throws(DeliveryError)
  /// Whether the payload is still the one that was written to the queue.
  func isWhole(_ payload: Payload) -> Bool
  /// A payload split in two; nil if it is too small. Gzipped lines unless the sink overrides this.
  func halves(of payload: Payload) -> (Payload, Payload)?
  /// The first line of a payload for people; nil if there is none to show.
  func beginning(of payload: Payload) -> String?
}

/// The meaning of a server's answer for the payload.
enum HTTPAnswer {
  case taken
  /// Some points were accepted, the others are refused for good. A retry changes nothing.
  case partly(refused: Int, why: String)
  /// The payload is larger than the server accepts.
  case tooLarge
  /// The payload has an unreadable part; the server accepted none of it, or does not say what it
  /// accepted.
  case unreadable(String)
  /// Temporarily refused; the delay is that of the server if it gave one.
  case busy(DeliveryError)
  /// The destination does not exist yet, but may be creatable.
  case missing(DeliveryError)
  case failed(DeliveryError)
}

extension HTTPReceiver {
  /// The limit of one request in time, within the deadline of the pass.
  static var timeout: Duration { .seconds(30) }

  /// Delivers one payload. A payload that is too large or has an unreadable part is split in
  /// halves, until only the bad line is refused, counted and named; a payload that the server
  /// refuses temporarily is retried after a wait. Other errors are thrown, and the payload is kept.
  func bring(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    var attempts = Attempts()
    return try await bring(payload, &attempts, on: reactor, by: deadline)
  }

  private func bring(
    _ payload: Payload, _ attempts: inout Attempts, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    while true {
      attempts.requests -= 1
      let response = try await send(request(writing: payload.body), on: reactor, by: deadline)
      switch meaning(of: response) {
      case .taken: return Receipt(taken: payload.lines)
      case .partly(let refused, let why):
        let count = min(max(refused, 1), payload.lines)
        return Receipt(taken: payload.lines - count, refused: count, messages: [why])
      case .tooLarge:
        return try await bringHalves(of: payload, "it is too large", &attempts, reactor, deadline)
      case .unreadable(let why):
        return try await bringHalves(of: payload, why, &attempts, reactor, deadline)
      case .missing(let error):
        guard attempts.mayMake else { throw error }
        attempts.mayMake = false
        try await makeMissing(on: reactor, by: deadline)
      case .busy(let error):
        let wait = error.retryAfter ?? attempts.backOff
        guard attempts.waits > 0, wait < deadline.remaining else { throw error }
        attempts.waits -= 1
        do { try await reactor.sleep(until: .after(wait)) } catch {
          throw DeliveryError(.cancelled, name, "cancelled")
        }
      case .failed(let error):
        guard error.reason != .protocolError || isWhole(payload) else {
          return Receipt(refused: payload.lines, messages: ["what waited was damaged on the disk"])
        }
        throw error
      }
    }
  }

  private func bringHalves(
    of payload: Payload, _ why: String, _ attempts: inout Attempts, _ reactor: isolated Reactor,
    _ deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    guard attempts.requests > 0, payload.lines > 1, let (first, second) = halves(of: payload) else {
      return Receipt(refused: payload.lines, messages: [named(payload, why)])
    }
    var receipt = try await bring(first, &attempts, on: reactor, by: deadline)
    receipt += try await bring(second, &attempts, on: reactor, by: deadline)
    return receipt
  }

  /// Why a line was refused, with its beginning if the server did not name it.
  private func named(_ payload: Payload, _ why: String) -> String {
    guard let line = beginning(of: payload), !why.contains(line.prefix(40)) else { return why }
    return "\(why), in the line: \(line)"
  }

  func beginning(of payload: Payload) -> String? {
    guard let bytes = Decompressor().unpack(payload.body, limit: Lines.limit) else { return nil }
    return String(
      decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }.prefix(120), as: UTF8.self)
  }

  func halves(of payload: Payload) -> (Payload, Payload)? { Lines.halves(of: payload) }

  func isWhole(_ payload: Payload) -> Bool { true }

  func makeMissing(on reactor: isolated Reactor, by deadline: Deadline) async throws(DeliveryError)
  {
    throw DeliveryError(.missing, name, "there is no place for points, and it cannot be made")
  }

  /// Sends a request; a missing answer is thrown with what to check.
  func send(
    _ request: TransferRequest, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> TransferAnswer {
    do throws(TransferError) {
      return try await client.answer(
        to: request, on: reactor, by: min(deadline, .after(Self.timeout)))
    } catch {
      switch error.reason {
      case .timeout: throw DeliveryError(.timeout, name, "\(error); is it overloaded?")
      case .cancelled: throw DeliveryError(.cancelled, name, "cancelled")
      case .malformed, .failed, .denied, .blocked:
        throw DeliveryError(.protocolError, name, "\(error); is this \(Self.product)'s port?")
      case .untrusted, .insecure:
        throw DeliveryError(
          .unreachable, name, "\(error); name the server's authority with `ca:` if it is your own")
      case .invalid, .local:
        throw DeliveryError(.protocolError, name, "\(error); check `url:`")
      case .unresolved, .unreachable, .refused, .forbidden, .cutOff, .lost:
        throw DeliveryError(
          .unreachable, name, "\(error); is \(Self.product) running, and `url:` right?")
      }
    }
  }
}

/// The remaining attempts for one payload in other forms: attempts on an irreparable payload are
/// limited.
private struct Attempts {
  var requests = 1000
  var waits = 3
  var mayMake = true

  /// Doubles each time, with jitter: several scrapers should not return at the same moment.
  var backOff: Duration { .milliseconds(Int64.random(in: 200...400) << (3 - waits)) }
}

/// Points as gzipped lines, each ended by a newline.
enum Lines {
  /// The limit of an uncompressed payload in bytes.
  static let limit = 64 << 20
  /// The limit of one request before compression, in bytes.
  private static let bytesPerPayload = 4 << 20

  /// Line protocol in payloads of at most that many lines each.
  static func payloads(_ batches: [PointBatch], linesEach: Int) -> [Payload] {
    let compressor = Compressor(.gzip, level: 1)
    var lines = LineProtocol()
    var payloads: [Payload] = []
    func flush() {
      if lines.count > 0 {
        payloads.append(Payload(body: compressor.pack(lines.bytes), lines: lines.count))
      }
      lines.removeAll()
    }
    for batch in batches {
      // A host's points stay together if they fit, so a body is close to the limit.
      if lines.count + batch.points.count > linesEach { flush() }
      for start in stride(from: 0, to: batch.points.count, by: 500) {
        var part = batch
        part.points = Array(batch.points[start..<min(batch.points.count, start + 500)])
        lines.append(part)
        if lines.count + 500 > linesEach || lines.bytes.count > bytesPerPayload { flush() }
      }
    }
    flush()
    return payloads
  }

  static func halves(of payload: Payload) -> (Payload, Payload)? {
    let middle = payload.lines / 2
    guard middle > 0, let lines = Decompressor().unpack(payload.body, limit: limit) else {
      return nil
    }
    var end = 0
    var seen = 0
    for (index, byte) in lines.enumerated() where byte == UInt8(ascii: "\n") {
      seen += 1
      if seen == middle {
        end = index + 1
        break
      }
    }
    guard end > 0, end < lines.count else { return nil }
    let compressor = Compressor(.gzip, level: 1)
    return (
      Payload(body: compressor.pack(Array(lines[..<end])), lines: middle),
      Payload(body: compressor.pack(Array(lines[end...])), lines: payload.lines - middle)
    )
  }
}
