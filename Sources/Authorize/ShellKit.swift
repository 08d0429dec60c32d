internal import Inventory
internal import Metrics

/// The kit as a script of POSIX sh, to read and to run on each host as root.
///
/// A further run changes nothing. Without a PART it makes the account and what of sudo is needed; what
/// concerns other software is a part of its own, and rules of a firewall and of a database are printed only.
public struct ShellKit: Sendable {
  private let grants: [Grant]

  public init(_ grants: [Grant]) { self.grants = grants }

  public var text: String {
    let sets = commandSets
    let names = grants.map(\.host)
    var text = #"""
      #!/bin/sh
      # What \#(fold(names).visible) must grant the monitor, and nothing more. Made by `scrape authorize`.
      # Read it, copy it to each host, and run it there as root:
      #   sh authorize.sh [HOST [PART...]]
      # HOST is the name in the inventory; by default that of the machine. Running it again changes nothing.
      #   account      the account, and its key (without a PART: this, and sudoers where it is needed)
      #   sudoers      the commands that policies run as root
      #   exemptions   protections of sshd (written) and fail2ban (said) that the monitor would set off
      #   bmc          a user of the BMC who may read it; asks for its password
      #   firewall     prints rules of nftables
      #   database     prints what MySQL or MariaDB must know
      set -eu
      umask 022
      PATH=/usr/sbin:/usr/bin:/sbin:/bin
      LC_ALL=C
      export PATH LC_ALL

      say() { printf 'authorize: %s\n' "$*"; }

      fail() {
        printf 'authorize: %s\n' "$*" >&2
        exit 1
      }

      # put FILE MODE < TEXT: writes a file of root, where it differs.
      put() {
        put_text=$(cat)
        if [ -f "$1" ] && [ ! -L "$1" ] && [ "$(cat "$1")" = "$put_text" ]; then
          chown 0:0 "$1"
          chmod "$2" "$1"
          return
        fi
        put_draft=$(mktemp "$1.XXXXXX")
        printf '%s\n' "$put_text" >"$put_draft"
        chown 0:0 "$put_draft"
        chmod "$2" "$put_draft"
        mv -f "$put_draft" "$1"
        say "wrote $1"
      }

      # folder PATH: makes it, for root alone to change.
      folder() {
        [ ! -L "$1" ] || fail "$1 is a symbolic link"
        if [ -e "$1" ]; then
          [ "$(stat -c %u "$1")" = 0 ] ||
            fail "$1 is not root's: who owns it could change what is granted. Give another account (user:)"
        fi
        mkdir -p "$1"
        chown 0:0 "$1"
        chmod 755 "$1"
      }

      host=${1:-$(hostname 2>/dev/null || uname -n)}
      [ $# -eq 0 ] || shift
      forwards=\#(grants.contains(where: \.isSigned) ? "\nsigners=" : "")
      sudo=
      bmc=
      tcp=
      udp=
      databases=
      exempts=
      case $host in

      """#
    for group in groups {
      guard let first = group.first else { continue }
      text += "\(group.map { quoted($0.host) }.joined(separator: " | ")))\n"
      for note in first.notes { text += "  # \(note.visible)\n" }
      text += "  account=\(quoted(first.account))\n"
      text += "  from=\(quoted(first.from.joined(separator: ",")))\n"
      if !first.forwards.isEmpty {
        text += "  forwards=\(quoted(first.forwarding.joined(separator: ",")))\n"
      }
      if first.isSigned {
        text += "  signers=\(quoted(first.signers.joined(separator: "\n")))\n"
      }
      text += "  keys=\(quoted(first.keys.map { "\($0) scrape" }.joined(separator: "\n")))\n"
      if let number = sets.firstIndex(of: first.commands) { text += "  sudo=\(number + 1)\n" }
      if let user = first.bmcUser { text += "  bmc=\(quoted(user))\n" }
      text += "  tcp=\(quoted(first.tcp.map { "\($0)" }.joined(separator: ", ")))\n"
      if !first.udp.isEmpty {
        text += "  udp=\(quoted(first.udp.map { "\($0)" }.joined(separator: ", ")))\n"
      }
      if !first.databaseUsers.isEmpty {
        text += "  databases=\(quoted(first.databaseUsers.joined(separator: " ")))\n"
      }
      if !first.exemptions.isEmpty {
        let words = first.exemptions.map(\.rawValue).joined(separator: " ")
        text += "  exempts=\(quoted(words))\n"
      }
      text += "  ;;\n"
    }
    text += #"""
      *) fail "the kit has no host $host: sh $0 HOST, one of "\#(quoted(fold(names))) ;;
      esac
      [ "$(id -u)" = 0 ] || fail "root makes accounts: run it as root"
      home=/var/lib/$account


      """#
    text += accountPart
    text += sudoersPart(sets)
    text += Self.exemptionsPart
    text += Self.bmcPart
    text += Self.printedParts
    text += """
      [ $# -gt 0 ] || set -- account sudoers
      for part in "$@"; do
        case $part in
        account | sudoers | exemptions | bmc | firewall | database) "part_$part" ;;
        *) fail "there is no part $part" ;;
        esac
      done

      """
    return text
  }

  /// Hosts that are set up in the same way, in the order of the inventory.
  private var groups: [[Grant]] {
    var groups: [[Grant]] = []
    for grant in grants {
      if let place = groups.firstIndex(where: { $0.first.map(grant.isAlike) == true }) {
        groups[place].append(grant)
      } else {
        groups.append([grant])
      }
    }
    return groups
  }

  private var commandSets: [[[String]]] {
    var sets: [[[String]]] = []
    for grant in grants where !grant.commands.isEmpty && !sets.contains(grant.commands) {
      sets.append(grant.commands)
    }
    return sets
  }

  // MARK: Parts

  private var accountPart: String {
    let isSigned = grants.contains(where: \.isSigned)
    var text = #"""
      part_account() {
        if ! id "$account" >/dev/null 2>&1; then
          # The password "*" fits nothing, and unlike "!" it is no locked account to sshd without PAM.
          if command -v useradd >/dev/null 2>&1; then
            useradd --system --no-create-home --home-dir "$home" --shell /bin/sh --password '*' "$account"
          else
            adduser -S -D -H -h "$home" -s /bin/sh "$account"
            printf '%s:*\n' "$account" | chpasswd -e >/dev/null 2>&1
          fi
          say "made the account $account"
        fi
        [ "$(id -u "$account")" != 0 ] || fail "$account is root"
        entry=$(getent passwd "$account" 2>/dev/null || grep "^$account:" /etc/passwd)
        case $entry in
        *:"$home":*) ;;
        *) fail "the home of $account is not $home: usermod --home $home $account, or give another account" ;;
        esac
        shadow=$({ getent shadow "$account" || grep "^$account:" /etc/shadow; } 2>/dev/null | head -n 1)
        case ${shadow#*:} in
        '' | '*'* | '!'*) ;;
        *) say "$account has a password, and who knows it logs in without these restrictions: usermod -p '*' $account" ;;
        esac
        groups=$(id -Gn "$account")
        case $groups in
        *' '*) say "$account is in more groups than it needs: $groups" ;;
        esac
        folder "$home"
        folder "$home/.ssh"
        options=restrict
        if [ -n "$forwards" ] && settings=$(sshd -T 2>/dev/null); then
          case $settings in
          *permitlisten*) ;;
          *)
            forwards=${forwards%,permitlisten=*}
            say "this sshd is older than OpenSSH 7.8: the key may also listen at ports of this host"
            ;;
          esac
          case $settings in
          *'allowstreamlocalforwarding no'*) ;;
          *) say "the key may also connect to local sockets of this host; add AllowStreamLocalForwarding no to sshd_config" ;;
          esac
        fi
        [ -z "$forwards" ] || options=$options,$forwards
        [ -z "$from" ] || options="$options,from=\"$from\""

      """#
    if isSigned {
      text += #"""
          if [ -n "$signers" ]; then
            case $(ssh-keygen -Y verify </dev/null 2>&1) in
            *option* | *'not found'*) fail "signed batches need ssh-keygen of OpenSSH 8.1 or later" ;;
            esac
            for tool in dd head od tr; do
              command -v "$tool" >/dev/null 2>&1 || fail "signed batches need $tool"
            done
            printf '%s\n' "$signers" | while read -r key; do
              printf '\#(Gate.principal) namespaces="\#(Gate.namespace)" %s\n' "$key"
            done | put "$home/signers" 644
            gate | put "$home/gate" 755
            options="$options,command=\"/bin/sh $home/gate\""
          fi

        """#
    }
    text += #"""
        printf '%s\n' "$keys" | while read -r key; do
          printf '%s %s\n' "$options" "$key"
        done | put "$home/.ssh/authorized_keys" 644
        if command -v selinuxenabled >/dev/null 2>&1 && selinuxenabled; then
          chcon -R -t ssh_home_t "$home/.ssh"
        fi
        if command -v sshd >/dev/null 2>&1; then
          settings=$(sshd -T 2>/dev/null | grep -E '^(allow|deny)(users|groups) ' || true)
          [ -z "$settings" ] || say "sshd lets in some accounts only; look whether $account is one: $settings"
        fi
      }


      """#
    if isSigned {
      text +=
        "gate() {\n  cat <<'GATE' | sed \"s/^_gate_host=.*/_gate_host=$host/; s|^_gate_signers=.*|_gate_signers=$home/signers|\"\n"
      text += Gate(host: "HOST", folder: "FOLDER").script
      text += "GATE\n}\n\n"
    }
    return text
  }

  private func sudoersPart(_ sets: [[[String]]]) -> String {
    var text = #"""
      part_sudoers() {
        file=/etc/sudoers.d/scrape
        if [ -z "$sudo" ]; then
          if [ -f "$file" ] && grep -q SCRAPE_POLICIES "$file"; then
            rm -f "$file"
            say "removed $file: nothing needs root any more"
          fi
          return
        fi
        command -v visudo >/dev/null 2>&1 || fail "sudo is not installed, and policies ask for it (become: sudo)"
        [ -d /etc/sudoers.d ] || fail "there is no /etc/sudoers.d"
        draft=$(mktemp)
        rules >"$draft"
        visudo -cqf "$draft" || fail "visudo refuses the rules in $draft"
        put "$file" 440 <"$draft"
        rm -f "$draft"
      }

      rules() {
        case $sudo in

      """#
    for (number, commands) in sets.enumerated() {
      let users = Set(grants.filter { $0.commands == commands }.map(\.account)).sorted()
      text += "  \(number + 1))\n    cat <<'RULES'\n"
      text += Sudoers(commands, users: users).text
      text += "RULES\n    ;;\n"
    }
    return text + "  esac\n}\n\n"
  }

  private static let exemptionsPart = #"""
    part_exemptions() {
      [ -n "$from" ] || fail "the kit does not know the address of the monitor: --from ADDRESS"
      list=$(printf '%s' "$from" | tr ',' ' ')
      case " $exempts " in
      *' sshd '*)
        if ! sshd -t -o "PerSourcePenaltyExemptList=$from" 2>/dev/null; then
          say "sshd has no PerSourcePenalties here: there is nothing to exempt"
        elif ! grep -qi '^[[:space:]]*include[[:space:]].*/etc/ssh/sshd_config\.d/' /etc/ssh/sshd_config; then
          say "add to /etc/ssh/sshd_config: PerSourcePenaltyExemptList $from"
        else
          printf '# Made by scrape authorize.\nPerSourcePenaltyExemptList %s\n' "$from" |
            put /etc/ssh/sshd_config.d/20-scrape.conf 644
          sshd -t || fail "sshd refuses /etc/ssh/sshd_config.d/20-scrape.conf"
          say "let sshd read it: systemctl reload ssh (or sshd)"
        fi
        ;;
      esac
      case " $exempts " in
      *' fail2ban '*)
        if [ -d /etc/fail2ban ]; then
          # ignoreip of another file takes the place of this list, and cannot add to it.
          say "add to ignoreip in /etc/fail2ban/jail.local, then fail2ban-client reload: $list"
        else
          say "there is no fail2ban here: there is nothing to exempt"
        fi
        ;;
      esac
      [ -n "$exempts" ] || say "no probe of $host sets off a protection"
    }


    """#

  private static let bmcPart = #"""
    part_bmc() {
      [ -n "$bmc" ] || fail "the inventory names no user for the BMC of $host"
      command -v ipmitool >/dev/null 2>&1 || fail "ipmitool is not installed"
      channel=${CHANNEL:-1}
      users=$(ipmitool -c user list "$channel")
      number=$(printf '%s\n' "$users" | awk -F, -v name="$bmc" '$2 == name { print $1; exit }')
      if [ -z "$number" ]; then
        number=$(printf '%s\n' "$users" | awk -F, '$1 > 2 && $2 == "" { print $1; exit }')
        [ -n "$number" ] || fail "the BMC has no free user"
        ipmitool user set name "$number" "$bmc"
        say "the password of $bmc, as the inventory has it:"
        ipmitool user set password "$number"
      fi
      # 2 is USER: it reads, and changes nothing.
      ipmitool channel setaccess "$channel" "$number" callin=off ipmi=on link=off privilege=2
      ipmitool user enable "$number"
      say "user $number of channel $channel is $bmc, with USER"
    }


    """#

  private static let printedParts = #"""
    part_firewall() {
      [ -n "$from" ] || fail "the kit does not know the address of the monitor: --from ADDRESS"
      echo "# Before the rule that drops, in the chain of your table that filters input:"
      printf '%s\n' "$from" | tr ',' '\n' | while read -r address; do
        case $address in
        *:*) family=ip6 ;;
        *) family=ip ;;
        esac
        echo "nft insert rule inet filter input $family saddr $address tcp dport { $tcp } accept"
        [ -z "$udp" ] || echo "nft insert rule inet filter input $family saddr $address udp dport { $udp } accept"
      done
    }

    part_database() {
      if [ -n "$databases" ]; then
        printf '%s\n' "$databases" | tr ' ' '\n' | while read -r user; do
          printf '%s\n' "$from" | tr ',' '\n' | while read -r address; do
            echo "CREATE USER IF NOT EXISTS '$user'@'$address' IDENTIFIED BY 'PASSWORD OF THE INVENTORY';"
            echo "GRANT USAGE ON *.* TO '$user'@'$address';"
          done
        done
      fi
      case " $exempts " in
      *' database '*) echo "SET GLOBAL max_connect_errors = 4294967295; -- and in my.cnf, to last" ;;
      esac
    }


    """#
}

extension Grant {
  /// Whether both are set up in the same way; the gate takes the name from the run.
  fileprivate func isAlike(_ other: Grant) -> Bool {
    var one = self
    one.host = other.host
    return one == other
  }
}
