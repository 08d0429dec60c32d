internal import Metrics

/// What would repair failed checks: text to read and run by hand. Nothing here is ever run.
public struct Remedy: Sendable {
  /// A failed check.
  public struct Step: Sendable {
    public var policy: String
    public var check: Check
    /// Why it failed; may hold the host's words.
    public var why: String

    public init(policy: String, check: Check, why: String) {
      self.policy = policy
      self.check = check
      self.why = why
    }
  }

  private let host: String
  private let steps: [Step]

  public init(host: String, steps: [Step]) {
    self.host = host
    self.steps = steps
  }

  /// A shell script. The commands of our own policies (`fix:`) stand in it as they are, the words of
  /// others as comments.
  public var script: String {
    var text = """
      #!/bin/sh
      # What would repair \(Format.count(steps.count, "failed check")) of \(oneLine(host)).
      # Read it first: scrape never runs it.
      set -u


      """
    for step in steps {
      text += comment("\(step.policy) \(step.check.id): \(step.check.title)")
      text += comment("failed: \(oneLine(step.why))")
      if let words = step.check.remediation { text += comment(words) }
      if let fix = step.check.fix {
        text += fix.hasSuffix("\n") ? fix : fix + "\n"
      } else if step.check.remediation == nil {
        text += comment("The policy says nothing on how to repair it.")
      }
      text += "\n"
    }
    return text
  }

  /// A playbook of Ansible. Words of the host are not in it: Ansible evaluates what is between braces.
  public var playbook: String {
    var text = """
      # What would repair \(Format.count(steps.count, "failed check")) of \(oneLine(host)).
      # Read it first: scrape never runs it.
      - hosts: \(JSON.string(host).text)
        become: true
        tasks:

      """
    for step in steps {
      let name = "\(step.policy) \(step.check.id): \(step.check.title)"
      text += "    - name: !unsafe \(JSON.string(name).text)\n"
      if let fix = step.check.fix {
        text += "      ansible.builtin.shell:\n        cmd: !unsafe \(JSON.string(fix).text)\n"
      } else {
        let words = step.check.remediation ?? "The policy says nothing on how to repair it."
        text += "      ansible.builtin.debug:\n        msg: !unsafe \(JSON.string(words).text)\n"
      }
    }
    return steps.isEmpty ? text + "    []\n" : text
  }

  private func comment(_ words: String) -> String {
    words.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "#\n" : "# \(oneLine(String($0)))\n" }.joined()
  }

  /// Without control characters: nothing ends a comment.
  private func oneLine(_ words: String) -> String { words.visible }
}
