import Foundation
import Lab

/// Runs simulated BMCs until its standard input ends or it is killed.
///
/// One line is printed for each when all of them answer: address, port, user, password, what is wrong. To the line
/// `requests` it answers with what the first was asked inside sessions since the last time, a line each in hexadecimal
/// (network function, logical unit, command, data), and an empty line.
@main
enum Main {
  static let usage = """
    usage: bmcs [--count N] [--address FIRST] [--port P] [--consecutive-ports]
                [--slow N:MILLISECONDS] [--dead N] [--lossy N:FRACTION] [--seed S]

    N BMCs, each at an address of its own from FIRST on (127.0.20.1) at one port (623, which needs
    root; 0 is a free one), or with --consecutive-ports all at FIRST from that port on. The first are
    the slow ones, then the dead, then the lossy.
    """

  static func main() throws {
    var count = 1
    var address = "127.0.20.1"
    var port: UInt16 = 623
    var portStep: UInt16 = 0
    var slow = (0, 300), dead = 0, lossy = (0, 0.3)
    var seed: UInt64 = 1
    var words = CommandLine.arguments.dropFirst()
    func fail(_ text: String) -> Never {
      FileHandle.standardError.write(Data((text + "\n").utf8))
      exit(2)
    }
    func value(_ option: String) -> String {
      guard let value = words.popFirst() else { fail("\(option) wants a value\n\(usage)") }
      return value
    }
    func number<T: LosslessStringConvertible>(_ option: String, _ text: some StringProtocol) -> T {
      guard let number = T(String(text)) else { fail("\(option): \(text) is no number") }
      return number
    }
    func pair<T: LosslessStringConvertible>(_ option: String, _ standard: T) -> (Int, T) {
      let parts = value(option).split(separator: ":", maxSplits: 1)
      return (
        number(option, parts.first ?? ""), parts.count > 1 ? number(option, parts[1]) : standard
      )
    }
    while let option = words.popFirst() {
      switch option {
      case "--count": count = number(option, value(option))
      case "--address": address = value(option)
      case "--port": port = number(option, value(option))
      case "--consecutive-ports": portStep = 1
      case "--slow": slow = pair(option, 300)
      case "--dead": dead = number(option, value(option))
      case "--lossy": lossy = pair(option, 0.3)
      case "--seed": seed = number(option, value(option))
      default: fail(usage)
      }
    }
    var bmcs: [BMC] = []
    var lines = ""
    for index in 0..<count {
      var configuration = BMC.Configuration()
      configuration.seed = seed &+ UInt64(index)
      configuration.sessionLimit = 32
      let bmc: BMC
      do {
        bmc = try BMC(
          address: portStep == 0 ? next(address, index) : address,
          port: port == 0 ? 0 : port + portStep * UInt16(index), configuration)
      } catch {
        fail("\(error)")
      }
      var fault = "-"
      if index < slow.0 {
        bmc.faults.slow = slow.1
        fault = "slow\(slow.1)"
      } else if index < slow.0 + dead {
        bmc.faults.silent = true
        fault = "dead"
      } else if index < slow.0 + dead + lossy.0 {
        bmc.faults.drop = lossy.1
        fault = "lossy"
      }
      bmcs.append(bmc)
      lines += "\(bmc.address) \(bmc.port) admin secret \(fault)\n"
    }
    FileHandle.standardOutput.write(Data(lines.utf8))
    while let line = readLine() {
      guard line == "requests", let first = bmcs.first else { continue }
      let asked = first.takeRequests().map { request in
        request.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      }
      FileHandle.standardOutput.write(Data(((asked + [""]).joined(separator: "\n") + "\n").utf8))
    }
    withExtendedLifetime(bmcs) {}
  }

  /// The address so many behind the first one, leaving out those that end in 0 and 255.
  static func next(_ address: String, _ steps: Int) -> String {
    let parts = address.split(separator: ".").compactMap { Int($0) }
    guard parts.count == 4 else { return address }
    let place = parts[2] * 254 + parts[3] - 1 + steps
    return "\(parts[0]).\(parts[1]).\(place / 254).\(place % 254 + 1)"
  }
}
