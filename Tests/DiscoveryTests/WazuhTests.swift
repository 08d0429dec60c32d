import Configuration
import Foundation
import Inventory
import Lab
import Testing

@testable import Discovery

/// Wazuh's agentless checks as an inventory.
@Suite struct WazuhTests {
  private static let file = """
    <!-- Wazuh - Manager -- a comment that XML forbids -->
    <ossec_config>
      <global><jsonout_output>yes</jsonout_output><email_to>a&b@c</email_to></global>
      <localfile><query>Event[System/EventID \\< 5]</query></localfile>
      <agentless>
        <type>ssh_integrity_check_linux</type>
        <frequency>36000</frequency>
        <host>root@web1.lab</host>
        <host>use_sudo admin@10.0.6.12</host>
        <state>periodic</state>
        <arguments>/bin /etc/ /etc/passwd /opt/app.conf relative $(x)</arguments>
      </agentless>
    </ossec_config>

    <ossec_config>
      <agentless>
        <type>ssh_generic_diff</type>
        <frequency>20000</frequency>
        <host>use_su root@web1.lab</host>
        <state>periodic_diff</state>
        <arguments>ls -la /etc; cat /etc/passwd</arguments>
      </agentless>
      <agentless>
        <type>ssh_pixconfig_diff</type>
        <frequency>36000</frequency>
        <host>pix@10.0.6.1 enablepass</host>
        <state>periodic_diff</state>
      </agentless>
      <agentless><type>ssh_asa-fwsmconfig_diff</type><host>asa@fw2</host></agentless>
      <agentless><type>ssh_foundry_diff</type><host>sw@sw1</host></agentless>
      <agentless><type>ssh_integrity_check_bsd</type><frequency>60</frequency><host>root@bsd1</host>
        <state>periodic</state><arguments>/sbin</arguments></agentless>
      <agentless><type>ssh_nonsense</type><host>x@y</host></agentless>
      <agentless><type>ssh_generic_diff</type><host>; reboot @x</host></agentless>
    </ossec_config>
    """

  private static let passwords =
    "root@web1.lab|hunter2|s3cond\npix@10.0.6.1|swordfish|enable1\nadmin@10.0.6.12|NOPASS|\n"

  private let scratch = Scratch()
  private let program = "\((CommandLine.arguments[0] as NSString).deletingLastPathComponent)/scrape"

  @Test func `all kinds of entries become a folder that passes lint`() throws {
    let file = scratch.write("ossec.conf", Self.file)
    let list = scratch.write(".passlist", Self.passwords)
    let folder = "\(scratch.path)/new"
    let outcome = try run(
      program, ["import", "wazuh", file, "--passlist", list, "--output", folder])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("entry 7, ssh_nonsense: an unknown type"))
    #expect(outcome.errors.contains("entry 8, ssh_generic_diff: \"; reboot @x\" is no user@host"))
    let lint = try run(program, ["lint", "-i", folder])
    #expect(lint.status == 0, "\(lint.errors)")
    let inventory = try Inventory.load("\(folder)/hosts.yml", checkingKeys: false)
    #expect(
      inventory.hosts.map(\.name) == [
        "web1.lab", "host-10-0-6-12", "bsd1", "host-10-0-6-1", "fw2", "sw1",
      ])
    #expect(inventory.host("web1.lab")?.user == "root")
    #expect(inventory.host("web1.lab")?.policies == ["policies/agentless-1.yml"])
    #expect(inventory.host("host-10-0-6-12")?.become == .sudo)
    #expect(inventory.host("fw2")?.profile == "outside")
    #expect(lint.output.contains("file/opt/app.conf"), "\(lint.output)")
    for policy in ["agentless-1", "agentless-6"] {
      let lint = try run(program, ["policy", "lint", "\(folder)/policies/\(policy).yml"])
      #expect(lint.status == 0, "\(lint.errors)")
      #expect(lint.errors.isEmpty, "\(lint.errors)")
    }
    let text = try #require(scratch.read("new/hosts.yml"))
    for words in [
      "no counterpart yet: checksums of all files below /bin /etc",
      "not taken over: relative $(x), no absolute path",
      "no counterpart yet: the difference of the output of: ls -la /etc",
      "no counterpart: su;", "no counterpart: enablepass",
      "ssh_pixconfig_diff: no counterpart yet", "password: file:secrets/web1.lab",
      "no counterpart: its second password",
      "{file: {path: \"/etc/passwd\", every: 36000s}}",
      "{file: {path: \"/opt/app.conf\", every: 36000s}}",
    ] { #expect(text.contains(words), "\(words) in \(text)") }
    let all = outcome.output + outcome.errors + text
    for secret in ["hunter2", "s3cond", "swordfish", "enable1"] { #expect(!all.contains(secret)) }
    #expect(!text.contains("secrets/10-0-6-12"))
  }

  @Test func `to standard output the inventory alone passes lint, too`() throws {
    let file = scratch.write("ossec.conf", Self.file)
    let outcome = try run(program, ["import", "wazuh", file])
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("--output DIR also writes the policies"))
    let path = scratch.write("alone/hosts.yml", outcome.output)
    let lint = try run(program, ["lint", "-i", path])
    #expect(lint.status == 0, "\(lint.errors)")
  }

  @Test(arguments: [
    "", "<ossec_config>", "<ossec_config><agentless></ossec_config>", "no XML <",
    "<!DOCTYPE x [<!ENTITY a \"b\">]><ossec_config/>", String(repeating: "<a>", count: 40),
    "<ossec_config></ossec_config></scrape><scrape>",
  ])
  func `what is no ossec.conf is refused, or empty`(text: String) {
    do {
      let wazuh = try WazuhAgentless(Array(text.utf8))
      #expect(wazuh.hosts.isEmpty)
      #expect(wazuh.notes == ["no <agentless> in an <ossec_config>"])
    } catch {}
  }

  @Test(arguments: [
    "root@h\n  evil: {}", "root@\u{1b}[2J", "a b@h", "root@-x", "@h", "root@", "root@h:22",
    "use_su",
    String(repeating: "a", count: 9000), "root@{{ h }}", "\"@h", "x@&amp;y",
  ])
  func `a host that is none`(text: String) throws {
    let wazuh = try WazuhAgentless(
      Array(
        "<ossec_config><agentless><type>ssh_generic_diff</type><host>\(text)</host><arguments>cat /a\u{7}b; x</arguments></agentless></ossec_config>"
          .utf8))
    #expect(wazuh.hosts.isEmpty, "\(wazuh.hosts)")
    _ = try YAML.read(Source("x", text: wazuh.draft(isWhole: true)))
  }

  @Test(arguments: [
    ("/etc /etc/", [], ["/etc"], []), ("/etc/passwd /etc/passwd", ["/etc/passwd"], [], []),
    ("/etc/ssh/sshd_config /srv/x", ["/etc/ssh/sshd_config"], ["/srv/x"], []),
    ("/root/.ssh", [], ["/root/.ssh"], []),
    ("etc /a;b /a'b /a\"b", [], [], ["etc", "/a;b", "/a'b", "/a\"b"]),
    ("/", [], ["/"], []),
  ])
  func `paths`(text: String, files: [String], folders: [String], others: [String]) {
    let paths = WazuhAgentless.paths(text)
    #expect(paths.files == files && paths.folders == folders && paths.others == others)
  }
}
