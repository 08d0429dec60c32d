/// The type of a field, which InfluxDB fixes with the first point that is written.
public enum FieldType: String, Sendable {
  case integer, float, string, boolean
}

extension FieldValue {
  /// The type as which the line protocol writes this value.
  public var type: FieldType {
    switch self {
    case .integer: .integer
    case .float: .float
    case .string: .string
    case .boolean: .boolean
    }
  }
}

/// Tells the type of every field that is ever written.
///
/// A database refuses a point whose field has another type than before, and other writers (Telegraf)
/// may share it: the types are Telegraf's, and a test holds every collector to this table.
public enum FieldTypes {
  /// The type of a field by its measurement and name; nil where nothing of that name is written.
  public static func type(of field: String, in measurement: String) -> FieldType? {
    all[measurement]?[field]
  }

  /// All fields by measurement. A new field is a word in its line.
  public static let all: [String: [String: FieldType]] = [
    "cpu": fields(
      float: """
        usage_user usage_system usage_idle usage_nice usage_iowait usage_irq usage_softirq \
        usage_steal usage_guest usage_guest_nice usage_active
        """),
    "disk": fields(
      integer: "total free used inodes_total inodes_free inodes_used turned_read_only",
      float: "used_percent inodes_used_percent"),
    "diskio": fields(
      integer: """
        reads writes read_bytes write_bytes read_time write_time io_time weighted_io_time \
        iops_in_progress merged_reads merged_writes
        """,
      float: "io_util io_await io_svctm"),
    "dns_query": fields(integer: "result_code rcode_value", float: "query_time_ms"),
    "event": fields(integer: "record over", string: "subject text from"),
    "filestat": fields(
      integer: "exists size_bytes modification_time age_s", string: "mode"),
    "gpu_health": fields(integer: "lost count expected", string: "reason message"),
    "http_response": fields(
      integer: "content_length http_response_code response_string_match result_code",
      float: "response_time connect_time tls_time first_byte_time",
      string: "result_type"),
    "ipmi_chassis": fields(
      integer: """
        power_on overload interlock power_fault control_fault intrusion drive_fault cooling_fault \
        sensors sensors_unreadable sel_entries sel_free_bytes
        """,
      float: "power_on_hours clock_offset_s", string: "last_power_event"),
    "ipmi_power": fields(
      float: "watts min_watts max_watts average_watts window_s", string: "sensors"),
    "ipmi_sensor": fields(integer: "state", float: "value", string: "events"),
    "kernel": fields(
      integer: "boot_time context_switches interrupts processes_forked entropy_avail"),
    "login": fields(integer: "duration_s", string: "user tty from"),
    "logins": fields(integer: "accepted failed dropped"),
    "mdstat": fields(
      integer: """
        DisksActive DisksFailed DisksSpare DisksTotal DisksDown BlocksTotal BlocksSynced
        """,
      float: "BlocksSyncedPct BlocksSyncedFinishTime BlocksSyncedSpeed"),
    "mem": fields(
      integer: """
        total available used free buffered cached active inactive slab sreclaimable sunreclaim \
        shared dirty write_back write_back_tmp mapped page_tables commit_limit committed_as \
        swap_cached swap_total swap_free huge_pages_total huge_pages_free huge_page_size \
        vmalloc_total vmalloc_used vmalloc_chunk high_total high_free low_total low_free
        """,
      float: "used_percent available_percent"),
    "nagios": fields(
      float: """
        value min max warning_lt warning_gt warning_le warning_ge critical_lt critical_gt \
        critical_le critical_ge
        """),
    "nagios_state": fields(integer: "state", string: "service_output long_service_output"),
    "net": fields(
      integer: """
        bytes_sent bytes_recv packets_sent packets_recv err_in err_out drop_in drop_out speed \
        ip_forwarding ip_defaultttl ip_inreceives ip_inhdrerrors ip_inaddrerrors \
        ip_forwdatagrams ip_inunknownprotos ip_indiscards ip_indelivers ip_outrequests \
        ip_outdiscards ip_outnoroutes ip_reasmtimeout ip_reasmreqds ip_reasmoks ip_reasmfails \
        ip_fragoks ip_fragfails ip_fragcreates ip_outtransmits icmp_inmsgs icmp_inerrors \
        icmp_incsumerrors icmp_indestunreachs icmp_intimeexcds icmp_inparmprobs \
        icmp_insrcquenchs icmp_inredirects icmp_inechos icmp_inechoreps icmp_intimestamps \
        icmp_intimestampreps icmp_inaddrmasks icmp_inaddrmaskreps icmp_outmsgs icmp_outerrors \
        icmp_outratelimitglobal icmp_outratelimithost icmp_outdestunreachs icmp_outtimeexcds \
        icmp_outparmprobs icmp_outsrcquenchs icmp_outredirects icmp_outechos icmp_outechoreps \
        icmp_outtimestamps icmp_outtimestampreps icmp_outaddrmasks icmp_outaddrmaskreps \
        icmpmsg_intype0 icmpmsg_intype3 icmpmsg_intype4 icmpmsg_intype5 icmpmsg_intype8 \
        icmpmsg_intype9 icmpmsg_intype10 icmpmsg_intype11 icmpmsg_intype12 icmpmsg_intype13 \
        icmpmsg_intype14 icmpmsg_outtype0 icmpmsg_outtype3 icmpmsg_outtype4 icmpmsg_outtype5 \
        icmpmsg_outtype8 icmpmsg_outtype9 icmpmsg_outtype10 icmpmsg_outtype11 icmpmsg_outtype12 \
        icmpmsg_outtype13 icmpmsg_outtype14 tcp_rtoalgorithm tcp_rtomin tcp_rtomax tcp_maxconn \
        tcp_activeopens tcp_passiveopens tcp_attemptfails tcp_estabresets tcp_currestab \
        tcp_insegs tcp_outsegs tcp_retranssegs tcp_inerrs tcp_outrsts tcp_incsumerrors \
        udp_indatagrams udp_noports udp_inerrors udp_outdatagrams udp_rcvbuferrors \
        udp_sndbuferrors udp_incsumerrors udp_ignoredmulti udp_memerrors udplite_indatagrams \
        udplite_noports udplite_inerrors udplite_outdatagrams udplite_rcvbuferrors \
        udplite_sndbuferrors udplite_incsumerrors udplite_ignoredmulti udplite_memerrors
        """,
      float: "recv_rate sent_rate"),
    "net_response": fields(
      integer: "result_code", float: "response_time", string: "result_type", boolean: "string_found"
    ),
    "netstat": fields(
      integer: """
        tcp_established tcp_syn_sent tcp_syn_recv tcp_fin_wait1 tcp_fin_wait2 tcp_time_wait \
        tcp_close tcp_close_wait tcp_last_ack tcp_listen tcp_closing tcp_none udp_socket
        """),
    "nstat": fields(
      integer: """
        TcpActiveOpens TcpPassiveOpens TcpAttemptFails TcpEstabResets TcpCurrEstab TcpInSegs \
        TcpOutSegs TcpRetransSegs TcpInErrs TcpOutRsts UdpInDatagrams UdpOutDatagrams UdpNoPorts \
        UdpInErrors UdpRcvbufErrors UdpSndbufErrors TcpExtListenOverflows TcpExtListenDrops \
        TcpExtTCPTimeouts TcpExtTCPLostRetransmit TcpExtSyncookiesSent TcpExtTCPAbortOnMemory \
        TcpExtTCPBacklogDrop
        """),
    "ntp": fields(
      integer: "stratum leap", float: "offset_ms delay_ms root_delay_ms root_dispersion_ms"),
    "nvidia_smi": fields(
      integer: """
        fan_speed memory_total memory_used memory_free memory_reserved \
        ecc_errors_volatile_dram_correctable ecc_errors_volatile_dram_uncorrectable \
        ecc_errors_volatile_sram_correctable ecc_errors_volatile_sram_uncorrectable \
        ecc_errors_volatile_sram_uncorrectable_parity ecc_errors_volatile_sram_uncorrectable_secded \
        ecc_errors_aggregate_dram_correctable ecc_errors_aggregate_dram_uncorrectable \
        ecc_errors_aggregate_sram_correctable ecc_errors_aggregate_sram_uncorrectable \
        ecc_errors_aggregate_sram_uncorrectable_parity \
        ecc_errors_aggregate_sram_uncorrectable_secded ecc_errors_aggregate_sram_uncorrectable_l2 \
        ecc_errors_aggregate_sram_uncorrectable_microcontroller \
        ecc_errors_aggregate_sram_uncorrectable_other \
        ecc_errors_aggregate_sram_uncorrectable_pcie ecc_errors_aggregate_sram_uncorrectable_sm \
        retired_pages_multiple_single_bit retired_pages_double_bit remapped_rows_correctable \
        remapped_rows_uncorrectable temperature_gpu temperature_gpu_tlimit temperature_memory \
        temperature_gpu_target temperature_gpu_target_min temperature_gpu_target_max \
        temperature_max_threshold temperature_slow_threshold temperature_max_gpu_threshold \
        temperature_max_mem_threshold temperature_max_tlimit_threshold \
        temperature_slow_tlimit_threshold temperature_max_gpu_tlimit_threshold \
        temperature_max_mem_tlimit_threshold utilization_gpu utilization_memory \
        utilization_encoder utilization_decoder utilization_jpeg utilization_ofa \
        pcie_link_gen_current pcie_link_width_current pcie_rx_util pcie_tx_util \
        encoder_stats_session_count encoder_stats_average_fps encoder_stats_average_latency \
        fbc_stats_session_count fbc_stats_average_fps fbc_stats_average_latency \
        clocks_current_graphics clocks_current_sm clocks_current_memory clocks_current_video \
        clocks_event_reason_sw_power_cap clocks_event_reason_sw_thermal_slowdown \
        clocks_event_reason_hw_thermal_slowdown clocks_event_reason_hw_power_brake_slowdown \
        clocks_event_reason_hw_slowdown clocks_event_reason_sync_boost \
        clocks_event_reason_gpu_idle clocks_event_reason_applications_clocks_setting \
        clocks_event_reason_display_clocks_setting clocks_event_reasons_counters_sw_power_cap \
        clocks_event_reasons_counters_sw_therm_slowdown \
        clocks_event_reasons_counters_hw_therm_slowdown \
        clocks_event_reasons_counters_hw_power_brake clocks_event_reasons_counters_sync_boost
        """,
      float: """
        power_draw power_draw_average power_limit power_limit_requested power_limit_default \
        power_limit_min power_limit_max module_power_draw
        """,
      string: """
        driver_version cuda_version serial vbios_version display_active display_mode current_ecc \
        ecc_errors_aggregate_sram_threshold_exceeded ecc_errors_channel_repair_pending \
        ecc_errors_tpc_repair_pending ecc_errors_unrepairable_memory retired_pages_blacklist \
        retired_pages_pending remapped_rows_pending remapped_rows_failure
        """),
    "nvidia_smi_mig": fields(
      integer: """
        sram_uncorrectable memory_fb_total memory_fb_reserved memory_fb_used memory_fb_free \
        memory_bar1_total memory_bar1_used memory_bar1_free
        """),
    "nvidia_smi_process": fields(integer: "pid used_memory"),
    "ping": fields(
      integer: "packets_transmitted packets_received ttl result_code",
      float: """
        percent_packet_loss minimum_response_ms average_response_ms maximum_response_ms \
        standard_deviation_ms jitter_ms
        """),
    "ports": fields(integer: "open closed silent unexpected"),
    "pressure": fields(integer: "total", float: "avg10 avg60 avg300"),
    "processes": fields(
      integer: """
        running sleeping blocked zombies stopped idle paging dead parked unknown total \
        total_threads
        """),
    "procstat": fields(
      integer: "pid ppid num_threads memory_rss memory_vms",
      float: "cpu_usage cpu_time_user cpu_time_system memory_usage", string: "status process"),
    "scrape": fields(
      integer: "up bytes collectors problems dropped since_reboot_s",
      float: "duration_ms clock_offset_s", string: "reason"),
    "scrape_doctor": fields(integer: "canary"),
    "service": fields(integer: "up state", float: "latency_ms", string: "reason message"),
    "service_summary": fields(
      integer: "total online ok minor major critical unknown", float: "score sla"),
    "swap": fields(integer: "total used free in out", float: "used_percent"),
    "system": fields(
      integer: "n_cpus n_users n_unique_users uptime", float: "load1 load5 load15 load5_per_cpu",
      string: "uptime_format"),
    "users": fields(integer: "count unique", string: "list source"),
    "x509_cert": fields(
      integer: "verification_code expiry age startdate enddate",
      string: "verification_error common_name issuer_common_name serial_number san"),
  ]

  private static func fields(
    integer: String = "", float: String = "", string: String = "", boolean: String = ""
  ) -> [String: FieldType] {
    var types: [String: FieldType] = [:]
    let lists: [(FieldType, String)] = [
      (.integer, integer), (.float, float), (.string, string), (.boolean, boolean),
    ]
    for (type, names) in lists {
      for name in names.utf8.split(separator: UInt8(ascii: " ")) {
        types[String(decoding: name, as: UTF8.self)] = type
      }
    }
    return types
  }
}
