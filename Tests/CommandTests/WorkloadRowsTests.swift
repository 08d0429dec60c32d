import Metrics
import Testing

@testable import Console

/// The rows of `scrape host` for containers, machines, tunnels and disks.
@Suite struct WorkloadRowsTests {
  private func point(
    _ measurement: String, _ tags: KeyValuePairs<String, String> = [:],
    _ fields: KeyValuePairs<String, FieldValue> = [:]
  ) -> Point {
    var point = Point(measurement)
    for (name, value) in tags { point.tag(name, value) }
    for (name, value) in fields {
      switch value {
      case .integer(let number): point.integer(name, number)
      case .float(let number): point.float(name, number)
      case .string(let text): point.string(name, text)
      case .boolean(let value): point.boolean(name, value)
      }
    }
    return point
  }

  private func rows(_ points: Point...) -> [String] {
    WorkloadRows(points).all.map { "\($0.name): \(String(decoding: $0.text.bytes, as: UTF8.self))" }
  }

  @Test func `nothing has no row`() {
    #expect(rows().isEmpty)
    #expect(rows(point("cpu", ["cpu": "cpu0"], ["usage_active": .float(1)])).isEmpty)
  }

  @Test func `containers are counted by state, and unhealthy ones named`() {
    let states = ["running", "exited", "running"].enumerated().map { index, state in
      point(
        "docker_container_status", ["container_name": "c\(index)", "container_status": state],
        ["exitcode": .integer(0)])
    }
    let health = point(
      "docker_container_health", ["container_name": "c0"], ["health_status": .string("unhealthy")])
    #expect(
      WorkloadRows(states + [health]).all.map { String(decoding: $0.text.bytes, as: UTF8.self) }
        == ["3  running 2  exited 1", "unhealthy: c0"])
    #expect(
      rows(point("docker_container_cpu", ["container_name": "abc"], ["usage_total": .integer(1)]))
        == ["containers: 1 running"])
  }

  @Test func `machines and pods name what is broken, at most four`() {
    #expect(
      rows(
        point("libvirt_state", ["domain_name": "a"], ["state": .integer(1)]),
        point("libvirt_state", ["domain_name": "b"], ["state": .integer(6)]),
        point("libvirt_state", ["domain_name": "c"], ["state": .integer(99)]))
        == ["machines: 3  crashed 1  running 1  unknown 1", ": crashed: b"])
    let ill = (1...6).map { index in
      point(
        "kubernetes_pod_container",
        [
          "namespace": "n", "pod_name": "p\(index)", "container_name": "c", "readiness": "unready",
          "phase": "Running",
        ], ["state_reason": .string("CrashLoopBackOff")])
    }
    let done = point(
      "kubernetes_pod_container",
      ["namespace": "n", "pod_name": "job", "readiness": "unready", "phase": "Succeeded"],
      ["state_code": .integer(1)])
    let texts = WorkloadRows(ill + [done]).all.map {
      String(decoding: $0.text.bytes, as: UTF8.self)
    }
    #expect(texts[0] == "7  containers 7  unready 7")
    #expect(
      texts[1]
        == "unready: p1/c CrashLoopBackOff · p2/c CrashLoopBackOff · p3/c CrashLoopBackOff · p4/c CrashLoopBackOff · and 2 more"
    )
  }

  @Test func `tunnels and tracked connections have a row each`() {
    #expect(
      rows(
        point("wireguard_device", ["name": "wg0"], ["peers": .integer(2)]),
        point("wireguard_peer", ["device": "wg0"], ["handshake_age_s": .integer(30)]),
        point("wireguard_peer", ["device": "wg0"], ["rx_bytes": .integer(0)]),
        point(
          "openvpn", ["file": "/run/openvpn/s.log"],
          ["clients": .integer(1), "updated_age_s": .integer(20)]),
        point(
          "conntrack", [:],
          [
            "ip_conntrack_count": .float(120), "ip_conntrack_max": .float(500),
            "used_percent": .float(24),
          ]))
        == [
          "wireguard: wg0  2 peers  1 with a handshake in the last 3 min",
          "openvpn: s.log  1 client  written 20 s ago", "conntrack: 120 of 500  24.0 %",
        ])
  }

  @Test func `no number of a host stops the report`() {
    #expect(
      rows(
        point(
          "conntrack", [:],
          ["ip_conntrack_count": .float(1e300), "ip_conntrack_max": .float(-1e300)]),
        point("libvirt_state", [:], ["state": .integer(.max)]),
        point("openvpn", [:], ["clients": .integer(.min), "updated_age_s": .integer(.max)])
      ).count == 3)
  }

  @Test func `disks without faults are one row, each other has its own`() {
    func disk(_ name: String, _ fields: KeyValuePairs<String, FieldValue>) -> Point {
      point("smart_device", ["device": name, "model": "M"], fields)
    }
    #expect(
      rows(
        disk("sda", ["health_ok": .boolean(true), "temp_c": .integer(31)]),
        disk(
          "sdb",
          [
            "health_ok": .boolean(false), "reallocated_sectors_count": .integer(9),
            "temp_c": .integer(40),
          ]),
        disk("sdc", ["health_ok": .boolean(true), "temp_c": .integer(38)]))
        == ["smart: 2 disks ✓  31–38 °C", ": sdb  M  40 °C  failing  reallocated 9"])
    let many = (0..<12).map { disk("sd\($0)", ["pending_sector_count": .integer(1)]) }
    let rows = WorkloadRows(many).all
    #expect(rows.count == 9 && rows[0].name == "smart")
    #expect(String(decoding: rows[8].text.bytes, as: UTF8.self) == "and 4 more with faults")
  }
}
