// swift-tools-version: 6.0
// What a call costs beside URLSession: `uniffi/swift/bench/run`. A package of its own, so that users of the other don't build it.
import PackageDescription

let package = Package(
    name: "bench",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "orgconnect", path: "..")],
    targets: [.executableTarget(name: "Bench", dependencies: [.product(name: "Orgconnect", package: "orgconnect")])]
)
