/// The part of a host's batch that reads its facts: POSIX sh, for dash, bash and busybox. It only reads,
/// contacts nobody, and each program has its time and each part its size.
///
/// It prints parts, each behind a line of the batch's nonce (`$N i WORDS`). The words are the kind of a
/// text and, behind some, the file; `x KIND WHY` says what could not be read. A refusal of sudo is status 1, as
/// is a missing folder of sudoers: then nothing is printed, and no host has no rule of sudo.
public enum FactScript {
  /// The section of the batch.
  public static let name = "facts"
  /// The limit of all that one host sends.
  public static let limit = 2 << 20
  static let packageLimit = 1 << 20
  static let partLimit = 128 << 10
  static let fileLimit = 32 << 10
  /// The limits of files of cron, and of one program in seconds.
  static let files = 100
  static let programTime = 10

  /// What `become: sudo` runs.
  public static let commandsOfRoot = [
    ["ss", "-Hlntup"],
    [
      "find", "/etc/sudoers", "/etc/sudoers.d/", "-type", "f", "-exec", "grep", "-hv", "^#", "{}",
      ";",
    ],
    ["find", "/var/spool/cron/", "-type", "f", "-exec", "grep", "-Hv", "^#", "{}", ";"],
  ]

  /// The script.
  ///
  /// - Parameter become: the words before a command of root: `sudo -n`, or none.
  public static func text(become: [String], within seconds: Int = 10) -> String {
    "T=\(max(1, min(seconds, programTime)))\nq='\(become.joined(separator: " "))'\n" + functions
  }

  private static let functions = """
    limit=${limit:+${limit% *} $T}
    r=$(id -u 2>/dev/null)
    M() { printf '\\n%s i %s\\n' "$N" "$*"; }
    h() { command -v "$1" >/dev/null 2>&1; }
    R() {
    if [ "$r" = 0 ]; then $limit "$@" 2>/dev/null
    elif [ -n "$q" ]; then $limit $q "$@" 2>/dev/null
    else return 126
    fi
    }
    M kernel
    uname -r
    for f in /boot/vmlinuz-* /lib/modules/*/modules.builtin; do
    [ -e "$f" ] && printf '%s\\n' "$f"
    done | head -c \(fileLimit)
    if h dpkg-query && [ -e /var/lib/dpkg/status ]; then
    M dpkg
    { $limit dpkg-query -W -f '${binary:Package}\\t${Version}\\t${db:Status-Abbrev}\\n' 2>/dev/null; s=$?; [ $s = 0 ] || M "x packages $s"; } | head -c \(packageLimit)
    elif [ -r /lib/apk/db/installed ]; then
    M apk
    grep '^[PV]:' /lib/apk/db/installed | head -c \(packageLimit)
    elif h rpm && { [ -d /var/lib/rpm ] || [ -d /usr/lib/sysimage/rpm ]; }; then
    M rpm
    { $limit rpm -qa --qf '%{NAME}\\t%{EPOCH}:%{VERSION}-%{RELEASE}\\t%{ARCH}\\n' 2>/dev/null; s=$?; [ $s = 0 ] || M "x packages $s"; } | head -c \(packageLimit)
    fi
    if h apt-get; then
    a=
    for f in /var/lib/apt/lists/*_Packages*; do [ ! -e "$f" ] || a=1; done
    if [ -n "$a" ]; then
    M apt
    c=
    [ "$r" != 0 ] || c='-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache='
    { $limit apt-get -s -qq -o Debug::NoLocking=1 $c --with-new-pkgs upgrade 2>/dev/null; s=$?; [ $s = 0 ] || M "x updates $s"; } | head -c \(partLimit)
    else M 'x updates no-lists'
    fi
    elif h apk; then
    M apkversion
    { $limit apk version --no-network -l '<' 2>/dev/null; s=$?; [ $s = 0 ] || M "x updates $s"; } | head -c \(partLimit)
    elif h dnf || h yum; then M 'x updates dnf'
    fi
    M passwd
    head -c \(partLimit) /etc/passwd 2>/dev/null
    M group
    head -c \(partLimit) /etc/group 2>/dev/null
    if h ss; then
    M sockets
    R ss -Hlntup | head -c \(partLimit) | grep . || $limit ss -Hlntup 2>/dev/null | head -c \(partLimit)
    elif h netstat; then
    M sockets
    $limit netstat -lntup 2>/dev/null | head -c \(partLimit) | grep . || $limit netstat -lntu 2>/dev/null | head -c \(partLimit)
    fi
    if h systemctl && [ -d /run/systemd/system ]; then
    M units
    { $limit systemctl list-unit-files --state=enabled,enabled-runtime --no-legend --no-pager 2>/dev/null; s=$?; [ $s = 0 ] || M "x units $s"; } | head -c \(partLimit)
    elif [ -d /etc/systemd/system ] && h find; then
    M units
    $limit find /etc/systemd/system -mindepth 2 -maxdepth 2 -type l -path '*.wants/*' 2>/dev/null | head -c \(partLimit)
    elif h rc-update; then
    M units
    $limit rc-update show 2>/dev/null | head -c \(partLimit)
    fi
    if [ -e /etc/sudoers ]; then
    M sudoers
    { R find /etc/sudoers /etc/sudoers.d/ -type f -exec grep -hv '^#' {} ';'; s=$?; case $s in 0|1) ;; *) M "x sudoers $s" ;; esac; } | head -c \(partLimit)
    fi
    j=0
    for f in /etc/crontab /etc/cron.d/*; do
    [ -f "$f" ] || continue
    j=$((j + 1))
    [ $j -le \(files) ] || break
    if [ -r "$f" ]; then
    M "cron $f"
    $limit head -c \(fileLimit) "$f" 2>/dev/null
    else M "cronclosed $f"
    fi
    done
    for d in hourly daily weekly monthly; do
    [ -d /etc/cron.$d ] || continue
    M "cronfolder $d"
    ls /etc/cron.$d 2>/dev/null | head -c \(fileLimit)
    done
    if [ -d /var/spool/cron ]; then
    M cronspool
    { R find /var/spool/cron/ -type f -exec grep -Hv '^#' {} ';'; s=$?; [ $s = 0 ] || M "x crontabs $s"; } | head -c \(partLimit)
    fi
    M end

    """
}
