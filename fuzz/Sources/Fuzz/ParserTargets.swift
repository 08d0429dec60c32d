import Parsers

/// Every parser by its name; a new one is a line here.
let parserTargets: [String: FuzzTarget] = [
  "parser-apkinstalled": parser(APKInstalled.self),
  "parser-apkversion": parser(APKVersion.self),
  "parser-aptupgrade": parser(AptUpgrade.self),
  "parser-containerfiles": parser(ContainerFiles.self),
  "parser-df": parser(Df.self),
  "parser-dhcpmessage": parser(DHCPMessage.self),
  "parser-diskstats": parser(Diskstats.self),
  "parser-dnsmessage": parser(DNSMessage.self),
  "parser-domainstats": parser(DomainStats.self),
  "parser-dpkgquery": parser(DpkgQuery.self),
  "parser-enabledunits": parser(EnabledUnits.self),
  "parser-filestatus": parser(FileStatus.self),
  "parser-groupfile": parser(GroupFile.self),
  "parser-hardware": parser(Hardware.self),
  "parser-interrupts": parser(Interrupts.self),
  "parser-kubernetespods": parser(KubernetesPods.self),
  "parser-last": parser(Last.self),
  "parser-lineprotocolreader": parser(LineProtocolReader.self),
  "parser-linkstates": parser(LinkStates.self),
  "parser-listeningsockets": parser(ListeningSockets.self),
  "parser-loadavg": parser(Loadavg.self),
  "parser-localchecks": parser(LocalChecks.self),
  "parser-loginctl": parser(Loginctl.self),
  "parser-mdstat": parser(Mdstat.self),
  "parser-meminfo": parser(Meminfo.self),
  "parser-mounts": parser(Mounts.self),
  "parser-neighbours": parser(Neighbours.self),
  "parser-netdev": parser(NetDev.self),
  "parser-netsnmp": parser(NetSNMP.self),
  "parser-nvidiasmi": parser(NvidiaSMI.self),
  "parser-openvpnstatus": parser(OpenVPNStatus.self),
  "parser-osrelease": parser(OSRelease.self),
  "parser-passwd": parser(Passwd.self),
  "parser-pluginoutput": parser(PluginOutput.self),
  "parser-pressure": parser(Pressure.self),
  "parser-processes": parser(Processes.self),
  "parser-procstat": parser(ProcStat.self),
  "parser-resolvconf": parser(ResolvConf.self),
  "parser-routes": parser(Routes.self),
  "parser-routes6": parser(Routes6.self),
  "parser-rpmquery": parser(RPMQuery.self),
  "parser-rulelines": parser(RuleLines.self),
  "parser-sdr": parser(SDR.self),
  "parser-snmp6": parser(SNMP6.self),
  "parser-sockstat": parser(Sockstat.self),
  "parser-sshprocesses": parser(SSHProcesses.self),
  "parser-tcpstates": parser(TCPStates.self),
  "parser-uptime": parser(Uptime.self),
  "parser-vmstat": parser(Vmstat.self),
  "parser-who": parser(Who.self),
  "parser-wireguarddump": parser(WireGuardDump.self),
  "parser-wtmpdb": parser(WTmpDB.self),
]

/// The same bytes give the same reading or the same error.
private func parser<P: Parser>(_ type: P.Type) -> FuzzTarget {
  { bytes in
    let first = Result { () throws(ParseError) in try P.parse(bytes.span) }
    let second = Result { () throws(ParseError) in try P.parse(bytes.span) }
    switch (first, second) {
    case (.success(let one), .success(let two)):
      // What is not a number differs from itself; then the texts must be the same.
      precondition(one == two || "\(one)" == "\(two)", "two readings of the same text differ")
    case (.failure(let one), .failure(let two)): precondition(one == two)
    default: preconditionFailure("the same text is read once and refused once")
    }
  }
}
