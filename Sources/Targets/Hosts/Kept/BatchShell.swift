internal import Engine
internal import Inventory

/// A shell that runs batches: on a channel of an SSH session, or on this machine.
///
/// It belongs to one reactor. Releasing it ends it without waiting for the host.
protocol BatchShell: AnyObject {
  /// Bytes since the connection was made, all of SSH included.
  var received: Int { get }
  var sent: Int { get }
  /// What a library holds for it, in bytes.
  var memory: Int { get }
  /// Why a jump host does not carry it any more; nil while it does.
  var carrierFailure: TargetError? { get }

  /// Writes a script to the shell and reads its sections until the batch is done.
  ///
  /// Throws if the connection fails; the output until then stays in `frames`. The first frame must come
  /// by `hello`.
  func run(
    _ script: [UInt8], into frames: inout Frames, byteLimit: Int, on reactor: isolated Reactor,
    hello: Deadline, by deadline: Deadline
  ) async throws(TargetError)

  /// Called after a batch when the shell stays.
  func rest()

  /// Answers what the server asks meanwhile (keepalive, new keys) and drops what nobody asked for. Never
  /// waits. False once the shell has ended, or has printed too much.
  func tend() -> Bool

  func close()
}
