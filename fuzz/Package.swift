// swift-tools-version: 6.2
import PackageDescription

/// Everything that reads bytes of others, under libFuzzer. `./run` builds and runs it; the package is
/// nested, so that an ordinary build never sees it.
let package = Package(
  name: "fuzz",
  dependencies: [.package(name: "scrape", path: "..")],
  targets: [
    .executableTarget(
      name: "Fuzz", dependencies: [.product(name: "Rooms", package: "scrape")],
      swiftSettings: [
        .swiftLanguageMode(.v6),
        .treatAllWarnings(as: .error),
        // libFuzzer brings the `main` function.
        .unsafeFlags(["-parse-as-library"]),
      ])
  ]
)
