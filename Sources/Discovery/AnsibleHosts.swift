internal import Configuration
internal import Inventory

/// Hosts of an Ansible inventory, YAML or INI, file or folder, with their groups, ports, accounts and jump
/// hosts. Passwords are left out; nothing is executed.
public enum AnsibleHosts {
  public static func read(_ path: String) -> FoundList {
    var findings = FoundList()
    var faults = Findings()
    let inventory = Inventory.read(path, checkingKeys: false, &faults)
    findings.notes = faults.errors.map(\.oneLine)
    var groups: [String: [String]] = [:]
    for group in inventory.groups where group.name != "all" && group.name != "ungrouped" {
      guard let name = FoundName.group(group.name) else { continue }
      if !group.children.isEmpty {
        findings.notes.append("group \(group.name) holds groups, which are not nested here")
      }
      if name != group.name {
        findings.notes.append("group \(group.name) is written \(name)")
      }
      for host in group.hosts { groups[host, default: []].append(name) }
    }
    var found = FoundHosts()
    for host in inventory.hosts {
      guard let name = FoundName.of(host.name) ?? FoundName.of("host-\(host.name)") else {
        continue
      }
      if host.connection == .local {
        findings.notes.append("\(host.name) is this machine; it is left out")
        continue
      }
      var entry = FoundHost(name: name)
      if host.address != name { entry.address = host.address }
      if host.port != 22 { entry.port = host.port }
      entry.user = host.user
      entry.via = host.via
      entry.groups = groups[host.name] ?? []
      if host.password != nil {
        entry.notes.append("has a password there; here write `password: file:PATH`")
      }
      found.add(entry)
    }
    findings.hosts = found.hosts
    return findings
  }
}
