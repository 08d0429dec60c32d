public import Configuration
public import Engine
internal import Glibc
internal import Metrics
internal import Parsers

/// `dhcp`: the host offers an address (DISCOVER to OFFER, RFC 2131), and no other server does.
///
/// Options: `interface` (by default that of the route to the host), `server` (the addresses that
/// may offer; the host's own), `range` (`192.0.2.10-192.0.2.99`), `relay` (`yes` queries the host
/// alone, as a relay agent does, from another network). The client is always the interface's own
/// hardware address, so a server reserves the same address each time, and no lease is taken.
public struct DHCPProbe: Probe {
  public static let name = "dhcp"
  public static let summary = "The host offers an address of the right range; no other server does."
  public static let carrier = Carrier.none

  private let interface: String?
  private let servers: [String]?
  private let range: ClosedRange<UInt32>?
  private let isRelay: Bool

  /// The wait for other offers after the first.
  private static let grace = Duration.milliseconds(300)

  public init(_ options: inout Fields) {
    interface = options.take(
      "interface", Self.interfaceName, otherwise: "that of the route to the host",
      "Network interface to ask on.")
    servers = options.take(
      "server", .words, otherwise: "the host", "Addresses of the expected servers.",
      example: "[192.0.2.1]")
    range = options.take("range", Self.addresses, "Addresses that may be offered.")
    isRelay = options.take(
      "relay", .boolean, default: false, "Asks the host alone, as a relay in another network does.")
  }

  private static var interfaceName: SettingType<String> {
    SettingType("text", example: "eth1") { node, what throws(ConfigurationError) in
      let name = try node.string(what)
      guard (1...15).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x2f })
      else { throw ConfigurationError("not the name of an interface", at: node) }
      return name
    }
  }

  private static var addresses: SettingType<ClosedRange<UInt32>> {
    SettingType("two addresses", example: "192.0.2.10-192.0.2.99") {
      node, what throws(ConfigurationError) in
      let ends = try node.string(what).split(separator: "-").map { number(String($0)) }
      guard ends.count == 2, let low = ends[0], let high = ends[1], low <= high else {
        throw ConfigurationError("range is two addresses, 192.0.2.10-192.0.2.99", at: node)
      }
      return low...high
    }
  }

  private static func number(_ text: String) -> UInt32? {
    var address = in_addr()
    guard inet_pton(AF_INET, text.filter { $0 != " " }, &address) == 1 else { return nil }
    return UInt32(bigEndian: address.s_addr)
  }

  public func run(
    against endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async -> Verdict {
    do throws(Verdict) {
      let link = try Link(to: endpoint, interface)
      endpoint.byHand("nmap --script broadcast-dhcp-discover -e \(link.name)")
      endpoint.note("interface", "\(link.name), own address \(link.text)")
      let socket = try open(link)
      let transaction = UInt32.random(in: 1 ... .max)
      let start = Deadline.now
      let offers = try await offers(
        to: discover(transaction, link), transaction, through: socket, link, endpoint, on: reactor,
        by: deadline)
      var verdict = evaluate(offers.map(\.offer), endpoint)
      verdict.latency = offers.first.map { $0.arrived.since(start) }
      return verdict
    } catch { return error }
  }

  // MARK: Network

  /// The interface of the route to the host, with its address and hardware address.
  private struct Link {
    var name: String
    var address: UInt32
    var server: UInt32
    var hardware: [UInt8] = [2, 0, 0, 0, 0, 1]
    var text: String {
      [24, 16, 8, 0].map { String(address >> $0 & 255) }.joined(separator: ".")
    }

    init(to endpoint: Endpoint, _ wanted: String?) throws(Verdict) {
      guard let server = endpoint.addresses.lazy.compactMap({ DHCPProbe.number($0.text) }).first
      else { throw Verdict(.unknown, .notSupported, "DHCP needs an address of IPv4") }
      self.server = server
      address = DHCPProbe.ownAddress(towards: server) ?? 0
      name = wanted ?? ""
      var list: UnsafeMutablePointer<ifaddrs>?
      guard getifaddrs(&list) == 0 else {
        throw Verdict(.unknown, .localError, "\(SystemError("getifaddrs"))")
      }
      defer { freeifaddrs(list) }
      let entries = sequence(first: list) { $0?.pointee.ifa_next }.compactMap { $0?.pointee }
      for entry in entries where entry.ifa_addr?.pointee.sa_family == sa_family_t(AF_INET) {
        let own = UnsafeRawPointer(entry.ifa_addr).loadUnaligned(as: sockaddr_in.self)
        let number = UInt32(bigEndian: own.sin_addr.s_addr)
        let title = String(cString: entry.ifa_name)
        if name.isEmpty, number == address { name = title }
        if title == wanted { address = number }
      }
      for entry in entries where entry.ifa_addr?.pointee.sa_family == sa_family_t(AF_PACKET) {
        guard String(cString: entry.ifa_name) == name else { continue }
        // sockaddr_ll: the hardware address begins at its thirteenth byte.
        let raw = UnsafeRawBufferPointer(start: entry.ifa_addr, count: 20)
        hardware = Array(raw[12..<18])
      }
      guard !name.isEmpty else {
        throw Verdict(.unknown, .localError, "no interface leads there; name one with interface:")
      }
    }
  }

  /// The source address that the kernel would choose.
  private static func ownAddress(towards server: UInt32) -> UInt32? {
    let descriptor = FileDescriptor(
      owning: socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    var address = place(server, port: 67)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    var length = size
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor.number, $0, size) == 0
          ? getsockname(descriptor.number, $0, &length) : -1
      }
    }
    return code == 0 ? UInt32(bigEndian: address.sin_addr.s_addr) : nil
  }

  private static func place(_ address: UInt32, port: UInt16) -> sockaddr_in {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    place.sin_addr.s_addr = address.bigEndian
    return place
  }

  /// A socket on the client's port, or on the server's port as for a relay agent.
  private func open(_ link: Link) throws(Verdict) -> FileDescriptor {
    let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let number = socket(AF_INET, kind, 0)
    guard number >= 0 else { throw Verdict(.unknown, .localError, "\(SystemError("socket"))") }
    let descriptor = FileDescriptor(owning: number)
    var one: Int32 = 1
    setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    setsockopt(number, SOL_SOCKET, SO_BROADCAST, &one, 4)
    let name = Array(link.name.utf8) + [0]
    if !isRelay, setsockopt(number, SOL_SOCKET, SO_BINDTODEVICE, name, socklen_t(name.count)) != 0 {
      throw denied(errno, "to speak on \(link.name)")
    }
    var address = Self.place(isRelay ? link.address : 0, port: isRelay ? 67 : 68)
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else { throw denied(errno, "to use UDP port \(isRelay ? 67 : 68)") }
    return descriptor
  }

  private func denied(_ code: Int32, _ what: String) -> Verdict {
    guard code == EPERM || code == EACCES else {
      return Verdict(.unknown, .localError, "\(what): \(SystemError("", code).message)")
    }
    return Verdict(
      .unknown, .notPermitted,
      "not permitted \(what); setcap cap_net_bind_service,cap_net_raw+ep on this program, "
        + "or AmbientCapabilities= in its unit")
  }

  /// The DISCOVER message (RFC 2131, table 5), with the broadcast flag.
  private func discover(_ transaction: UInt32, _ link: Link) -> [UInt8] {
    var message: [UInt8] = [1, 1, 6, isRelay ? 1 : 0]
    func add(_ number: UInt32) {
      for shift in [24, 16, 8, 0] { message.append(UInt8(number >> UInt32(shift) & 255)) }
    }
    add(transaction)
    message += [0, 0, isRelay ? 0 : 0x80, 0]
    message += [UInt8](repeating: 0, count: 12)
    add(isRelay ? link.address : 0)
    message += link.hardware + [UInt8](repeating: 0, count: 10 + 64 + 128)
    add(0x6382_5363)
    message += [53, 1, 1, 55, 4, 1, 3, 6, 51, 255]
    return message + [UInt8](repeating: 0, count: max(0, 300 - message.count))
  }

  private func offers(
    to message: [UInt8], _ transaction: UInt32, through socket: borrowing FileDescriptor,
    _ link: Link, _ endpoint: Endpoint, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(Verdict) -> [(offer: DHCPMessage.Reading, arrived: Deadline)] {
    var offers: [(offer: DHCPMessage.Reading, arrived: Deadline)] = []
    var seen = 0
    for tries in [2, 1] where offers.isEmpty {
      var place = Self.place(isRelay ? link.server : .max, port: 67)
      let sent = withUnsafePointer(to: &place) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          sendto(
            socket.number, message, message.count, 0, $0,
            socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard sent == message.count else {
        throw Verdict(.unknown, .localError, "\(SystemError("sendto"))")
      }
      endpoint.note("sent", "DISCOVER to \(isRelay ? endpoint.number : "255.255.255.255")")
      var until = min(deadline, .after(deadline.remaining / tries))
      // Other traffic on the port is ignored, up to a limit.
      while seen < 200 {
        do throws(WaitError) {
          try await reactor.wait(socket.number, for: .read, by: until)
        } catch {
          guard error == .timedOut else { throw Verdict(error, while: "waiting for offers") }
          break
        }
        seen += 1
        var buffer = [UInt8](repeating: 0, count: 1500)
        let count = recv(socket.number, &buffer, buffer.count, 0)
        guard count > 0 else { continue }
        let offer: DHCPMessage.Reading
        do throws(ParseError) {
          offer = try DHCPMessage.parse(buffer.span.extracting(0..<count))
        } catch { continue }
        guard offer.isReply, offer.transaction == transaction, offer.hardware == link.hardware,
          offer.type == 2
        else { continue }
        endpoint.note(
          "offer",
          "\(offer.offered) from \(offer.server ?? "?"), mask \(offer.mask ?? "?"), routers "
            + "\(offer.routers.joined(separator: " ")), for \(offer.lease ?? 0) s")
        offers.append((offer, .now))
        until = min(until, .after(isRelay ? .zero : Self.grace))
      }
    }
    return offers
  }

  // MARK: Answer

  private func evaluate(_ offers: [DHCPMessage.Reading], _ endpoint: Endpoint) -> Verdict {
    let expected = servers ?? endpoint.addresses.map(\.text)
    guard !offers.isEmpty else {
      return Verdict(.critical, .timeout, "nobody offers an address: not running, or none left")
    }
    let named = offers.map { $0.server ?? "a server without a name" }
    guard let own = offers.first(where: { expected.contains($0.server ?? "") }) else {
      return Verdict(
        .critical, .wrongAnswer,
        "no offer from \(expected.joined(separator: ", ")), but from \(named.joined(separator: ", "))"
      )
    }
    let offer = "offers \(own.offered) for \(own.lease ?? 0) s"
    if let range, Self.number(own.offered).map(range.contains) != true {
      return Verdict(.critical, .wrongAnswer, "\(offer), which is not of the range expected")
    }
    let strangers = Set(named).subtracting(expected).sorted()
    guard strangers.isEmpty else {
      return Verdict(
        .major, .wrongAnswer, "\(offer), but so does \(strangers.joined(separator: ", "))")
    }
    return .ok(nil, offer)
  }
}
