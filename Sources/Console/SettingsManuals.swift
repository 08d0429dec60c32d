internal import Configuration
public import Manuals

/// The references of scrape.yml and of the inventory, as manual pages take them.
extension SettingsPage {
  public static var manuals: [SettingsManual] {
    pages.map { page in
      let isFile = page.name == "scrape.yml"
      return SettingsManual(
        name: isFile ? page.name : "scrape-\(page.name)",
        summary: isFile ? "settings of scrape" : "hosts, groups and their variables for scrape",
        discussion: isFile
          ? """
          The file stands beside the inventory, and is optional, as is each of its settings. It is YAML. A
          name with dots is a setting of the mapping before the dot: `store.keep` is written
          `store: {keep: 7d}`. An unknown name is an error that names the nearest right one.
          `scrape lint` checks the file and contacts no host.
          """
          : """
          An inventory of Ansible: a file or folder in YAML or INI, with `group_vars` and `host_vars` beside
          it. These are the variables of hosts and groups that scrape reads. In YAML, a name with dots is a
          setting of the mapping before the dot. `scrape list` shows the inventory as it was understood,
          `scrape lint` checks it and contacts no host.
          """,
        types: types, sections: page.references().map { section($0) })
    }
  }

  private static let types = [
    Term("boolean", "`yes` or `no` (`true`, `on`, `false`, `off`)."),
    Term(
      "duration", "`500ms`, `15s`, `1m`, `2h`, `1d`, `1w`, `1h30m`; a number alone is seconds."),
    Term("size", "`64KiB`, `10MB`, `1GiB`; a number alone is bytes."),
    Term("list of words", "`[one, two]`; also `one, two`, or one word."),
    Term("glob", "`*` and `?` stand for any text and any character."),
    Term("pattern", "Hosts, as for `--limit`: `web*,&lab,!web03`."),
    Term("path", "Absolute, or relative to the file that names it; `~` is the home folder."),
    Term("secret", "`${NAME}`, `file:PATH` or `credential:NAME`, never the secret itself."),
    Term("limit", "One value for critical, or `{minor: …, major: …, critical: …}`."),
  ]

  private static func section(_ reference: Reference) -> SettingsManual.Section {
    SettingsManual.Section(
      title: reference.title, summary: reference.summary, example: reference.example,
      settings: rows(reference.settings, below: ""))
  }

  private static func rows(_ settings: [Setting], below prefix: String) -> [SettingsManual.Row] {
    settings.flatMap { setting in
      [
        SettingsManual.Row(
          names: [prefix + setting.key] + setting.others, type: setting.type, usual: setting.usual,
          meaning: setting.meaning, example: setting.example)
      ] + rows(setting.inner, below: "\(prefix)\(setting.key).")
    }
  }
}
