import Foundation
import Lab
import Testing

@testable import Scraper

/// What is generated from the commands: manual pages, `docs/commands.md` and completions in their shells. Run the
/// tests with SCRAPE_UPDATE=1 in the environment to write `docs/commands.md` anew.
@Suite struct ManualTests {
  private static let names = ManualCommand.texts().map(\.name)
  private let range = Range(
    hosts: """
      all:
        children:
          web: {hosts: {"web[01:03]": {address: "127.99.0.[1:3]", probes: [icmp, login-page]}}}
          gpu: {hosts: {gpu1: {address: 127.99.0.9}}}
      """,
    settings: """
      modules: {login-page: {https: {path: /login}}}
      contacts:
        ops: {syslog: {address: local}}
        night: {syslog: {address: local}}
      sinks: [{file: {name: lines, path: /tmp/never-written.lp}}]
      policies: {base: {file: ../policies/baseline.yml}}
      """)

  @Test func `the page of commands is that of the table`() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/commands.md").standardized
    let page = try String(contentsOf: file, encoding: .utf8)
    let mark = "<!-- from here on generated from the commands: CONTRIBUTING.md says how -->\n\n"
    let start = try #require(page.range(of: mark)).upperBound
    let generated = try #require(ManualCommand.texts().first { $0.name == "commands.md" }).text
    if ProcessInfo.processInfo.environment["SCRAPE_UPDATE"] != nil {
      try (page[..<start] + generated).write(to: file, atomically: true, encoding: .utf8)
      return
    }
    for (line, wanted) in zip(
      page[start...].split(separator: "\n"), generated.split(separator: "\n"))
    {
      try #require(line == wanted, "run it with SCRAPE_UPDATE=1")
    }
    #expect(page[start...] == generated)
  }

  @Test func `every command and file has its page, without a warning`() throws {
    let folder = "\(range.scratch.path)/man"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let pages = Self.names.filter { $0.hasSuffix(".1") || $0.hasSuffix(".5") }
    #expect(pages.count == subcommands.count + 3)
    for name in pages {
      let printed = try run(Scrape.program, ["manual", name])
      #expect(printed.status == 0 && printed.errors.isEmpty)
      try printed.output.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }
    // The name of a page that mandoc does not find is the only thing that it may note.
    let lint = try run(
      "/bin/sh",
      ["-c", "cd \(folder) && mandoc -T lint *.[15] | grep -v 'referenced manual not found'"])
    #expect(lint.output.isEmpty, "\(lint.output)")
    for name in pages {
      let shown = try run(
        "/bin/sh",
        [
          "-c",
          "cd \(folder) && LC_ALL=C.UTF-8 MANPAGER=cat MANWIDTH=100 man --warnings=all -l ./\(name)",
        ])
      #expect(shown.status == 0 && shown.errors.isEmpty, "\(name): \(shown.errors)")
      #expect(shown.output.contains("SEE ALSO"))
    }
  }

  @Test(arguments: [
    ("hosts", ["web01", "web02", "web03", "gpu1"]),
    ("patterns", ["all", "web", "gpu", "gpu1"]),
    ("collectors", ["cpu", "disk", "bmc", "probes"]),
    ("probes", ["http", "icmp", "login-page"]),
    ("checks", ["ssh", "icmp", "login-page"]),
    ("contacts", ["ops", "night"]),
    ("sinks", ["lines"]),
    ("policies", ["base"]),
  ])
  func `names come from the inventory`(_ kind: String, _ names: [String]) throws {
    let printed = try run(Scrape.program, ["complete", kind, "-i", range.inventory])
    let found = Set(printed.output.split(separator: "\n").map(String.init))
    #expect(printed.status == 0 && printed.errors.isEmpty)
    #expect(found.isSuperset(of: names), "\(printed.output)")
  }

  @Test(arguments: [
    ["complete"], ["complete", "nonsense"], ["complete", "hosts", "-i", "/does/not/exist"],
    ["complete", "hosts", "--wrong"], ["complete", "hosts", "-i"],
  ])
  func `a shell never hears why there are no names`(_ words: [String]) throws {
    let printed = try run(Scrape.program, words)
    #expect(printed.status == 0 && printed.errors.isEmpty && printed.output.isEmpty)
  }

  @Test func `of a faulty inventory the names that can be read are offered`() throws {
    let faulty = Range(
      hosts: "all: {hosts: {one: {address: 127.0.0.1, prot: 22}, two: {address: 127.0.0.2}}}",
      settings: "sinkz: 3")
    let printed = try run(Scrape.program, ["complete", "hosts", "-i", faulty.inventory])
    #expect(printed.status == 0 && printed.errors.isEmpty)
    #expect(printed.output.contains("two\n"))
  }

  /// The command line up to the cursor, and what must and must not be offered.
  private static let lines: [(line: String, offers: [String], never: [String])] = [
    ("scrape sta", ["status"], ["run"]),
    ("scrape status --se", ["--severity"], ["--only"]),
    ("scrape status --severity m", ["minor", "major"], ["critical"]),
    ("scrape host -i INV we", ["web01", "web02", "web03"], ["gpu1", "web"]),
    ("scrape host --inventory INV g", ["gpu1"], ["web01"]),
    ("scrape run -i INV --limit we", ["web", "web01"], ["gpu"]),
    ("scrape run -i INV --limit web,g", ["gpu", "gpu1"], ["cpu"]),
    ("scrape run -i INV --only cpu,dis", ["disk"], ["cpu,cpu"]),
    ("scrape notify ", ["list", "test"], ["ops"]),
    ("scrape notify -i INV test ", ["ops", "night"], ["list"]),
    ("scrape probe -i INV log", ["login-page"], ["web01"]),
    ("scrape probe -i INV icmp w", ["web01"], ["login-page"]),
    ("scrape help tr", ["trust"], ["run"]),
    ("scrape policy -i INV --policy b", ["base"], ["web01"]),
    ("scrape policy remedy -i INV g", ["gpu1"], []),
  ]

  @Test(arguments: ["bash", "zsh", "fish"])
  func `completion works in a real shell`(_ shell: String) throws {
    let folder = "\(range.scratch.path)/bin"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try? FileManager.default.createSymbolicLink(
      atPath: "\(folder)/scrape", withDestinationPath: Scrape.program)
    let script = try run(Scrape.program, ["manual", "scrape.\(shell)"]).output
    try script.write(toFile: "\(folder)/scrape.\(shell)", atomically: true, encoding: .utf8)
    try script.write(toFile: "\(folder)/_scrape", atomically: true, encoding: .utf8)
    let driver = "\(folder)/driver"
    try Self.driver(shell).write(toFile: driver, atomically: true, encoding: .utf8)
    for (line, offers, never) in Self.lines {
      let line = line.split(separator: "INV", omittingEmptySubsequences: false)
        .joined(separator: range.inventory)
      let printed = try run(
        "/usr/bin/env",
        [
          "PATH=\(folder):/usr/bin:/bin", "HOME=\(folder)", "TERM=dumb", shell, driver, folder,
          line,
        ])
      let found = printed.output.split(whereSeparator: \.isNewline).map { word in
        // Of a list the whole word comes back in bash and fish, its last part in zsh.
        String(word.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }).last ?? "")
      }
      for word in offers {
        #expect(found.contains(word), "\(shell): \(line): \(found) \(printed.errors)")
      }
      for word in never { #expect(!found.contains(word), "\(shell): \(line): \(found)") }
    }
  }

  /// A script that prints what the shell offers for `$2`, with the completion in the folder `$1`.
  private static func driver(_ shell: String) -> String {
    switch shell {
    case "bash":
      // As readline calls it; `compopt` works only there.
      """
      compopt() { :; }
      . "$1/scrape.bash"
      COMP_LINE=$2 COMP_POINT=${#2}
      read -ra COMP_WORDS <<<"$2"
      [[ $2 == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      _scrape scrape "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    case "zsh":
      """
      zmodload zsh/zpty
      cat > $1/init.zsh <<'END'
      fpath=($FOLDER $fpath)
      autoload -Uz compinit && compinit -u -d $FOLDER/dump
      PROMPT= RPROMPT=
      bindkey '^M' undefined; bindkey '^J' undefined; bindkey '^I' complete-word
      zstyle ':completion:*' insert-tab false
      zstyle ':completion:*' list-grouped false
      zstyle ':completion:*' list-separator ''
      null-line() { print -r -- $'\\1' }
      compprefuncs=(null-line)
      comppostfuncs=(null-line exit)
      compadd() {
        if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
        typeset -a hits
        builtin compadd -A hits "$@"
        (( $#hits )) || return
        print -rl -- $hits
      }
      print -r -- ready
      END
      zpty z env FOLDER=$1 zsh -f -i
      zpty -w z "source $1/init.zsh"
      zpty -r z seen '*ready*'
      zpty -w -n z "$2"$'\\t'
      seen=
      while zpty -r z piece; do seen+=$piece; done
      print -r -- "${${seen#*$'\\1'}%$'\\1'*}"
      """
    default:
      """
      source "$argv[1]/scrape.fish"
      complete -C "$argv[2]" | string replace -r '\\t.*' ''
      """
    }
  }
}
