// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that an ordinary build of `scrape` never sees it.
let package = Package(
  name: "bench",
  dependencies: [.package(name: "scrape", path: "..")],
  targets: [
    .executableTarget(
      name: "rooms", dependencies: [.product(name: "Rooms", package: "scrape")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "delivery", dependencies: [.product(name: "Rooms", package: "scrape")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "warm", dependencies: [.product(name: "Rooms", package: "scrape")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "bmcs", dependencies: [.product(name: "Lab", package: "scrape")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "pages", dependencies: [.product(name: "Rooms", package: "scrape")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "charts", dependencies: [.product(name: "Rooms", package: "scrape")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "probes", dependencies: [.product(name: "Rooms", package: "scrape")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)],
      // As `scrape` is delivered: without it half of its start is the loading of Swift's libraries.
      linkerSettings: [.unsafeFlags(["-static-stdlib"])]),
  ]
)
