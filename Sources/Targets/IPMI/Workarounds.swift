internal import CFreeIPMI
internal import Inventory

/// FreeIPMI's flags for the workarounds that the inventory names (freeipmi(7), WORKAROUNDS).
extension BMCSettings.Workarounds {
  private static let flags20: [(word: String, lan20: Int32)] = [
    ("authcap", IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_AUTHENTICATION_CAPABILITIES),
    ("intel20", IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_INTEL_2_0_SESSION),
    ("supermicro20", IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_SUPERMICRO_2_0_SESSION),
    ("sun20", IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_SUN_2_0_SESSION),
    ("opensesspriv", IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_OPEN_SESSION_PRIVILEGE),
    ("integritycheckvalue", IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_NON_EMPTY_INTEGRITY_CHECK_VALUE),
    ("nochecksumcheck", IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_NO_CHECKSUM_CHECK),
  ]
  private static let flags: [(word: String, lan: Int32)] = [
    ("authcap", IPMI_WORKAROUND_FLAGS_OUTOFBAND_AUTHENTICATION_CAPABILITIES),
    ("idzero", IPMI_WORKAROUND_FLAGS_OUTOFBAND_ACCEPT_SESSION_ID_ZERO),
    ("forcepermsg", IPMI_WORKAROUND_FLAGS_OUTOFBAND_FORCE_PERMSG_AUTHENTICATION),
    ("unexpectedauth", IPMI_WORKAROUND_FLAGS_OUTOFBAND_CHECK_UNEXPECTED_AUTHCODE),
    ("endianseq", IPMI_WORKAROUND_FLAGS_OUTOFBAND_BIG_ENDIAN_SEQUENCE_NUMBER),
    ("noauthcodecheck", IPMI_WORKAROUND_FLAGS_OUTOFBAND_NO_AUTH_CODE_CHECK),
    ("nochecksumcheck", IPMI_WORKAROUND_FLAGS_OUTOFBAND_NO_CHECKSUM_CHECK),
  ]

  /// The flags of a session of IPMI 2.0.
  var lan20: UInt32 {
    Self.flags20.reduce(0) { words.contains($1.word) ? $0 | UInt32($1.lan20) : $0 }
  }

  /// The flags of a session of IPMI 1.5.
  var lan: UInt32 {
    Self.flags.reduce(0) { words.contains($1.word) ? $0 | UInt32($1.lan) : $0 }
  }
}

extension BMCSettings.Privilege {
  var code: UInt8 {
    switch self {
    case .user: UInt8(IPMI_PRIVILEGE_LEVEL_USER)
    case .operator: UInt8(IPMI_PRIVILEGE_LEVEL_OPERATOR)
    case .admin: UInt8(IPMI_PRIVILEGE_LEVEL_ADMIN)
    }
  }
}
