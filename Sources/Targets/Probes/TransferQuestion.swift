internal import Configuration
internal import Engine
internal import Hosts
internal import Inventory
internal import Metrics
internal import Transfer

extension ProbeKit {
  /// Runs the transfer against the endpoint's addresses, the next one if a connection fails.
  func ask(
    _ request: TransferRequest, of endpoint: Endpoint, on reactor: isolated Reactor,
    by deadline: Deadline
  ) async -> TransferAnswer {
    var request = request
    request.wantsTranscript = endpoint.trace != nil
    do throws(Verdict) { request.source = try endpoint.sourceNumber() } catch {
      return TransferAnswer(error: TransferError(.local, error.message))
    }
    if let dialer = endpoint.dialer {
      request.dialer = dialer
      request.address = endpoint.number
      request.carriedNames = endpoint.certificateNames.map { $0.lowercased() }
      let answer = await transfers.run(request, on: reactor, by: deadline)
      note(answer, on: endpoint)
      return answer
    }
    let addresses = endpoint.addresses.prefix(4)
    var answer = TransferAnswer(error: TransferError(.unresolved, "the name has no address"))
    for (index, address) in addresses.enumerated() {
      request.address = address.text
      // A silent address must leave time for the next ones.
      let share = deadline.remaining / (addresses.count - index)
      answer = await transfers.run(request, on: reactor, by: min(deadline, .after(share)))
      note(answer, on: endpoint)
      let isDead = [.refused, .unreachable, .timeout].contains(answer.error?.reason)
      guard isDead, answer.phases.connected == nil else { break }
    }
    return answer
  }

  /// Records the steps and the conversation.
  private func note(_ answer: TransferAnswer, on endpoint: Endpoint) {
    guard endpoint.trace != nil else { return }
    let phases: [(String, Duration?)] = [
      ("connect", answer.phases.connected), ("tls", answer.phases.secured),
      ("first byte", answer.phases.answered), ("total", answer.phases.total),
    ]
    for line in answer.transcript {
      endpoint.note(
        line.hasPrefix(">") ? "sent" : line.hasPrefix("<") ? "received" : "curl",
        String(line.dropFirst(2)))
    }
    for case (let name, let after?) in phases {
      endpoint.note(name, "after \(Verdict.rounded(after))")
    }
    for (index, certificate) in answer.certificates.enumerated() {
      endpoint.note("certificate \(index)", "\(certificate.subject), by \(certificate.issuer)")
    }
  }
}

extension Verdict {
  /// The verdict for an error of a transfer.
  init(_ error: TransferError) {
    let message = error.message
    switch error.reason {
    case .unresolved: self.init(.critical, .nameUnknown, message)
    case .refused: self.init(.critical, .connectionRefused, message)
    case .unreachable: self.init(.critical, .unreachable, message)
    case .forbidden: self.init(.critical, .forwardingRefused, message)
    case .cutOff: self = .ofJumpHost(message)
    case .lost: self.init(.critical, .connectionLost, message)
    case .timeout: self.init(.critical, .timeout, message)
    case .untrusted: self.init(.major, .certificateUntrusted, message, isUp: true)
    case .insecure: self.init(.critical, .tlsFailed, message)
    case .denied: self.init(.critical, .authFailed, message)
    case .blocked: self.init(.critical, .refusedByProtection, message)
    case .malformed: self.init(.critical, .protocolError, message)
    case .failed: self.init(.critical, .wrongAnswer, message)
    case .invalid, .local: self.init(.unknown, .localError, message)
    case .cancelled: self.init(.unknown, .cancelled, message)
    }
  }

  /// A duration for people: `4.2 ms`.
  static func rounded(_ duration: Duration) -> String {
    "\((duration.milliseconds * 10).rounded() / 10) ms"
  }
}

extension Endpoint {
  /// Connections through the jump hosts for a library; nil if the way is direct.
  var dialer: Dialer? {
    guard let tunnel else { return nil }
    return Dialer { host, port, form, deadline throws(TransferError) in
      let received = ByteCount()
      return try await tunnel.reactor.dial(
        through: tunnel, to: host, port: port, as: form, counting: received, by: deadline
      ).get()
    }
  }

  /// Connections from the source, for a library that cannot bind.
  func binder(on reactor: Reactor) -> Dialer {
    Dialer { [addresses, source] _, _, _, deadline throws(TransferError) in
      try await reactor.dial(to: addresses, from: source, by: deadline).get()
    }
  }

  /// The host in the form of a URL: numeric IPv6 addresses in brackets.
  func hostInURL(_ name: String?) -> String {
    let host = name ?? address
    return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
  }
}

extension Reactor {
  fileprivate func dial(
    to addresses: [Dial.Address], from source: Dial.Address?, by deadline: Deadline
  ) async -> Result<CarriedConnection, TransferError> {
    do throws(TargetError) {
      let socket = try await Connect.tcp(
        to: addresses, from: [source].compactMap(\.self), refusedHint: "", on: self, by: deadline)
      do throws(TransferError) {
        return .success(try CarriedConnection(socket, counting: ByteCount()))
      } catch { return .failure(error) }
    } catch {
      return .failure(TransferError(error))
    }
  }

  fileprivate func dial(
    through tunnel: Tunnel, to host: String, port: UInt16, as form: Dialer.Form,
    counting received: ByteCount,
    by deadline: Deadline
  ) async -> Result<CarriedConnection, TransferError> {
    do throws(TargetError) {
      if form == .door {
        let door = try await tunnel.door(
          to: host, port: port, counting: received, on: self, by: deadline)
        return .success(CarriedConnection(door: door, counting: received))
      }
      let socket = try await tunnel.socket(
        to: host, port: port, counting: received, on: self, by: deadline)
      do throws(TransferError) {
        return .success(try CarriedConnection(socket, counting: received))
      } catch { return .failure(error) }
    } catch {
      return .failure(TransferError(error))
    }
  }
}

extension TransferError {
  /// The failure of a jump host, or what it reports.
  fileprivate init(_ error: TargetError) {
    let reason: Reason =
      switch error.reason {
      case .connectionRefused: .refused
      case .timeout: .timeout
      case .nameUnknown: .unresolved
      case .unreachable: error.isOfJumpHost ? .cutOff : .unreachable
      case .forwardingRefused: .forbidden
      case .connectionLost: .lost
      case .cancelled: .cancelled
      default: .local
      }
    self.init(reason, error.detail)
  }
}
