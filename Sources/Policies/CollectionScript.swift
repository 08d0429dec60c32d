/// The part of a host's batch that reads what policies need: POSIX sh, for dash, bash and busybox.
///
/// It prints parts, each behind a line of the batch's nonce (`$N i WORDS`, see `Frames`). It only
/// reads, in bounded time and size: a file is opened only if it is a regular one, and no program
/// waits for input. The words of a part are
///
/// | words | content |
/// | --- | --- |
/// | `u UID` | – |
/// | `p ITEM KIND` | the file's begin, if its content is needed and may be read |
/// | `k ITEM TYPE` | entries of a folder of that type, one path a line; TYPE is `*` where each line begins with it |
/// | `c ITEM KIND PATH` | the begin of a file in a folder |
/// | `g ITEM` | a folder as `find` of root prints it: see `RootFolder` |
/// | `r ITEM`, `s ITEM` | the output of a command, of one that ran with sudo |
/// | `n` `a` | the names of processes; their command lines |
/// | `x ITEM STATUS` | – (how the program ended) |
/// | `t ITEM` | – (its time is over; without `x` it runs on, as root) |
/// | `o` | – (the time is over) |
///
/// KIND is `f` regular, `d` folder, `o` other, `m` missing, `n` a file where a folder is needed, `a`
/// no permission, `l` too many links; a second letter `a` means that it may not be read.
public struct CollectionScript: Sendable {
  /// The limits of one file, of one command, of a file in a folder, and of a list of entries.
  public static let fileLimit = 256 << 10
  public static let memberLimit = 64 << 10
  static let listLimit = 128 << 10
  static let entryLimit = 20_000
  /// The limit of files that are read of one folder.
  static let memberCount = 400
  static let depth = 16
  /// The limit of what root reads of one folder.
  static let rootFolderLimit = 1 << 20
  /// The limit of all that one host sends for its policies.
  public static let limit = 4 << 20
  /// The time of one program, and of all: seconds.
  public static let programTime = 10
  public static let time = 25

  private let lines: String

  public init(_ needs: Needs, become: Become = .none) {
    var text = Self.functions
    text += "q='\(become.words.joined(separator: " "))'\n"
    for (index, item) in needs.items.enumerated() {
      switch item {
      case .path(let path, let reads):
        text += "P \(index) \(Self.quoted(Self.rooted(path))) \(reads ? 1 : 0)\n"
      case .folder(let path, let reads):
        let filter = needs.filters[path] ?? NameFilter()
        text += "w() { \(filter.script); }\n"
        text +=
          "F \(index) \(Self.quoted(Self.rooted(path))) \(reads ? 1 : 0) \(filter.isKnown ? 1 : 0)"
        if become != .none, RootFolder.isNeeded(path, reads: reads, filter) {
          for word in RootFolder.words(path, reads: reads, filter) {
            text += " " + Self.quoted(Array(word.utf8))
          }
        }
        text += "\n"
      case .command(let command):
        let words = Lines.words(command).map(Self.quoted).joined(separator: " ")
        let needsRoot = become != .none && AllowedCommands.needsRoot(Lines.words(command))
        text += "\(needsRoot ? "S" : "C") \(index) \(words)\n"
      case .script(let script):
        text += "C \(index) sh -c \(Self.quoted(script))\n"
      case .processes: text += "Q \(index)\n"
      }
    }
    lines = text
  }

  /// The script.
  ///
  /// - Parameter seconds: how long it may take; each program at most `programTime`.
  public func text(within seconds: Int = CollectionScript.time) -> String {
    "T=\(max(1, min(seconds, Self.programTime))) W=\(max(1, seconds))\n" + lines
  }

  /// Relative paths begin at the root.
  static func rooted(_ path: [UInt8]) -> [UInt8] {
    path.first == UInt8(ascii: "/") ? path : [UInt8(ascii: "/")] + path
  }

  /// One word of sh, whatever bytes it holds; NUL cannot be in one.
  static func quoted(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    return
      "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#))'"
  }

  /// `$limit` is the batch's, with seconds of its own; where a host has no timeout(1), a second shell
  /// ends the program. What runs as root cannot be killed by the account: where there is a timeout(1),
  /// its output is read for that long, and the other items follow; the batch waits for its end. Content that
  /// root reads must not have messages among it, such as those of a missing /etc/ld.so.preload: `Z` keeps
  /// them apart.
  private static let functions = """
    limit=${limit:+${limit% *} $T}
    if [ -n "$limit" ]; then L() { $limit "$@"; }
    else
    L() {
    "$@" &
    c=$!
    (sleep $T; kill -9 $c) >/dev/null 2>&1 3>&- &
    k=$!
    wait $c 2>/dev/null
    s=$?
    kill $k 2>/dev/null
    return $s
    }
    fi
    U() {
    u=
    read -r u x 2>/dev/null </proc/uptime
    u=${u%%.*}
    case $u in ''|*[!0-9]*) u=$(date +%s) ;; esac
    }
    M() { printf '\\n%s i %s\\n' "$N" "$*"; }
    O() {
    U
    [ "$u" -lt "$E" ] && return
    M o
    exit 0
    }
    A() {
    p=$1
    while :; do
    if [ -h "$p" ]; then
    case $(L ls -dL "$1" 2>&1) in
    *ermission\\ denied*) k=a ;;
    *ot\\ a\\ directory*) k=n ;;
    *link\\ loop*|*any\\ levels*|*oo\\ many\\ symbolic*) k=l ;;
    *) k=m ;;
    esac
    return
    fi
    case $p in */*) p=${p%/*} ;; esac
    [ -n "$p" ] || p=/
    if [ -d "$p" ]; then
    if [ -x "$p" ]; then k=m; else k=a; fi
    return
    fi
    if [ -e "$p" ]; then k=n; return; fi
    [ "$p" != / ] || { k=m; return; }
    done
    }
    K() {
    if [ -f "$1" ]; then k=f
    elif [ -d "$1" ]; then k=d
    elif [ -e "$1" ]; then k=o
    else A "$1"; return
    fi
    [ -r "$1" ] || k=${k}a
    }
    R() {
    [ -n "$limit" ] || { B "$@"; return; }
    { { exec 2>/dev/null; "$@" 2>&1; s=$?; M "x $i $s"; } & } | L head -c ${l:-\(fileLimit + 256)}
    M "t $i"
    }
    Z() {
    { e=$("$@" 2>&1 >&5 5>&-); s=$?; } 5>&1
    case $e in *'No such file or directory'*) printf 'find: No such file or directory' ;; esac
    return $s
    }
    H() {
    case $k in
    f) L head -c $2 "$1" 2>/dev/null; s=$? ;;
    fa)
    if [ -n "$q" ]; then R Z $q head -c $2 "$1"; return; fi
    s=a
    ;;
    *) return ;;
    esac
    M "x $i $s"
    }
    P() {
    i=$1
    O
    K "$2"
    M "p $i $k"
    [ $3 = 0 ] || H "$2" \(fileLimit + 1)
    }
    G() { L find "$f/" -mindepth 1 -maxdepth \(depth) "$@" 2>/dev/null; s=$?; printf '\\000%s' $s; }
    V() {
    j=0
    while IFS= read -r m; do
    case $m in "$f"/*) ;; *) continue ;; esac
    h=$1
    w "${m##*/}" || { [ -h "$m" ] || continue; h=n; }
    j=$((j + 1))
    [ $j -le \(memberCount) ] || { M "x $i many"; break; }
    O
    K "$m"
    M "c $i $k $m"
    case $h$k in
    1*) H "$m" \(memberLimit + 1) ;;
    nf*) M "x $i n" ;;
    esac
    done
    }
    J() {
    case $k in a|da) return 0 ;; d) ;; *) return 1 ;; esac
    [ -x "$f" ] || return 0
    for m in "$f"/*; do
    if [ -d "$m" ]; then [ -r "$m" ] && [ -x "$m" ] || return 0
    elif [ $v = 1 ] && [ -f "$m" ] && [ ! -r "$m" ] && w "${m##*/}"; then return 0
    fi
    done
    return 1
    }
    F() {
    i=$1 f=$2 v=$3 z=$4
    shift 4
    O
    K "$f"
    M "p $i $k"
    if [ $# -gt 0 ] && [ "$r" != 0 ] && J; then
    M "g $i"
    l=\(rootFolderLimit)
    R Z $q "$@"
    l=
    fi
    [ $k = d ] || return
    [ -x "$f" ] || { M "p $i da"; return; }
    if [ -n "$g" ]; then
    M "k $i *"
    G -type d ! '(' -readable -executable ')' -printf 'a%p\\n' -o -printf '%y%p\\n' | head -c \(listLimit)
    else
    for y in d f l; do
    M "k $i $y"
    G -type $y | head -c \(listLimit)
    done
    M "k $i o"
    G ! -type d ! -type f ! -type l | head -c \(listLimit)
    M "k $i a"
    G -type d | head -c \(listLimit) | while IFS= read -r m; do
    [ -r "$m" ] && [ -x "$m" ] || printf '%s\\n' "$m"
    done
    printf '\\000%s' 0
    fi
    if [ $v = 0 ]; then y='-type l'; else y='! -type d'; fi
    L find "$f/" -mindepth 1 -maxdepth \(depth) $y 2>/dev/null | head -c \(listLimit) | {
    [ $z = 1 ] || q=
    V $v
    }
    M "x $i 0"
    }
    B() {
    { L "$@" 2>&1; s=$?; M "x $i $s"; } | head -c ${l:-\(fileLimit + 256)}
    }
    C() { i=$1; shift; O; M "r $i"; B "$@"; }
    S() {
    [ "$r" != 0 ] || { C "$@"; return; }
    i=$1
    shift
    O
    M "s $i"
    R $q "$@"
    }
    Q() {
    i=$1
    O
    if [ -r /proc/1/comm ]; then
    M n
    L cat /proc/[0-9]*/comm 2>/dev/null | head -c \(fileLimit)
    elif [ -d /proc/self ]; then
    M "x $i a"
    return
    else
    M n
    { L ps -e -o comm= || L ps -o comm; } 2>/dev/null | head -c \(fileLimit)
    fi
    M a
    { L ps -e -o args= || L ps -o args; } 2>/dev/null | head -c \(fileLimit)
    M "x $i 0"
    }
    U
    E=$((u + W))
    g=
    find / -maxdepth 0 -readable -printf x >/dev/null 2>&1 && g=1
    r=$(id -u 2>/dev/null)
    M "u $r"

    """
}

extension CollectionScript {
  /// What `become: sudo` runs for these items: commands, and files that usually only root may read.
  public static func commandsOfRoot(_ needs: Needs) -> [[String]] {
    needs.items.compactMap { item in
      switch item {
      case .command(let command):
        let words = Lines.words(command)
        return AllowedCommands.needsRoot(words)
          ? words.map { String(decoding: $0, as: UTF8.self) } : nil
      case .path(let path, reads: true) where AllowedCommands.isOfRoot(path):
        return ["head", "-c", "\(fileLimit + 1)", String(decoding: rooted(path), as: UTF8.self)]
      case .folder(let path, let reads):
        let filter = needs.filters[path] ?? NameFilter()
        return RootFolder.isNeeded(path, reads: reads, filter)
          ? RootFolder.words(path, reads: reads, filter) : nil
      default: return nil
      }
    }
  }
}

/// How commands and files that the account may not use are read: as `become:` of the inventory says.
public enum Become: Sendable, Hashable {
  case none
  /// `sudo -n`, for commands that need root and for files that the account may not read.
  case sudo

  var words: [String] { self == .sudo ? ["sudo", "-n"] : [] }
}
