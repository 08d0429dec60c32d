import Engine
import Foundation
import Lab
import Metrics
import Testing

@testable import Hosts
@testable import IPMI
@testable import Probes

@Suite struct KnownHostsTests {
  static func key(_ seed: UInt8, _ type: String = "ssh-ed25519") -> HostKey {
    var blob = WireWriter()
    blob.string(type.utf8)
    blob.string([UInt8](repeating: seed, count: 32))
    return HostKey(blob: blob.bytes)
  }

  static func file(_ lines: String...) -> KnownHosts {
    var known = KnownHosts()
    known.add(Array(lines.joined(separator: "\n").utf8), file: "known_hosts")
    return known
  }

  static let one = key(1)
  static let two = key(2)

  @Test(
    arguments: [
      ("web1 \(one.text)", "web1", 22, .accepted),
      ("web1 \(one.text) comment", "WEB1", 22, .accepted),
      ("web1,10.0.0.1 \(one.text)", "10.0.0.1", 22, .accepted),
      ("[web1]:2222 \(one.text)", "web1", 2222, .accepted),
      ("[web1]:2222 \(one.text)", "web1", 22, .unknown),
      ("web1 \(one.text)", "web1", 2222, .unknown),
      ("*.lab \(one.text)", "web1.lab", 22, .accepted),
      ("*.lab,!web1.lab \(one.text)", "web1.lab", 22, .unknown),
      ("web? \(one.text)", "web12", 22, .unknown),
      ("web1 \(two.text)", "web1", 22, .changed(accepted: [two])),
      ("web1 \(two.text)\nweb1 \(one.text)", "web1", 22, .accepted),
      ("@revoked * \(one.text)\nweb1 \(one.text)", "web1", 22, .revoked),
      ("@revoked db* \(one.text)\nweb1 \(one.text)", "web1", 22, .accepted),
      ("@cert-authority *.lab \(two.text)", "web1.lab", 22, .needsCertificate),
      ("@cert-authority * \(two.text)\nweb1 \(one.text)", "web1", 22, .accepted),
      ("", "web1", 22, .unknown),
      ("# web1 \(one.text)", "web1", 22, .unknown),
      ("2001:db8::1 \(one.text)", "2001:db8::1", 22, .accepted),
    ] as [(String, String, UInt16, KnownHosts.Verdict)])
  func `a line is for the hosts it names`(
    lines: String, host: String, port: UInt16, verdict: KnownHosts.Verdict
  ) {
    let known = Self.file(lines)
    #expect(known.lines(for: [KnownHosts.name(host, port: port)]).verdict(on: Self.one) == verdict)
    #expect(known.warnings.isEmpty)
  }

  @Test(
    arguments: [
      ("web1 ssh-ed25519", "known_hosts:1: expected names, key type and key"),
      ("web1 ssh-ed25519 A?B", "known_hosts:1: the key is not base64"),
      ("web1 ssh-rsa \(one.text.split(separator: " ")[1])", "the key is not of type ssh-rsa"),
      ("@lost web1 \(one.text)", "unknown marker @lost"),
      ("|1|abc \(one.text)", "the hashed name is damaged"),
    ])
  func `a bad line costs itself and is named`(line: String, warning: String) {
    let known = Self.file(line, "web2 \(Self.one.text)")
    #expect(known.warnings.count == 1 && known.warnings[0].contains(warning), "\(known.warnings)")
    #expect(known.lines(for: ["web2"]).verdict(on: Self.one) == .accepted)
  }

  @Test func `names hashed by ssh-keygen are found`() throws {
    let scratch = Scratch()
    let file = scratch.write("known_hosts", "web1,[10.0.0.1]:2222 \(Self.one.text)\n")
    let outcome = try run("/usr/bin/ssh-keygen", ["-H", "-f", file])
    #expect(outcome.status == 0)
    let hashed = scratch.read("known_hosts") ?? ""
    #expect(hashed.hasPrefix("|1|"))
    let known = Self.file(hashed)
    #expect(known.lines(for: ["web1"]).verdict(on: Self.one) == .accepted)
    #expect(known.lines(for: ["[10.0.0.1]:2222"]).verdict(on: Self.one) == .accepted)
    #expect(known.lines(for: ["web1"]).verdict(on: Self.two) == .changed(accepted: [Self.one]))
    #expect(known.lines(for: ["web2"]).verdict(on: Self.one) == .unknown)
  }

  @Test func `a fingerprint is what ssh-keygen prints`() throws {
    let scratch = Scratch()
    try run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(scratch.path)/key"])
    let public_ = (scratch.read("key.pub") ?? "").split(separator: " ")
    let blob = try #require(Base64.decode(public_[1].utf8))
    let shown = try run("/usr/bin/ssh-keygen", ["-l", "-f", "\(scratch.path)/key"]).output
    #expect(shown.contains(HostKey(blob: blob).fingerprint))
  }

  @Test func `an accepted key takes the place of the old one and of nothing else`() throws {
    let scratch = Scratch()
    let file = scratch.write(
      "known_hosts",
      "web1 \(Self.two.text)\nweb2 \(Self.two.text)\n@revoked web1 \(Self.key(3).text)\n")
    try KnownHostsFile.accept(Self.one, for: ["web1"], in: file)
    #expect(
      scratch.read("known_hosts") == """
        web2 \(Self.two.text)
        @revoked web1 \(Self.key(3).text)
        web1 \(Self.one.text)

        """)
  }

  @Test func `no symbolic link is followed when a key is accepted`() throws {
    let scratch = Scratch()
    let victim = scratch.write("victim", "precious\n")
    let file = "\(scratch.path)/known_hosts"
    // At the place where the new file is drafted.
    let draft = "\(file).\(ProcessInfo.processInfo.processIdentifier)"
    try FileManager.default.createSymbolicLink(atPath: draft, withDestinationPath: victim)
    try KnownHostsFile.accept(Self.one, for: ["web1"], in: file)
    #expect(scratch.read("victim") == "precious\n")
    #expect(scratch.read("known_hosts") == "web1 \(Self.one.text)\n")
    // In the place of the file itself: what it leads to would be copied for all to read.
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: victim)
    let error = #expect(throws: SystemError.self) {
      try KnownHostsFile.accept(Self.one, for: ["web1"], in: file)
    }
    #expect(error?.code == ELOOP)
    #expect(scratch.read("victim") == "precious\n")
  }

  @Test func `a line for several hosts keeps the others, and patterns stay`() throws {
    let scratch = Scratch()
    let file = scratch.write(
      "known_hosts", "web1,web2,db1 \(Self.two.text)\n*.lab \(Self.two.text)\n")
    try KnownHostsFile.accept(Self.one, for: ["web1"], in: file)
    #expect(
      scratch.read("known_hosts") == """
        web2,db1 \(Self.two.text)
        *.lab \(Self.two.text)
        web1 \(Self.one.text)

        """)
  }

  @Test func `a key revoked under one of a host's names is revoked`() {
    let known = Self.file("10.0.0.5 \(Self.one.text)", "@revoked web1 \(Self.one.text)")
    #expect(known.lines(for: ["10.0.0.5", "web1"]).verdict(on: Self.one) == .revoked)
    #expect(known.lines(for: ["10.0.0.5", "web2"]).verdict(on: Self.one) == .accepted)
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5, 31, 32, 33])
  func `base64 reads what it writes`(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
    #expect(Base64.decode(Base64.encode(bytes, padded: false).utf8) == bytes)
  }
}
