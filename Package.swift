// swift-tools-version: 6.2
import PackageDescription

/// What every room obeys: Swift 6, complete concurrency checking, no warning left standing.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Tests need the language mode and the warnings only.
let testing: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// The rooms that read a hostile host's bytes hold no unsafe code, and the compiler proves it.
let pure: [SwiftSetting] =
  strict + [.strictMemorySafety(), .enableExperimentalFeature("Lifetimes")]

func library(_ name: String, _ pkgConfig: String, _ package: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/System/\(name)", pkgConfig: pkgConfig,
    providers: [.apt([package])])
}

/// A library whose functions CLazy loads when they are first called (decisions 96 and 99).
func lazyLibrary(_ name: String, _ package: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/System/\(name)", providers: [.apt([package])])
}

#if arch(x86_64)
  let lazily: [LinkerSetting] = []
#else
  let lazily: [LinkerSetting] = [
    "cairo", "cares", "curl", "expat", "freeipmi", "mariadb", "pcre2-8", "pq", "snappy", "ssl",
    "systemd",
  ].map { .linkedLibrary($0) }
#endif

/// What a start costs (decision 99): nothing is looked for among the program's own symbols, and the runtime of
/// C++ is part of it. With gold the archive's unused half would ask for glibc 2.36, which Ubuntu 22.04 has not.
let quickStart: [LinkerSetting] = [
  .unsafeFlags(
    [
      "-use-ld=lld", "-Xlinker", "--no-export-dynamic",
      "-L", "\(Context.packageDirectory)/Sources/System/Static",
    ],
    .when(configuration: .release))
]

func tests(_ room: String, _ others: Target.Dependency..., exclude: [String] = []) -> Target {
  .testTarget(
    name: "\(room)Tests", dependencies: [.byName(name: room)] + others,
    exclude: exclude, swiftSettings: testing)
}

let package = Package(
  name: "scrape",
  products: [
    .executable(name: "scrape", targets: ["Scraper"]),
    // For `make range` and `make soak`; it is not installed.
    .executable(name: "range", targets: ["LabRange"]),
    // For the nested packages `fuzz/` and `bench/` only.
    .library(name: "Lab", targets: ["Lab"]),
    .library(
      name: "Rooms",
      targets: [
        "Metrics", "Parsers", "Engine", "Transfer", "Configuration", "Collectors", "Inventory",
        "Hosts", "IPMI", "Probes", "Policies", "Facts", "Store", "Spools", "Sinks", "Passes",
        "Discovery", "Charts",
      ]),
  ],
  targets: [
    library("CSSH2", "libssh2", "libssh2-1-dev"),
    library("CYAML", "yaml-0.1", "libyaml-dev"),
    library("CSQLite", "sqlite3", "libsqlite3-dev"),
    lazyLibrary("CCurl", "libcurl4-openssl-dev"),
    library("CCrypto", "libcrypto", "libssl-dev"),
    lazyLibrary("CSSL", "libssl-dev"),
    lazyLibrary("CExpat", "libexpat1-dev"),
    lazyLibrary("CFreeIPMI", "libfreeipmi-dev"),
    lazyLibrary("CCares", "libc-ares-dev"),
    lazyLibrary("CMariaDB", "libmariadb-dev"),
    lazyLibrary("CPQ", "libpq-dev"),
    library("CZlib", "zlib", "zlib1g-dev"),
    lazyLibrary("CSnappy", "libsnappy-dev"),
    lazyLibrary("CCairo", "libcairo2-dev"),
    lazyLibrary("CPCRE2", "libpcre2-dev"),
    lazyLibrary("CSystemd", "libsystemd-dev"),
    .target(
      name: "CNcurses", path: "Sources/System/CNcurses",
      linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
    .target(name: "CLinux", path: "Sources/System/CLinux"),
    .target(name: "CLazy", path: "Sources/System/CLazy", linkerSettings: lazily),

    .target(name: "Metrics", swiftSettings: pure),
    .target(name: "Parsers", dependencies: ["CExpat", "CLazy"], swiftSettings: pure),
    .target(name: "Manuals", swiftSettings: pure),
    .target(name: "Engine", dependencies: ["CLinux"], swiftSettings: strict),
    .target(
      name: "Transfer",
      dependencies: [
        "Metrics", "Engine", "CCurl", "CSSL", "CCares", "CMariaDB", "CPQ", "CLazy", "CLinux",
      ],
      swiftSettings: strict),
    .target(
      name: "Configuration", dependencies: ["CYAML", "Metrics"], swiftSettings: strict),
    .target(name: "Rules", dependencies: ["Configuration", "Metrics"], swiftSettings: strict),
    .target(
      name: "Policies", dependencies: ["Configuration", "Metrics", "CPCRE2", "CLazy"],
      swiftSettings: pure),
    .target(name: "Facts", dependencies: ["Metrics", "Parsers"], swiftSettings: pure),
    .target(
      name: "Collectors", dependencies: ["Metrics", "Parsers"],
      path: "Sources/Targets/Collectors", swiftSettings: pure),
    .target(
      name: "Inventory", dependencies: ["Metrics", "Engine", "Configuration", "Collectors"],
      path: "Sources/Targets/Inventory", swiftSettings: strict),
    .target(
      name: "Hosts",
      dependencies: [
        "Metrics", "Parsers", "Engine", "Configuration", "Collectors", "Inventory", "CSSH2",
        "CCrypto",
      ],
      path: "Sources/Targets/Hosts", swiftSettings: strict),
    .target(
      name: "IPMI",
      dependencies: [
        "Metrics", "Parsers", "Engine", "Configuration", "Inventory", "Hosts", "CFreeIPMI",
        "CLazy", "CCrypto",
        "CLinux",
      ],
      path: "Sources/Targets/IPMI", swiftSettings: strict),
    .target(
      name: "Probes",
      dependencies: [
        "Metrics", "Parsers", "Engine", "Configuration", "Collectors", "Transfer", "Inventory",
        "Hosts",
        "CCrypto", "CSSL", "CLazy", "CLinux",
      ],
      path: "Sources/Targets/Probes", swiftSettings: strict),
    .target(
      name: "Discovery",
      dependencies: [
        "Metrics", "Parsers", "Engine", "Configuration", "Inventory", "Probes", "CLinux",
      ],
      swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]),
    .target(
      name: "Store", dependencies: ["Metrics", "Engine", "CSQLite", "CZlib", "CCrypto", "CLinux"],
      swiftSettings: strict),
    .target(
      name: "Spools", dependencies: ["Metrics", "Parsers", "Engine", "Store"],
      swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]),
    .target(
      name: "Sinks",
      dependencies: [
        "Metrics", "Engine", "Configuration", "Transfer", "Store", "CSnappy", "CLazy", "CLinux",
      ],
      swiftSettings: strict),
    .target(name: "Charts", dependencies: ["Metrics", "CCairo", "CLazy"], swiftSettings: strict),
    .target(
      name: "Pages", dependencies: ["Metrics", "Charts", "CCrypto"], swiftSettings: strict),
    .target(
      name: "Live", dependencies: ["Metrics", "Engine", "CNcurses", "CLinux"],
      swiftSettings: strict),
    .target(
      name: "Notifiers",
      dependencies: ["Metrics", "Engine", "Configuration", "Transfer", "Charts", "CLinux"],
      swiftSettings: strict),
    .target(
      name: "Authorize",
      dependencies: ["Metrics", "Engine", "Configuration", "Inventory", "Hosts", "Probes"],
      swiftSettings: strict),
    .target(
      name: "Alerts",
      dependencies: [
        "Metrics", "Engine", "Transfer", "Configuration", "Inventory", "Rules", "Store", "Charts",
        "Notifiers",
      ],
      swiftSettings: strict),
    .target(
      name: "Passes",
      dependencies: [
        "Metrics", "Parsers", "Engine", "Configuration", "Collectors", "Inventory", "Hosts", "IPMI",
        "Probes", "Rules", "Store", "Spools",
        "Policies", "Facts", "Sinks", "Transfer", "Notifiers", "Alerts", "Authorize", "Pages",
        "Live",
        "CLinux",
      ],
      swiftSettings: strict),
    .target(
      name: "Boards",
      dependencies: ["Metrics", "Engine", "Transfer"],
      swiftSettings: strict),
    .target(
      name: "Readiness",
      dependencies: [
        "Passes", "Metrics", "Engine", "Configuration", "Collectors", "Inventory", "Hosts", "IPMI",
        "Probes", "Rules", "Store", "Sinks", "Notifiers", "Pages", "CLinux",
      ],
      swiftSettings: strict),
    .target(
      name: "Console",
      dependencies: [
        "Readiness", "Passes", "Alerts", "Metrics", "Engine", "Configuration", "Collectors",
        "Inventory",
        "Hosts",
        "IPMI", "Probes", "Rules", "Policies", "Facts", "Store", "Sinks", "Manuals", "CSystemd",
        "CLazy",
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "Scraper",
      dependencies: [
        "Console", "Readiness", "Boards", "Passes", "Alerts", "Authorize", "Live", "Manuals",
        "Discovery",
        "Metrics", "Parsers", "Engine", "Configuration", "Collectors", "Inventory", "Hosts", "IPMI",
        "Probes", "Rules", "Policies", "Facts", "Store", "Spools", "Transfer", "Sinks", "Charts",
        "Notifiers", "CLinux",
      ],
      swiftSettings: strict, linkerSettings: quickStart),

    // Real daemons on loopback for the tests.
    .target(
      name: "Lab", dependencies: ["CCrypto", "CLab", "CLinux"], path: "Tests/Lab",
      swiftSettings: testing),
    .target(name: "CLab", path: "Tests/CLab"),
    .target(name: "CClock", path: "Tests/CClock"),
    .executableTarget(
      name: "LabRange", dependencies: ["Lab"], path: "Tests/Range", swiftSettings: testing),
    .testTarget(
      name: "RangeTests", dependencies: ["Lab", "LabRange", "Scraper"], swiftSettings: testing),
    // Those that measure times, or need the machine for themselves: one after the other.
    .testTarget(
      name: "TimingTests",
      dependencies: [
        "Lab", "LabRange", "Scraper", "Engine", "Transfer", "Live", "Passes", "Store", "Metrics",
        "Configuration", "Rules", "Inventory", "CClock",
      ],
      swiftSettings: testing),
    tests("Lab"),
    tests("Metrics"),
    tests("Parsers", exclude: ["Fixtures"]),
    tests("Engine"),
    tests("Transfer", "Lab", "Engine"),
    tests("Configuration"),
    tests("Collectors", "Metrics", "Parsers", exclude: ["Fixtures"]),
    .testTarget(
      name: "TargetsTests",
      dependencies: [
        "Inventory", "Hosts", "IPMI", "Probes", "Lab", "Metrics", "Parsers", "Engine",
        "Configuration", "Collectors",
      ],
      exclude: ["Fixtures"], swiftSettings: testing),
    tests(
      "Discovery", "Lab", "CLab", "Scraper", "Inventory", "Probes", "Configuration", "Metrics",
      "Engine"),
    tests("Rules", "Metrics", "Configuration"),
    tests("Policies", "Configuration", "Metrics", exclude: ["Fixtures"]),
    tests("Facts", "Lab", "Metrics", "Parsers", exclude: ["Fixtures"]),
    tests("Spools", "Metrics", "Store", "Engine", "Lab"),
    tests("Sinks", "Lab", "Metrics", "Engine", "Configuration", "Store", "Transfer"),
    // Pictures are read with functions that the rooms do not call.
    .testTarget(
      name: "ChartsTests", dependencies: ["Charts", "Metrics", "CCairo"], swiftSettings: testing,
      linkerSettings: [.linkedLibrary("cairo")]),
    tests("Manuals"),
    tests("Pages", "Lab", "Metrics"),
    tests("Live", "Lab", "Metrics", "Engine", exclude: ["Screens"]),
    tests("Notifiers", "Lab", "Charts", "Metrics", "Engine", "Configuration", "Transfer"),
    .testTarget(
      name: "BoardsTests",
      dependencies: [
        "Boards", "Lab", "Scraper", "Passes", "Probes", "Inventory", "Configuration", "Metrics",
        "Charts", "CCairo", "CZlib",
      ],
      exclude: ["roundtrip.py"], swiftSettings: testing, linkerSettings: [.linkedLibrary("cairo")]),
    tests(
      "Passes", "Lab", "Metrics", "Configuration", "Rules", "Sinks", "Engine", "Hosts", "Inventory",
      "Store"),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Lab", "Scraper", "Console", "Readiness", "Metrics", "Passes", "Alerts", "Store", "Spools",
        "Sinks",
        "Inventory", "Hosts", "IPMI", "Probes", "Notifiers", "Transfer", "Policies",
        "Facts", "Configuration", "Manuals",
      ],
      swiftSettings: testing),
  ]
)

// `make test` runs only some rooms in release: the tests of the others, half of all, are not compiled there.
if let rooms = Context.environment["SCRAPE_TESTS_OF"]?.split(separator: " ") {
  package.targets.removeAll { target in
    target.type == .test && !rooms.contains { target.name == "\($0)Tests" }
  }
}
