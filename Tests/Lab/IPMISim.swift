import Foundation

/// OpenIPMI's own simulator on a loopback address: a second opinion on the protocol.
///
/// It knows cipher suites 0 to 3, no DCMI, and answers Open Session with no privilege at all, for
/// which FreeIPMI has the workaround `opensesspriv`. Its user is `admin`, the password `secret`.
public final class IPMISim: Sendable {
  public static let program = "/usr/bin/ipmi_sim"
  public static var isInstalled: Bool {
    FileManager.default.isExecutableFile(atPath: program)
  }

  public let address: String
  public let port: UInt16
  private let scratch = Scratch()
  public let daemon: Daemon

  public var log: String { scratch.read("log") ?? "" }

  /// Starts it with sensors; those that can not be read are left out.
  public init(
    address: String = "127.0.0.1", port: UInt16? = nil, sensors: [BMCSensor] = BMCSensor.ordinary,
    inventory: BMCInventory = BMCInventory(), lifetime: Int = 300
  ) throws {
    let port = port ?? freePort()
    self.address = address
    self.port = port
    let folder = scratch.path
    let state = "\(folder)/state"
    try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
    let chassis = scratch.write(
      "chassis", "#!/bin/sh\n[ \"$1\" = get ] && echo \"$2:1\"\nexit 0\n", mode: 0o700)
    let levels = ["callback", "user", "operator", "admin"]
    let configuration = scratch.write(
      "lan.conf",
      """
      name "simulated"
      startlan 1
        addr \(address) \(port)
        priv_limit admin
      \(levels.map { "  allowed_auths_\($0) none md2 md5 straight" }.joined(separator: "\n"))
        guid a123456789abcdefa123456789abcdef
      endlan
      chassis_control "\(chassis)"
      user 2 true "admin" "secret" admin 10

      """)
    let image = inventory.image.map(Self.hexadecimal).joined(separator: " ")
    var commands = """
      mc_setbmc 0x20
      mc_add 0x20 0x20 no-device-sdrs 0x01 2 0x17 0x9f 0x2a7c 0x0a5b
      sel_enable 0x20 512 0x0a
      mc_add_fru_data 0x20 0 512 data \(image)

      """
    for sensor in sensors where sensor.isReadable { commands += Self.commands(for: sensor) }
    // A temperature too high, and a supply that lost its input, at seconds 1 and 2 of its own clock.
    commands += """
      sel_add 0x20 0x02 1 0 0 0 0x20 0 4 1 1 1 0x57 0x55 0x50
      sel_add 0x20 0x02 2 0 0 0 0x20 0 4 8 17 0x6f 3 0xff 0xff
      mc_enable 0x20

      """
    daemon = try Daemon(
      "/usr/bin/timeout",
      [
        "-s", "KILL", "\(lifetime)", Self.program, "-n", "-c", configuration, "-s", state, "-f",
        scratch.write("simulated.emu", commands),
      ], log: "\(folder)/log")
    let started = eventually {
      !daemon.isRunning || answersPing(address, port)
    }
    guard started, daemon.isRunning else {
      throw Unavailable(description: "ipmi_sim did not start: \(log)")
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String { "0x" + String(byte, radix: 16) }

  /// ipmi_sim_cmd(5): the record, the sensor, what it reads and when that is too much.
  private static func commands(for sensor: BMCSensor) -> String {
    let place = "0x20 0 \(sensor.number)"
    let record = ([0, 0] + sensor.record).map(hexadecimal).joined(separator: " ")
    var lines = [
      "main_sdr_add 0x20 \(record)",
      "sensor_add \(place) \(sensor.type) \(sensor.eventType)",
    ]
    if sensor.isThreshold {
      let thresholds = sensor.thresholds.inOrder.reversed()
      let mask = thresholds.map { $0 == nil ? "0" : "1" }.joined()
      let values = thresholds.map { hexadecimal($0 ?? 0) }.joined(separator: " ")
      lines += [
        "sensor_set_threshold \(place) readable \(mask) \(values)",
        "sensor_set_value \(place) \(hexadecimal(sensor.raw)) 0",
      ]
    }
    let all = String(repeating: "1", count: 15)
    lines.append(
      "sensor_set_event_support \(place) enable scanning per-state \(all) \(all) \(all) \(all)")
    for bit in 0..<15 where !sensor.isThreshold && sensor.bits & 1 << bit != 0 {
      lines.append("sensor_set_bit \(place) \(bit) 1 0")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// Whether a BMC answers RMCP's presence ping within half a second.
public func answersPing(_ address: String, _ port: UInt16) -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
  defer { close(descriptor) }
  var place = sockaddr_in()
  place.sin_family = sa_family_t(AF_INET)
  place.sin_port = port.bigEndian
  inet_pton(AF_INET, address, &place.sin_addr)
  var patience = timeval(tv_sec: 0, tv_usec: 500_000)
  setsockopt(
    descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  let ping: [UInt8] = [6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 0x2a, 0, 0]
  var answer = [UInt8](repeating: 0, count: 64)
  let isConnected = withUnsafePointer(to: &place) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
  guard isConnected, send(descriptor, ping, ping.count, 0) == ping.count else { return false }
  return recv(descriptor, &answer, answer.count, 0) >= 12 && answer[8] == 0x40
}
