// swift-tools-version: 6.0
// Two doors: `Orgconnect` is for servers, with the application's secret; `OrgconnectMobile` is for apps on people's devices,
// and its native library has nothing in it that takes a secret.
import PackageDescription

// Apple platforms take the native libraries as binary targets, which the release workflow makes and names here. Elsewhere
// they are found by the linker: `swift build -Xlinker -L<folder of the libraries>`.
#if canImport(Darwin)
    let native: [Target] = [
        .binaryTarget(name: "OrgconnectNativeFFI", path: "Binaries/OrgconnectNativeFFI.xcframework"),
        .binaryTarget(name: "OrgconnectAppNativeFFI", path: "Binaries/OrgconnectAppNativeFFI.xcframework"),
    ]
#else
    let native: [Target] = [
        .systemLibrary(name: "OrgconnectNativeFFI"),
        .systemLibrary(name: "OrgconnectAppNativeFFI"),
    ]
#endif

let package = Package(
    name: "orgconnect",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [
        .library(name: "Orgconnect", targets: ["Orgconnect"]),
        .library(name: "OrgconnectMobile", targets: ["OrgconnectMobile"]),
    ],
    targets: native + [
        .target(name: "OrgconnectCore"),
        // What UniFFI generates: the compiler of Swift 6.0 can't take its asynchronous protocols in Swift 6 mode.
        .target(
            name: "OrgconnectNative",
            dependencies: ["OrgconnectNativeFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)]
        ),
        .target(
            name: "OrgconnectAppNative",
            dependencies: ["OrgconnectAppNativeFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)]
        ),
        .target(name: "Orgconnect", dependencies: ["OrgconnectCore", "OrgconnectNative"]),
        .target(
            name: "OrgconnectMobile",
            dependencies: ["OrgconnectCore", "OrgconnectAppNative"],
            swiftSettings: [.define("ORGCONNECT_APP")]
        ),
        .testTarget(name: "OrgconnectTests", dependencies: ["Orgconnect", "OrgconnectMobile"]),
    ]
)
