/// The forced command of an account that runs signed batches only: a script of POSIX sh for one host.
///
/// The signed text is the host's name, a random number that the script made for this session, the count of
/// the batch in it, and the batch; nothing of the first three is read from the one who sends. So a batch
/// that was recorded is of no use at another host, later, or twice. Sent is a size of eight digits, a line
/// break, and as many bytes: the signature in base64, a line break, and the batch.
///
/// `Sources/Targets/Hosts/SSH/SignedBatches.swift` is the other end.
struct Gate: Sendable {
  /// The host's name in the inventory.
  let host: String
  /// Where `signers` lies, in the form of allowed signers (ssh-keygen(1)).
  let folder: String
  /// Seconds in which a batch must have come once it begins.
  var patience = 30

  /// Bytes of a batch, with its signature.
  static let limit = 2 << 20
  static let principal = "scrape"
  static let namespace = "scrape-batch"

  /// Whether the name of a host may stand in a gate: it needs no quotes there.
  static func takes(_ host: String) -> Bool {
    quoted(host) == host && !host.hasPrefix("-") && !host.contains("/")
  }

  /// The allowed signers.
  static func signers(_ keys: [String]) -> String {
    keys.map { "\(principal) namespaces=\"\(namespace)\" \($0)\n" }.joined()
  }

  var script: String {
    #"""
    #!/bin/sh
    # Runs only what the monitor has signed for this host: the forced command of authorized_keys, made by
    # `scrape authorize`. The text that is signed has the name of this host, a random number of this session and
    # the count of the batch, so that what was recorded is of no use elsewhere, later or twice. It writes nothing.
    unset ENV BASH_ENV CDPATH IFS
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    LC_ALL=C
    export PATH LC_ALL
    umask 077
    cd /

    _gate_host=\#(quoted(host))
    _gate_signers=\#(quoted(folder + "/signers"))
    _gate_break='
    '

    _gate_no() {
      printf 'scrape-gate: refused: %s\n' "$1"
      exit 1
    }

    [ "${SSH_ORIGINAL_COMMAND-}" = scrape-batch ] ||
      _gate_no 'this account runs signed batches only (signed: true in the inventory)'
    [ -z "${SSH_TTY-}" ] || _gate_no 'no terminal'
    _gate_number=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    case $_gate_number in
    *[!0-9a-f]*) _gate_no 'no random number' ;;
    esac
    [ "${#_gate_number}" -eq 32 ] || _gate_no 'no random number'
    _gate_limit=
    if timeout \#(patience) true </dev/null >/dev/null 2>&1; then
      _gate_limit='timeout \#(patience)'
    elif timeout -t \#(patience) true </dev/null >/dev/null 2>&1; then
      _gate_limit='timeout -t \#(patience)'
    fi
    printf 'scrape-gate 1 %s %s\n' "$_gate_host" "$_gate_number"

    _gate_count=0
    _gate_wait=$_gate_limit
    while :; do
      # The first batch must come at once; for the next one the session may rest.
      _gate_size=$($_gate_wait dd bs=1 count=9 2>/dev/null)
      _gate_wait=
      case $_gate_size in
      '') exit 0 ;;
      [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]) ;;
      *) _gate_no 'no size' ;;
      esac
      while [ "${_gate_size#0}" != "$_gate_size" ]; do _gate_size=${_gate_size#0}; done
      [ -n "$_gate_size" ] || _gate_no 'no size'
      [ "$_gate_size" -le \#(Self.limit) ] || _gate_no 'too large'
      _gate_batch=$($_gate_limit head -c "$_gate_size" 2>/dev/null)
      # A search for a line break in all of what came would take a shell minutes.
      _gate_head=$(printf '%.4097s' "$_gate_batch")
      _gate_signature=${_gate_head%%"$_gate_break"*}
      case $_gate_signature in
      '' | "$_gate_head" | *[!A-Za-z0-9+/=]*) _gate_no 'no signature' ;;
      esac
      _gate_batch=${_gate_batch#"$_gate_signature$_gate_break"}
      _gate_count=$((_gate_count + 1))
      printf '%s\n' '-----BEGIN SSH SIGNATURE-----' "$_gate_signature" '-----END SSH SIGNATURE-----' | {
        exec 4<&0
        printf '%s\n' 'scrape batch 1' "$_gate_host" "$_gate_number" "$_gate_count" "$_gate_batch" |
          ssh-keygen -Y verify -f "$_gate_signers" -I \#(Self.principal) -n \#(Self.namespace) -s /dev/fd/4 \
            >/dev/null 2>&1
      } || _gate_no 'the signature does not fit'
      # What was verified is what runs: this text, and nothing else that was sent.
      eval "$_gate_batch"
    done

    """#
  }
}
