internal import Transfer
internal import Engine
internal import Glibc
internal import Metrics

/// Queries carbon's cache on the port that Graphite's web application uses.
///
/// A query is a dictionary in Python's pickle format, after its length. The answer has the same
/// form and is only searched for the number. Carbon drops values from the cache once they are in
/// its files.
extension Graphite: ReadableSink {
  func holds(
    _ canary: Canary, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(DeliveryError) -> Bool? {
    let batch = canary.batch
    let name = configuration.names.bucket(of: batch.points[0], in: batch).name(of: Canary.field)
    var question: [UInt8] = [0x80, 2, UInt8(ascii: "}"), UInt8(ascii: "(")]
    for word in ["type", "cache-query", "metric", name] {
      question.append(UInt8(ascii: "X"))
      withUnsafeBytes(of: UInt32(word.utf8.count).littleEndian) { question += $0 }
      question += word.utf8
    }
    question += [UInt8(ascii: "u"), UInt8(ascii: ".")]
    let answer: [UInt8]
    do {
      answer = try await ask(question, on: reactor, by: deadline)
    } catch {
      // The port is not part of the sink, and rarely open to other machines.
      return nil
    }
    // BINFLOAT: the number as a double, big-endian.
    var wanted: [UInt8] = [UInt8(ascii: "G")]
    withUnsafeBytes(of: Double(canary.number).bitPattern.bigEndian) { wanted += $0 }
    let isThere = answer.indices.contains { answer[$0...].starts(with: wanted) }
    return isThere ? true : nil
  }

  private func ask(
    _ question: [UInt8], on reactor: isolated Reactor, by deadline: Deadline
  ) async throws -> [UInt8] {
    let deadline = min(deadline, .after(.seconds(2)))
    let addresses = try await Dial.resolve(
      configuration.host, port: configuration.queryPort, on: reactor, by: deadline)
    let connection = try await Dial.tcp(to: addresses, on: reactor, by: deadline)
    var message: [UInt8] = []
    withUnsafeBytes(of: UInt32(question.count).bigEndian) { message += $0 }
    message += question
    try await send(message, on: connection.number, reactor, by: deadline)
    var answer: [UInt8] = []
    while true {
      if answer.count >= 4 {
        let length = answer[..<4].reduce(0) { $0 << 8 | Int($1) }
        if length > 1 << 20 || answer.count >= 4 + length { return answer }
      }
      let part = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
        count = max(0, recv(connection.number, buffer.baseAddress, buffer.count, 0))
      }
      if part.isEmpty {
        guard errno == EAGAIN else { return answer }
        try await reactor.wait(connection.number, for: .read, by: deadline)
      }
      answer += part
    }
  }
}
