internal import Inventory
internal import Metrics

/// The kit as a playbook of Ansible: the account, its key, and the commands of sudo.
public struct Playbook: Sendable {
  private let grants: [Grant]

  public init(_ grants: [Grant]) { self.grants = grants }

  public var text: String {
    var text = """
      # What \(fold(grants.map(\.host)).visible) must grant the monitor, and nothing more.
      # Made by `scrape authorize --ansible`; the script without --ansible has further parts.

      """
    for group in groups { text += play(group) }
    return text
  }

  private var groups: [[Grant]] {
    var groups: [[Grant]] = []
    for grant in grants {
      let place = groups.firstIndex { group in
        guard var first = group.first, !grant.isSigned else { return false }
        first.host = grant.host
        return first == grant
      }
      if let place { groups[place].append(grant) } else { groups.append([grant]) }
    }
    return groups
  }

  private func play(_ group: [Grant]) -> String {
    guard let grant = group.first else { return "" }
    let home = grant.home
    let hosts = group.map(\.host).joined(separator: ":")
    var text = "- name: \(Self.scalar("What scrape needs of \(fold(group.map(\.host)))"))\n"
    text += "  hosts: \(Self.scalar(hosts))\n  become: true\n  gather_facts: false\n  tasks:\n"
    text += task(
      "Account without a password", "user",
      [
        ("name", grant.account), ("system", "true"), ("home", home), ("create_home", "false"),
        ("shell", "/bin/sh"), ("password", "*"),
      ])
    for folder in [home, home + "/.ssh"] {
      // Who owns a folder could have made a link of it, and root would follow.
      text += """
            - name: \(Self.scalar("Whose \(folder) is"))
              ansible.builtin.stat:
                path: \(Self.scalar(folder))
              register: scrape_folder
            - name: \(Self.scalar("\(folder) is root's, or not there"))
              ansible.builtin.assert:
                that: not scrape_folder.stat.exists or (scrape_folder.stat.isdir and scrape_folder.stat.uid == 0)
                fail_msg: \(Self.scalar("\(folder) is not root's: who owns it could change what is granted. Give another account (user:)"))

        """
      text += task(
        "Folder \(folder), for root alone to change", "file",
        [
          ("path", folder), ("state", "directory"), ("owner", "root"), ("group", "0"),
          ("mode", "0755"),
        ])
    }
    if grant.isSigned {
      text += file(home + "/signers", "0644", Gate.signers(grant.signers))
      text += file(home + "/gate", "0755", Gate(host: grant.host, folder: home).script)
    }
    text += file(
      home + "/.ssh/authorized_keys", "0644", grant.lines.joined(separator: "\n") + "\n")
    let rules = "/etc/sudoers.d/scrape"
    if grant.commands.isEmpty {
      text += task("Nothing needs root", "file", [("path", rules), ("state", "absent")])
    } else {
      text += file(
        rules, "0440", Sudoers(grant.commands, users: [grant.account]).text,
        [("validate", "visudo -cqf %s")])
    }
    return text
  }

  private func file(
    _ path: String, _ mode: String, _ content: String, _ more: [(String, String)] = []
  ) -> String {
    task(
      path, "copy",
      [
        ("dest", path), ("content", content), ("owner", "root"), ("group", "0"), ("mode", mode),
      ] + more)
  }

  private func task(_ name: String, _ module: String, _ options: [(String, String)]) -> String {
    var text = "    - name: \(Self.scalar(name))\n      ansible.builtin.\(module):\n"
    for (option, value) in options {
      let isWord = ["true", "false", "directory", "absent"].contains(value)
      text += "        \(option): \(isWord ? value : Self.scalar(value))\n"
    }
    return text
  }

  /// Braces of a text are not Ansible's.
  private static func scalar(_ text: String) -> String { "!unsafe \(JSON.string(text).text)" }
}
