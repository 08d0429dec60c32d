@testable import Hosts

/// What cuts a batch's output into sections and files.
let frameTargets: [String: FuzzTarget] = ["frames": cutFrames, "tail": cutFiles]

/// The sections must not depend on how the bytes are cut into packets. The first byte says how.
private func cutFrames(_ bytes: UnsafeBufferPointer<UInt8>) {
  guard let size = bytes.first else { return }
  let text = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes.dropFirst()))
  func frames(packet: Int) -> Frames {
    var frames = Frames(nonce: "N", limits: ["a": 64, "b": 300])
    var start = 0
    while start < text.count {
      let end = min(text.count, start + packet)
      frames.append(UnsafeRawBufferPointer(rebasing: text[start..<end]))
      start = end
    }
    frames.finish()
    return frames
  }
  let whole = frames(packet: max(1, text.count))
  let pieces = frames(packet: max(1, Int(size)))
  precondition(whole.sections == pieces.sections, "sections depend on the packets")
  precondition(whole.preamble == pieces.preamble && whole.isDone == pieces.isDone)
  precondition(whole.connection == pieces.connection && whole.preamble.count <= 600)
  for section in whole.sections {
    precondition(section.output.count <= 512 && section.errors.count <= 4200, "out of bounds")
  }
}

private func cutFiles(_ bytes: UnsafeBufferPointer<UInt8>) {
  let files = ["/a", "/b", "/proc/stat", "/proc/uptime"]
  let found = HostAnswer.split(Array(bytes), at: Batch.headers(of: files), files: files)
  precondition(found.values.reduce(0) { $0 + $1.count } <= bytes.count, "bytes were made up")
}
