extension Reason {
  /// Its place in the page that explains it.
  public var page: String { "docs/troubleshooting.md#\(rawValue)" }

  /// What to do, in one clause. `docs/troubleshooting.md` has it, with what to look at first: a test
  /// compares the page with this file.
  public var remedy: String {
    switch self {
    case .authFailed:
      "correct `user:`, `key:` or password in the inventory, or put the key into its authorized_keys"
    case .beyondLimit: "raise the limit in `probes:` or `spool:`, or mend what takes so long"
    case .busy: "wait a minute; lower what asks it at the same time"
    case .cancelled: "run the pass again"
    case .certificateExpired: "renew the certificate and reload the server"
    case .certificateExpiring: "renew the certificate, or lower `tls.days` of the probe"
    case .certificateName: "issue it for the name that clients use, or set `hostname:` of the host"
    case .certificateNotYetValid: "set the clock that is wrong, or wait until it is valid"
    case .certificateUntrusted:
      "name the authority's file with `ca:` of the host, or let one sign that clients trust"
    case .clockJumped: "run one NTP client on the monitor, and set nothing by hand"
    case .clockUncertain: "give the monitor's NTP client a server that answers"
    case .clockUnsynchronised:
      "start chrony or systemd-timesyncd on the monitor, and let UDP 123 through"
    case .closed: "start the service, or correct the port in `probes:`"
    case .commandFailed: "run the command by hand on the host and mend what it reports"
    case .connectionLost:
      "look into the server's log; if a firewall is between, let the connection live"
    case .connectionRefused:
      "start the service, or correct `port:`; a firewall that rejects looks the same"
    case .cutOff: "mend the network of the monitor itself"
    case .faultyConfiguration:
      "correct the file that the message names; the last good ones are in use"
    case .forwardingRefused:
      "allow `AllowTcpForwarding` and `PermitOpen` for the account on the jump host"
    case .hostKeyChanged:
      "if it was installed anew: scrape trust NAME; if not, treat it as an attack"
    case .hostKeyRevoked: "give the host a new key; remove the line only if it is wrong"
    case .hostKeyUnknown: "compare the fingerprint, then: scrape trust NAME"
    case .killed: "look for what hangs: a disk, a stopped process, a debugger"
    case .localError:
      "give the monitor what the message names: descriptors, memory, a file that it may read"
    case .missingTool: "install the program on the host, or leave the collector out of its profile"
    case .nameUnknown: "correct the name, add it to the DNS, or write `address:`"
    case .newListener: "end the program, or add the port to the list of the probe `ports`"
    case .noAnswer: "let the packets through, or remove the probe"
    case .noCommonAlgorithm: "update the server, or allow an algorithm that both have"
    case .noPassword: "set a password, or bind the service to a private address"
    case .noShell: "give the account /bin/sh, and a login file that prints nothing"
    case .notApplicable: "leave the collector out of the profile, if the note disturbs"
    case .notPermitted: "give the monitor the right that the message names, such as CAP_NET_RAW"
    case .notReached: "raise `deadline:` or `fanout:`, or find the hosts that take so long"
    case .notSupported: "change the entry of the inventory that the message names"
    case .notSynchronized: "give the time server a source that answers"
    case .open: "end the program, or remove `closed` from the probe"
    case .openDisplay: "start the X server without `-ac`, and with `-nolisten tcp`"
    case .outputTooLarge: "shorten what the host reports, or leave the collector out"
    case .overdue: "look into what it waited for; raise `deadline:` if it is only slow"
    case .packetLoss: "look for the link that loses packets: errors and drops in `scrape host`"
    case .parseError: "report the text as an issue; it is a version that is not known yet"
    case .pathsDisagree: "mend the way that fails: often a firewall or NAT between"
    case .permission: "give the account the right that the message names, or leave that part out"
    case .policyFailed: "scrape policy remedy shows what would repair it"
    case .protocolError:
      "correct the port or the kind of the probe; if they are right, look into the server's log"
    case .refusedByProtection:
      "exempt the monitor's address: PerSourcePenaltyExemptList, ignoreip of fail2ban"
    case .resting:
      "correct the credentials, which ends the rest at once; or scrape run --now --limit NAME"
    case .stale: "start the monitor in the segment again, or mend the way to its spool"
    case .timeout:
      "start the host, or let the packets through; if it is only slow, raise the timeout"
    case .tlsFailed:
      "correct the server's TLS settings, or the probe: does that port speak TLS at all?"
    case .unreachable: "start the host, attach its network, or correct `address:` and `via:`"
    case .vanished: "give the monitor more memory, or report the crash"
    case .wrongAnswer:
      "mend the service; if the answer is right, correct `expect:` or the path in the probe"
    }
  }
}
