import Glibc

/// Reads one input; it ends the process where what came out is not what it should be.
typealias FuzzTarget = @Sendable (UnsafeBufferPointer<UInt8>) -> Void

/// All targets by name: what `FUZZ_TARGET` may say.
let targets: [String: FuzzTarget] =
  parserTargets.merging(collectorTargets) { $1 }.merging(frameTargets) { $1 }
  .merging(sshTargets) { $1 }.merging(configurationTargets) { $1 }.merging(storeTargets) { $1 }
  .merging(outputTargets) { $1 }.merging(probeTargets) { $1 }.merging(policyTargets) { $1 }
  .merging(discoveryTargets) { $1 }

private let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? "list"
private let chosen = targets[name]

/// `FUZZ_TARGET=list` prints all names and ends.
@_cdecl("LLVMFuzzerInitialize")
public func fuzzBegin(
  _ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?
) -> Int32 {
  if chosen != nil { return 0 }
  for name in targets.keys.sorted() { print(name) }
  fflush(nil)
  _exit(name == "list" ? 0 : 2)
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  chosen?(UnsafeBufferPointer(start: bytes, count: count))
  return 0
}

/// Text that is shown to people must not be able to move a cursor.
func checkVisible(_ text: String) {
  let harmless = text.unicodeScalars.allSatisfy {
    $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7f
  }
  precondition(harmless, "a control character would reach the terminal")
}
