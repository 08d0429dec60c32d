import Metrics
import Transfer

@testable import Sinks

/// What is written of a host's words: lines for a database, JSON, text for people.
let outputTargets: [String: FuzzTarget] = [
  "line-protocol": writeLines, "visible": makeVisible, "json": readJSON,
  "influxdb-answer": readAnswer,
]

/// The input's lines are names, tags and values in turn.
private func writeLines(_ bytes: UnsafeBufferPointer<UInt8>) {
  let texts = bytes.split(separator: 0x0a, maxSplits: 40, omittingEmptySubsequences: false)
    .map { String(decoding: $0, as: UTF8.self) }
  var point = Point(texts.first ?? "")
  for (index, text) in texts.dropFirst().enumerated() {
    switch index % 3 {
    case 0: point.tag(text, texts.last ?? "")
    case 1: point.string(text, texts.last ?? "")
    default: point.string("s", text)
    }
  }
  checkLines([point])
}

/// One line to a point and nothing in it that a server or a terminal would stumble over.
func checkLines(_ points: [Point]) {
  var lines = LineProtocol()
  for point in points { lines.append(point, at: Timestamp(seconds: 1_748_736_000)) }
  var ends = 0
  for byte in lines.bytes {
    if byte == 0x0a { ends += 1 }
    precondition(byte == 0x0a || byte >= 0x20 && byte != 0x7f, "a control character in a line")
  }
  precondition(ends == lines.count && lines.count <= points.count, "a line was broken in two")
}

private func makeVisible(_ bytes: UnsafeBufferPointer<UInt8>) {
  let text = String(decoding: bytes, as: UTF8.self).visible
  checkVisible(text)
  precondition(!text.contains("\n"))
}

/// What a database answers to a setup.
private func readJSON(_ bytes: UnsafeBufferPointer<UInt8>) {
  guard let value = JSON(reading: Array(bytes)) else { return }
  precondition(JSON(reading: value.bytes) != nil, "what was written of JSON is none")
}

/// What a database answers to a write.
private func readAnswer(_ bytes: UnsafeBufferPointer<UInt8>) {
  var response = TransferAnswer()
  response.status = 400
  response.headers = [("retry-after", String(decoding: bytes, as: UTF8.self))]
  response.body = Array(bytes)
  let said = InfluxDBAnswers.message(of: response)
  precondition(said.utf8.count < 4096, "a server's words are not bounded")
  if case .partly(let refused, _) = InfluxDBAnswers.partial(response) {
    precondition(refused >= 0, "less than nothing was refused")
  }
  _ = InfluxDBAnswers.blamesLine(said)
  _ = response.retryAfter
}
