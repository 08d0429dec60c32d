import Configuration
import Discovery
import Inventory

/// Files that name hosts: whatever is in them, the draft made of it is YAML with those hosts and no more.
let discoveryTargets: [String: FuzzTarget] = [
  "discovery-known-hosts": { check(KnownHostsList.read(Array($0))) },
  "discovery-hosts": { check(HostsFile.read(Array($0))) },
  "discovery-virsh": { check(VirshText.read(Array($0))) },
  "discovery-openstack": { bytes in OpenStackList.read(Array(bytes)).map(check) },
  "discovery-nmap": { bytes in (try? NmapXML.read(Array(bytes))).map(check) },
  "discovery-ssh-config": { bytes in
    check(SSHConfigHosts.read(SSHConfig([("config", Array(bytes), true)]) { _, _ in [] }))
  },
  "discovery-wazuh": { bytes in
    guard let wazuh = try? WazuhAgentless(Array(bytes), passwords: Array(bytes)) else { return }
    check(wazuh.draft(isWhole: true), wazuh.hosts.compactMap(\.name))
    for policy in wazuh.policies { check(policy.text, nil) }
  },
]

private func check(_ list: FoundList) {
  var found = FoundHosts()
  for host in list.hosts { found.add(host) }
  check(Draft(found.hosts, heading: list.notes).text, found.hosts.compactMap(\.name))
}

private func check(_ text: String, _ names: [String]?) {
  guard let root = try? YAML.read(Source("draft", text: text)) else {
    fatalError("no YAML: \(text)")
  }
  guard let names else { return }
  let groups = root["all"]?["children"]?.pairs ?? []
  let written = Set(groups.flatMap { $0.value["hosts"]?.pairs?.map(\.name) ?? [] })
  precondition(written == Set(names), "other hosts than \(names): \(text)")
}
