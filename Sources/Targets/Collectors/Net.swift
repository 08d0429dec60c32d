public import Metrics
import Parsers

/// Traffic of each network interface and counters of the protocols, under Telegraf's `net`.
public enum NetCollector: Collector {
  public static let name = "net"
  public static let summary = "traffic and state of each network interface"
  public static let measurements = [
    // As in Telegraf, only interfaces that are up and do not loop back; beyond that, those of
    // containers are left out, which come and go by the thousand.
    Measurement(
      "net", "Traffic of interfaces that are up, without loopback and those of containers.",
      source: "`/proc/net/dev`, `/sys/class/net`", tags: ["interface": "its name"],
      fields: [
        .counter(
          "bytes_recv", "bytes_sent", unit: .bytes,
          means: "Counted; 32-bit kernels restart at 2^32"),
        .counter(
          "packets_recv", "packets_sent", "err_in", "err_out", "drop_in", "drop_out",
          means: "Packets, errors and drops, counted"),
        .float(
          "recv_rate", "sent_rate", unit: .bytesPerSecond,
          means: "Traffic (rate); not in Telegraf"),
        .integer(
          "speed", unit: .megabitsPerSecond, means: "Speed of the link, if known"),
        .float(
          "recv_percent", "sent_percent", unit: .percent,
          means: "Share of the speed of the link (rate), if known; not in Telegraf"),
      ]),
    Measurement(
      "ethtool",
      """
      State of each interface, also of those that are down, without loopback and those of containers. \
      Telegraf has a tag `driver` and counters of the driver too, and no `operstate`, `carrier_changes` \
      and `mtu`.
      """,
      source: "`/sys/class/net`", tags: ["interface": "its name"],
      fields: [
        .boolean("interface_up", means: "Whether it is switched on"),
        .presence(
          "link", means: "1 with a carrier, 0 without; absent if the interface is switched off"),
        .integer(
          "speed", unit: .megabitsPerSecond, means: "Speed of the link, if known"),
        .presence("duplex", means: "1 full, 0 half; absent if unknown"),
        .string(
          "operstate",
          means: """
            State by RFC 2863: `up`, `down`, `dormant`, `lowerlayerdown`, `notpresent`, `testing`, \
            `unknown`
            """),
        .integer(
          "carrier_changes", means: "How often the carrier came or went, counted (Linux 3.15)"),
        .integer("mtu", unit: .bytes, means: "Largest packet"),
      ]),
    Measurement(
      "net",
      """
      Counters of the protocols, with the kernel's names in lower case, in one further point. \
      A field is absent if the kernel lacks the counter.
      """,
      source: "`/proc/net/snmp`", tags: ["interface": "`all`, as in Telegraf"],
      fields: [
        .integer("ip_forwarding", "ip_defaultttl", means: "Settings of IPv4"),
        .counter(
          "ip_inreceives", "ip_inhdrerrors", "ip_inaddrerrors",
          "ip_forwdatagrams", "ip_inunknownprotos", "ip_indiscards", "ip_indelivers",
          "ip_outrequests", "ip_outdiscards", "ip_outnoroutes", "ip_reasmtimeout", "ip_reasmreqds",
          "ip_reasmoks", "ip_reasmfails", "ip_fragoks", "ip_fragfails", "ip_fragcreates",
          "ip_outtransmits", means: "IPv4, counted"),
        .counter(
          "icmp_inmsgs", "icmp_inerrors", "icmp_incsumerrors", "icmp_indestunreachs",
          "icmp_intimeexcds", "icmp_inparmprobs", "icmp_insrcquenchs", "icmp_inredirects",
          "icmp_inechos", "icmp_inechoreps", "icmp_intimestamps", "icmp_intimestampreps",
          "icmp_inaddrmasks", "icmp_inaddrmaskreps", "icmp_outmsgs", "icmp_outerrors",
          "icmp_outratelimitglobal", "icmp_outratelimithost", "icmp_outdestunreachs",
          "icmp_outtimeexcds", "icmp_outparmprobs", "icmp_outsrcquenchs", "icmp_outredirects",
          "icmp_outechos", "icmp_outechoreps", "icmp_outtimestamps", "icmp_outtimestampreps",
          "icmp_outaddrmasks", "icmp_outaddrmaskreps", means: "ICMP, counted"),
        .counter(
          "icmpmsg_intype0", "icmpmsg_intype3", "icmpmsg_intype4", "icmpmsg_intype5",
          "icmpmsg_intype8", "icmpmsg_intype9", "icmpmsg_intype10", "icmpmsg_intype11",
          "icmpmsg_intype12", "icmpmsg_intype13", "icmpmsg_intype14", "icmpmsg_outtype0",
          "icmpmsg_outtype3", "icmpmsg_outtype4", "icmpmsg_outtype5", "icmpmsg_outtype8",
          "icmpmsg_outtype9", "icmpmsg_outtype10", "icmpmsg_outtype11", "icmpmsg_outtype12",
          "icmpmsg_outtype13", "icmpmsg_outtype14",
          means: "ICMP by type, of the types that RFC 792 and 1256 name"),
        .integer(
          "tcp_rtoalgorithm", "tcp_rtomin", "tcp_rtomax", "tcp_maxconn", "tcp_currestab",
          means: "Settings of TCP and its connections now; `tcp_maxconn` is -1 without a limit"),
        .counter(
          "tcp_activeopens", "tcp_passiveopens", "tcp_attemptfails", "tcp_estabresets",
          "tcp_insegs", "tcp_outsegs", "tcp_retranssegs", "tcp_inerrs", "tcp_outrsts",
          "tcp_incsumerrors", means: "TCP, counted"),
        .counter(
          "udp_indatagrams", "udp_noports", "udp_inerrors", "udp_outdatagrams", "udp_rcvbuferrors",
          "udp_sndbuferrors", "udp_incsumerrors", "udp_ignoredmulti", "udp_memerrors", means: "UDP"),
        .counter(
          "udplite_indatagrams", "udplite_noports", "udplite_inerrors", "udplite_outdatagrams",
          "udplite_rcvbuferrors", "udplite_sndbuferrors", "udplite_incsumerrors",
          "udplite_ignoredmulti", "udplite_memerrors", means: "UDP-Lite"),
      ]),
  ]
  public static let files = ["/proc/net/dev", "/proc/net/snmp"]
  public static let options = [
    CollectorOption(
      "ignore", .strings, default: ignored.joined(separator: ", "),
      "Interfaces to leave out; globs.")
  ]

  private static let ignored = [
    "veth*", "docker*", "br-*", "cali*", "cni*", "flannel*", "lxc*", "kube*", "fwbr*",
    "fwpr*", "fwln*", "dummy*",
  ]
  /// More interfaces than this are not written.
  static let mostInterfaces = 256

  /// All builtins of the shell: it starts no process. Reading the speed of an interface without a
  /// carrier fails (EINVAL), and the error belongs to nobody. Interfaces of containers come by the
  /// thousand: their state is not read.
  public static func script(_ options: CollectorOptions) -> String? {
    """
    for i in /sys/class/net/*; do
      f=- s=- d=- c=- o=- n=- m=-
      {
        read -r f <"$i/flags"; read -r s <"$i/speed"
        case ${i##*/} in
        veth*|cali*|lxc*) ;;
        *) read -r d <"$i/duplex"; read -r c <"$i/carrier"; read -r o <"$i/operstate"
          read -r n <"$i/carrier_changes"; read -r m <"$i/mtu" ;;
        esac
      } 2>/dev/null
      printf '%s %s %s %s %s %s %s %s\\n' "${i##*/}" "${f:--}" "${s:--}" "${d:--}" "${c:--}" "${o:--}" \
        "${n:--}" "${m:--}"
    done
    """
  }

  public static func collect(from host: HostView, into sample: inout Sample) throws(CollectorError)
  {
    let interfaces = try host.parse("/proc/net/dev", as: NetDev.self).interfaces
    // Without /sys (some containers) every interface counts as up, and none has a speed.
    let states = try? host.parseOutput(as: LinkStates.self)
    let links = states?.links ?? [:]
    let ignore = host.options.strings("ignore", default: ignored)
    var count = 0
    for interface in interfaces {
      let link = links[interface.name]
      if link?.isUp == false || link?.isLoopback ?? (interface.name == "lo") { continue }
      if matches(interface.name, anyOf: ignore) { continue }
      count += 1
      if count > mostInterfaces {
        throw CollectorError(
          .outputTooLarge, "more than \(mostInterfaces) interfaces; the rest is left out")
      }
      var point = Point("net", room: 13)
      point.tag("interface", interface.name)
      point.integer("bytes_recv", interface.bytesReceived)
      point.integer("bytes_sent", interface.bytesSent)
      point.integer("packets_recv", interface.packetsReceived)
      point.integer("packets_sent", interface.packetsSent)
      point.integer("err_in", interface.receiveErrors)
      point.integer("err_out", interface.sendErrors)
      point.integer("drop_in", interface.receiveDrops)
      point.integer("drop_out", interface.sendDrops)
      point.integer("speed", link?.speed)
      let counters = [interface.bytesReceived, interface.bytesSent]
      sample.memory[interface.name] = counters
      if let elapsed = host.elapsed, let before = host.previous?.values[interface.name],
        before.count == counters.count
      {
        let names = [("recv_rate", "recv_percent"), ("sent_rate", "sent_percent")]
        for (index, (name, share)) in names.enumerated() {
          let (grown, backwards) = counters[index].subtractingReportingOverflow(before[index])
          guard !backwards else { continue }
          let rate = Double(grown) / elapsed
          point.float(name, rate.rounded())
          if let speed = link?.speed {
            point.percent(share, 100 * rate * 8 / (Double(speed) * 1e6))
          }
        }
      }
      sample.points.append(point)
    }
    let named = (states?.names ?? []).lazy.filter { !matches($0, anyOf: ignore) }
    for name in named.prefix(mostInterfaces) {
      if let link = links[name], let point = state(of: link, name) { sample.points.append(point) }
    }
    if let point = protocols(of: host) { sample.points.append(point) }
  }

  /// The state of an interface; nil for loopback and where nothing is known.
  private static func state(of link: LinkStates.Link, _ name: String) -> Point? {
    guard link.isLoopback == false else { return nil }
    var point = Point("ethtool", room: 7)
    point.tag("interface", name)
    point.boolean("interface_up", link.isUp)
    point.integer("link", link.hasCarrier.map { $0 ? Int64(1) : 0 })
    point.integer("speed", link.speed)
    point.integer("duplex", link.isFullDuplex.map { $0 ? Int64(1) : 0 })
    point.string("operstate", link.state)
    point.integer("carrier_changes", link.changes)
    point.integer("mtu", link.mtu)
    return point
  }

  /// What all interfaces have in common; nil where the host shows no such counters.
  private static func protocols(of host: HostView) -> Point? {
    guard let bytes = host.files["/proc/net/snmp"],
      let values = try? NetSNMP.parse(bytes.span, only: counters)
    else { return nil }
    var point = Point("net", room: counterOrder.count)
    point.tag("interface", "all")
    for index in counterOrder { point.integer(counterFields[index], values[index]) }
    return point.fields.isEmpty ? nil : point
  }

  private static let counters = NetSNMP.Selection(kernelNames)
  /// Fields are written in the order of the kernel's names.
  private static let counterOrder = counters.all.indices.sorted {
    counters.all[$0] < counters.all[$1]
  }
  /// Our names of the counters: `tcp_retranssegs`.
  private static let counterFields = kernelNames.flatMap { family in
    family.value.map { "\(family.key)_\($0)".lowercased() }
  }

  private static let kernelNames: KeyValuePairs<String, [String]> = [
    "Icmp": [
      "InAddrMaskReps", "InAddrMasks", "InCsumErrors", "InDestUnreachs", "InEchoReps", "InEchos",
      "InErrors", "InMsgs", "InParmProbs", "InRedirects", "InSrcQuenchs", "InTimeExcds",
      "InTimestampReps", "InTimestamps", "OutAddrMaskReps", "OutAddrMasks", "OutDestUnreachs",
      "OutEchoReps", "OutEchos", "OutErrors", "OutMsgs", "OutParmProbs", "OutRateLimitGlobal",
      "OutRateLimitHost", "OutRedirects", "OutSrcQuenchs", "OutTimeExcds", "OutTimestampReps",
      "OutTimestamps",
    ],
    "IcmpMsg": [
      "InType0", "InType10", "InType11", "InType12", "InType13", "InType14", "InType3", "InType4",
      "InType5", "InType8", "InType9", "OutType0", "OutType10", "OutType11", "OutType12",
      "OutType13", "OutType14", "OutType3", "OutType4", "OutType5", "OutType8", "OutType9",
    ],
    "Ip": [
      "DefaultTTL", "ForwDatagrams", "Forwarding", "FragCreates", "FragFails", "FragOKs",
      "InAddrErrors", "InDelivers", "InDiscards", "InHdrErrors", "InReceives", "InUnknownProtos",
      "OutDiscards", "OutNoRoutes", "OutRequests", "OutTransmits", "ReasmFails", "ReasmOKs",
      "ReasmReqds", "ReasmTimeout",
    ],
    "Tcp": [
      "ActiveOpens", "AttemptFails", "CurrEstab", "EstabResets", "InCsumErrors", "InErrs",
      "InSegs", "MaxConn", "OutRsts", "OutSegs", "PassiveOpens", "RetransSegs", "RtoAlgorithm",
      "RtoMax", "RtoMin",
    ],
    "Udp": [
      "IgnoredMulti", "InCsumErrors", "InDatagrams", "InErrors", "MemErrors", "NoPorts",
      "OutDatagrams", "RcvbufErrors", "SndbufErrors",
    ],
    "UdpLite": [
      "IgnoredMulti", "InCsumErrors", "InDatagrams", "InErrors", "MemErrors", "NoPorts",
      "OutDatagrams", "RcvbufErrors", "SndbufErrors",
    ],
  ]
}
