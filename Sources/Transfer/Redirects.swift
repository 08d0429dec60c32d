internal import CCares
internal import CCurl
internal import CLinux
internal import CMariaDB
internal import CPQ
internal import CSSL
internal import Engine
internal import Glibc

/// The places besides other servers of the network to which a redirect may lead.
public struct RedirectTargets: OptionSet, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// This machine: loopback and all of its own addresses.
  public static let loopback = RedirectTargets(rawValue: 1)
  /// Link-local addresses, where clouds keep secrets (169.254.169.254), and multicast groups.
  public static let linkLocal = RedirectTargets(rawValue: 2)
  /// The servers to which the scraper writes its own points.
  public static let sinks = RedirectTargets(rawValue: 4)
}

/// A server by host and port, as in a URL.
public struct NetworkPlace: Sendable, Hashable {
  public var host: String
  public var port: UInt16

  /// Nil if the URL has no host.
  public init?(_ url: String) {
    guard let origin = Origin(url), let port = UInt16(origin.port) else { return nil }
    host = origin.host
    self.port = port
  }
}

/// The origin of a URL: scheme, host and port (RFC 6454).
struct Origin: Equatable {
  var scheme: String
  var host: String
  var port: String

  init?(_ url: String) {
    guard let parsed = ParsedURL(url), let scheme = parsed.part(CURLUPART_SCHEME),
      var host = parsed.part(CURLUPART_HOST), let port = parsed.part(CURLUPART_PORT)
    else { return nil }
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    while host.hasSuffix(".") { host.removeLast() }
    self.scheme = scheme.lowercased()
    self.host = host.lowercased()
    self.port = port
  }
}

/// libcurl's own parse of a URL.
final class ParsedURL {
  private let handle: OpaquePointer

  init?(_ url: String) {
    guard let handle = curl_url() else { return nil }
    self.handle = handle
    guard curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK else { return nil }
  }

  deinit { curl_url_cleanup(handle) }

  /// Follows a reference (RFC 3986, 5.2), without its user and password.
  func following(_ reference: String) -> String? {
    let flags = UInt32(CURLU_URLENCODE)
    guard curl_url_set(handle, CURLUPART_URL, reference, flags) == CURLUE_OK,
      curl_url_set(handle, CURLUPART_USER, nil, 0) == CURLUE_OK,
      curl_url_set(handle, CURLUPART_PASSWORD, nil, 0) == CURLUE_OK
    else { return nil }
    return part(CURLUPART_URL)
  }

  func part(_ part: CURLUPart) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    let flags = part == CURLUPART_PORT ? UInt32(CURLU_DEFAULT_PORT) : 0
    guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }
}

extension Transfers {
  /// Follows redirects, up to the request's limit.
  ///
  /// libcurl would send a request's own headers to any server that a redirect names. Here another
  /// origin gets a bare GET or HEAD without header, body or credentials, and so do all later steps.
  func follow(
    _ first: TransferAnswer, to request: TransferRequest, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> TransferAnswer {
    var (request, answer) = (request, first)
    var hops = 0
    while request.redirects > 0, answer.error == nil, let status = answer.status,
      [301, 302, 303, 307, 308].contains(status), let place = answer[header: "location"]
    {
      let before = answer
      guard hops < request.redirects else {
        answer.error = TransferError(.failed, "more than \(request.redirects) redirects")
        break
      }
      do throws(TransferError) {
        request = try request.redirected(to: place, status: status)
        try await request.avoidSinks(on: reactor, by: deadline)
      } catch {
        answer.error = error
        break
      }
      hops += 1
      answer = await perform(request, on: reactor, by: deadline)
      answer.redirects = hops
      answer.phases.total += before.phases.total
      answer.transcript = before.transcript + answer.transcript
    }
    return answer
  }
}

extension TransferRequest {
  /// The request that a redirect asks for; throws if it is refused.
  func redirected(to place: String, status: Int) throws(TransferError) -> TransferRequest {
    guard let old = Origin(url), let parsed = ParsedURL(url), let next = parsed.following(place),
      let new = Origin(next), ["http", "https"].contains(new.scheme)
    else { throw TransferError(.failed, "redirects to \"\(place)\", which is not followed") }
    var request = self
    request.url = next
    // RFC 9110, 15.4: 303 requires GET; by convention 301 and 302 turn a POST into a GET, too.
    if method != "HEAD", status == 303 || (status < 303 && method == "POST") {
      request.method = "GET"
      request.body = []
    }
    guard new != old else { return request }
    if dialer != nil, new.host != old.host { try request.checkCarried(new.host) }
    guard ["GET", "HEAD"].contains(request.method) else {
      throw TransferError(
        .failed, "redirects a \(request.method) to another server, \(next): not followed")
    }
    request.secrets += [password, bearer].compactMap { $0 }
    request.headers = []
    request.body = []
    (request.user, request.password, request.bearer) = (nil, nil, nil)
    if new.host != old.host {
      if !carriedNames.contains(new.host) { request.address = nil }
      // The name of the new host counts; IPv6 addresses stand in brackets.
      let name = new.host.hasPrefix("[") ? String(new.host.dropFirst().dropLast()) : new.host
      if !names.isEmpty { request.names = [name] }
    }
    request.isRedirected = true
    return request
  }

  /// Ensures that the redirect leads to the same host, or to a number that may be asked: the jump host
  /// would look up any other name, and where it leads is not known here.
  private func checkCarried(_ host: String) throws(TransferError) {
    if carriedNames.contains(host) { return }
    guard let number = Dial.number(host) else {
      throw TransferError(
        .failed, "redirects to \(url): another name behind the jump host is not followed")
    }
    let place = SocketPlace(number.bytes)
    if !redirectTargets.contains(.linkLocal), place.isLinkLocal {
      throw TransferError(.failed, refusal("a link-local address or a group", "link-local"))
    }
    if !redirectTargets.contains(.loopback), place.isOwn {
      throw TransferError(.failed, refusal("the jump host itself", "loopback"))
    }
  }

  /// Ensures that the redirect does not lead to one of the scraper's own sinks.
  fileprivate mutating func avoidSinks(
    on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) {
    avoided = []
    guard isRedirected, !redirectTargets.contains(.sinks), let here = NetworkPlace(url) else {
      return
    }
    for sink in sinks where sink.port == here.port {
      guard sink.host != here.host else {
        throw TransferError(.failed, refusal("a sink of this scraper", "sinks"))
      }
      let found: [Dial.Address]
      do throws(DialError) {
        found = try await Dial.resolve(sink.host, port: sink.port, on: reactor, by: deadline)
      } catch {
        // Without an address there is nowhere for a redirect to lead.
        continue
      }
      avoided += found.map { SocketPlace($0.bytes) }
    }
  }

  /// Why a redirect was refused.
  func refusal(_ what: String, _ word: String) -> String {
    "redirects to \(url), \(what): not followed; if it may, say redirect_to: [\(word)]"
  }

  /// Why the request, which a server caused, may not go to this address; nil if it may.
  func refusal(of address: UnsafeRawBufferPointer) -> String? {
    guard isRedirected else { return nil }
    let place = SocketPlace(Array(address))
    if !redirectTargets.contains(.sinks),
      avoided.contains(place)
        || (place.isOwn && avoided.contains { $0.isOwn && $0.port == place.port })
    {
      return refusal("a sink of this scraper", "sinks")
    }
    if !redirectTargets.contains(.linkLocal), place.isLinkLocal {
      return refusal("a link-local address or a group", "link-local")
    }
    if !redirectTargets.contains(.loopback), place.isOwn {
      return refusal("this machine", "loopback")
    }
    return nil
  }
}

/// An address and port in the form of a socket call.
struct SocketPlace: Sendable, Hashable {
  /// 4 or 16 bytes; an IPv4-mapped IPv6 address has 4.
  var address: [UInt8] = []
  var port: UInt16 = 0

  init(_ bytes: [UInt8]) {
    guard bytes.count >= 8 else { return }
    let family = bytes.withUnsafeBytes { $0.loadUnaligned(as: sa_family_t.self) }
    port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    switch Int32(family) {
    case AF_INET: address = Array(bytes[4..<8])
    case AF_INET6 where bytes.count >= 24:
      address = Array(bytes[8..<24])
      let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
      if address.starts(with: mapped) { address = Array(address[12...]) }
    default: break
    }
  }

  var isLinkLocal: Bool {
    switch address.count {
    case 4:
      (address[0] == 169 && address[1] == 254) || address[0] >= 224
    case 16: (address[0] == 0xfe && address[1] & 0xc0 == 0x80) || address[0] == 0xff
    default: false
    }
  }

  /// Whether it is an address of this machine: loopback, the unspecified address, or an
  /// interface's.
  var isOwn: Bool {
    if address.count == 4, address[0] == 127 || address[0] == 0 { return true }
    if address.count == 16, address.dropLast().allSatisfy({ $0 == 0 }), address[15] <= 1 {
      return true
    }
    return !address.isEmpty && Self.own.contains(address)
  }

  /// The addresses of this machine's interfaces.
  private static var own: Set<[UInt8]> {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var all: Set<[UInt8]> = []
    var next = list
    while let entry = next?.pointee {
      if let address = entry.ifa_addr {
        let isOld = address.pointee.sa_family == sa_family_t(AF_INET)
        if isOld || address.pointee.sa_family == sa_family_t(AF_INET6) {
          let bytes = UnsafeRawBufferPointer(start: address, count: isOld ? 16 : 28)
          all.insert(SocketPlace(Array(bytes)).address)
        }
      }
      next = entry.ifa_next
    }
    return all
  }
}
