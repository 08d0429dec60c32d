import Configuration
import Engine
import Glibc
import Metrics
import Synchronization

@testable import Probes

/// What probes declare.
private let catalog = Catalog(
  [(.probes([]), Probes.shared)] + Probes.all.map { (.probes([$0.name]), $0.measurements) })

/// What services answer to probes, and the entries that ask them.
let probeTargets: [String: FuzzTarget] = [
  "probe-entry": readEntry, "probe-ntp-reply": readNTP,
  "probe-ssh": { talk($0, "ssh") }, "probe-vnc": { talk($0, "vnc") },
  "probe-x11": { talk($0, "x11") }, "probe-smb": { talk($0, "smb") },
  "probe-rdp": { talk($0, "rdp") }, "probe-ftp": { talk($0, "ftp") },
  "probe-http": { talk($0, "http") }, "probe-imap": { talk($0, "imap") },
  "probe-tcp": { talk($0, "tcp: {steps: [{expect: ready}, {send: x}, {starttls: yes}], port: PORT") },
]

private func readEntry(_ bytes: UnsafeBufferPointer<UInt8>) {
  var findings = Findings()
  let source = Source("hosts.yml", bytes: Array(bytes))
  guard let node = try? YAML.read(source) else { return }
  let reader = ProbeReader(modules: node["modules"], &findings)
  for plan in reader.plans(node["probes"] ?? node, &findings) {
    precondition(plan.port > 0 || !type(of: plan.probe).carrier.hasPorts)
    precondition(plan.timeout > .zero)
  }
  for error in findings.errors { checkVisible(error.description) }
}

private func readNTP(_ bytes: UnsafeBufferPointer<UInt8>) {
  let exchange = Exchange(bytes: Array(bytes), sent: 1_767_268_800_000_000_000, arrived: .max)
  guard let reply = NTPReply(exchange) else { return }
  checkVisible(reply.summary.visible)
  precondition(reply.delay >= .zero)
}

/// A port of the loopback address that stays open, a reactor, and a way to wait for it.
private struct Stage: Sendable {
  let listener: Int32
  let port: UInt16
  let reactor = Reactor()
  let kit = ProbeKit(reserved: [])
  let done: (read: Int32, write: Int32)

  init() {
    signal(SIGPIPE, SIG_IGN)
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size)
        getsockname(listener, $0, &size)
      }
    }
    listen(listener, 16)
    port = UInt16(bigEndian: address.sin_port)
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    done = (ends[0], ends[1])
  }
}

private let stage = Stage()

/// Asks a server that sends the input and then ends the connection.
private func talk(_ bytes: UnsafeBufferPointer<UInt8>, _ entry: String) {
  let text = entry.contains("PORT") ? "{\(entry)}}" : "{\(entry): {port: PORT}}"
  var findings = Findings()
  var written: [UInt8] = []
  for part in text.split(separator: "PORT", omittingEmptySubsequences: false) {
    if !written.isEmpty { written += Array(String(stage.port).utf8) }
    written += Array(part.utf8)
  }
  guard let node = try? YAML.read(Source("probe", bytes: written)),
    let plan = ProbeReader(modules: nil, &findings).plan(node, &findings)
  else { preconditionFailure("no plan: \(findings.errors)") }
  Task.detached {
    // A pass asks an SSH server once; here each input is a pass of its own.
    let context = ProbeContext(host: "fuzz", address: "127.0.0.1", kit: ProbeKit(reserved: []))
    let results = await stage.reactor.ask(plan, context)
    for point in results.flatMap(\.points) {
      for field in point.fields {
        precondition(
          catalog.field(field.name, of: point.measurement)?.type == field.value.type)
      }
    }
    for result in results { checkVisible(result.verdict.message) }
    var one: UInt8 = 1
    _ = write(stage.done.write, &one, 1)
  }
  let client = accept(stage.listener, nil, nil)
  _ = send(client, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
  shutdown(client, Int32(SHUT_WR))
  var room = [UInt8](repeating: 0, count: 4096)
  while recv(client, &room, room.count, 0) > 0 {}
  close(client)
  _ = read(stage.done.read, &room, 1)
}

extension Reactor {
  fileprivate func ask(_ plan: ProbePlan, _ context: ProbeContext) async -> [ServiceResult] {
    await Probes.run([plan], of: context, on: self, by: .after(.seconds(1)))
  }
}
