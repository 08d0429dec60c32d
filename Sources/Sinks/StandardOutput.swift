public import Transfer
public import Configuration
public import Engine
internal import Glibc
public import Metrics
public import Store

/// Writes points to standard output, as line protocol or as one JSON object per line, and nothing
/// else.
///
/// Telegraf's `inputs.exec` reads the line protocol unchanged.
public struct StandardOutput: Sink {
  public enum Format: String, Sendable, CaseIterable {
    case lineProtocol = "influx"
    case json
  }

  public static let kind = "stdout"
  public let options: SinkOptions
  public var name: String { options.name ?? "stdout" }
  public let isDurable = false
  private let format: Format
  private let descriptor: Int32

  /// Writes to standard output, or to another open descriptor.
  public init(
    _ format: Format = .lineProtocol, descriptor: Int32 = 1, options: SinkOptions = SinkOptions()
  ) {
    self.options = options
    self.format = format
    self.descriptor = descriptor
  }

  public static let summary = "Standard output."
  public static let example =
    "{format: json}"

  public static func decode(
    _ fields: inout Fields, _ options: SinkOptions, secrets: Bool
  ) -> StandardOutput? {
    let format = fields.take(
      "format", .choice(), default: Format.lineProtocol,
      "Line protocol, or one JSON object per line.", example: "json")
    return StandardOutput(format, options: options)
  }

  public func encode(_ batches: [PointBatch]) -> [Payload] {
    switch format {
    case .lineProtocol:
      var lines = LineProtocol()
      for batch in batches { lines.append(batch) }
      return lines.count == 0 ? [] : [Payload(body: lines.bytes, lines: lines.count)]
    case .json:
      var payload = Payload(body: [], lines: 0)
      for batch in batches {
        for point in batch.points where !point.fields.isEmpty {
          JSON(point, of: batch).encode(into: &payload.body)
          payload.body.append(UInt8(ascii: "\n"))
          payload.lines += 1
        }
      }
      return payload.lines == 0 ? [] : [payload]
    }
  }

  public func deliver(
    _ payload: Payload, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Receipt {
    var rest = payload.body[...]
    while !rest.isEmpty {
      let ready = try await waitUntilWritable(on: reactor, by: deadline)
      // A ready pipe takes at least PIPE_BUF bytes without blocking; a file never blocks.
      let part = rest.prefix(ready ? 4096 : 1 << 20)
      let written = part.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      switch written {
      case 0...: rest = rest.dropFirst(written)
      case _ where errno == EINTR || errno == EAGAIN: continue
      case _ where errno == EPIPE:
        throw DeliveryError(.closed, name, "whoever read standard output has gone")
      default: throw DeliveryError(.unreachable, name, "\(SystemError("write"))")
      }
    }
    return Receipt(taken: payload.lines)
  }

  /// Waits until a write does not block; false if the descriptor is a file, which never does.
  private func waitUntilWritable(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool {
    do throws(WaitError) {
      try await reactor.wait(descriptor, for: .write, by: deadline)
      return true
    } catch {
      switch error {
      case .timedOut:
        throw DeliveryError(.timeout, name, "whoever reads standard output does not keep up")
      case .cancelled: throw DeliveryError(.cancelled, name, "cancelled")
      case .failed(let error) where error.code == EPERM: return false
      case .failed(let error): throw DeliveryError(.unreachable, name, "\(error)")
      }
    }
  }

  public func close() {}
}

extension JSON {
  /// A point with all its tags: `{"measurement":…,"time":…,"tags":{…},"fields":{…}}`, the time
  /// as RFC 3339.
  public init(_ point: Point, of batch: PointBatch) {
    var tags = batch.tags.filter { point[tag: $0.name] == nil } + point.tags
    tags.sort { $0.name < $1.name }
    self = .object([
      ("measurement", .string(point.measurement)),
      ("time", .time(point.time ?? batch.time)),
      ("tags", .object(tags.map { ($0.name, .string($0.value)) })),
      ("fields", .object(point.fields.map { ($0.name, JSON($0.value)) })),
    ])
  }
}
