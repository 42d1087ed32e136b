// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
    // Without this, generics and small accessors from another room are calls: 876 ns became 9 ns in a 64-add loop.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    // The compiler's own exclusivity checks and those of debug builds (tests) stay; at run time they took 8 % of a request.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    // The doorways need glibc's GNU names; every C module must then be read with them, or their structs differ.
    .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
]

/// A room of the house. `imports` is the whole list of doors it may open.
func room(_ name: String, imports: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: imports, exclude: exclude, swiftSettings: strict)
}

func tests(_ name: String, of rooms: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: rooms, swiftSettings: strict)
}

// The fuzzers link libFuzzer, which brings its own `main`; Fuzz/run.sh sets this.
let fuzzers: [Target] =
    Context.environment["GATEHOUSE_FUZZ"] == nil
    ? []
    : [
        .executableTarget(
            name: "gatehouse-fuzz",
            dependencies: ["FuzzTargets"],
            path: "Fuzz/Driver",
            swiftSettings: strict
        )
    ]

let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "gatehouse",
    products: [.executable(name: "gatehouse", targets: ["gatehouse"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    ],
    targets: [
        // Doorways to C: headers and inline shims, nothing else.
        .target(name: "CSys"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),

        // Foundations: no domain words.
        room("Base", imports: ["CSys"]),
        room("Crypto", imports: ["Base", "COpenSSL"]),
        room("Telemetry", imports: ["Base"]),
        room("Transport", imports: ["Base", "Crypto", "CSys", "COpenSSL"]),
        room("HTTP", imports: ["Base", "Transport", "CSys", "CNghttp2", "CZlib"]),
        room("Serving", imports: ["Base", "Crypto", "HTTP", "Transport", "Telemetry", "CSys"]),

        // Contract: the only bridge between the two planes.
        room("XDS", imports: ["Base", protobuf], exclude: ["Proto", "generate.sh"]),

        // Control plane, in the order a change flows.
        room("Resources", imports: ["Base", "Crypto", "CRE2", yams]),
        room("Store", imports: ["Base", "Crypto", "Resources", grdb, logging]),
        room("AdminAPI", imports: ["Base", "Crypto", "Resources", "Store", "Serving", "Telemetry", yams, logging]),
        room("Registry", imports: ["Base", "Resources"]),
        room("Translation", imports: ["Base", "Resources", "Registry", "XDS", protobuf]),
        room("Discovery", imports: ["Base", "Crypto", "XDS", "Serving", "Telemetry", protobuf, logging]),
        room("Identity", imports: ["Base", "Crypto"]),

        // Data plane, in the order a request flows.
        room("Routing", imports: ["Base", "XDS", "HTTP", "CRE2"]),
        room("Upstream", imports: ["Base", "XDS", "Routing", "HTTP", "Transport", "Telemetry", "CSys", "CCares"]),
        room(
            "Proxy",
            imports: ["Base", "Crypto", "XDS", "Routing", "Upstream", "HTTP", "Transport", "Telemetry", "CSys"]
        ),

        // Composition root: the only room that names both planes.
        .executableTarget(
            name: "gatehouse",
            dependencies: [
                "Base", "Crypto", "Telemetry", "Transport", "HTTP", "Serving", "XDS", "Resources", "Store", "AdminAPI",
                "Registry", "Translation", "Discovery", "Identity", "Routing", "Upstream", "Proxy", "CSys",
                arguments, yams, logging, protobuf,
            ],
            swiftSettings: strict
        ),

        // Parsers behind one function each, for the fuzzers and for replaying what they found.
        room(
            "FuzzTargets",
            imports: ["Base", "CSys", "Transport", "HTTP", "XDS", "Resources", "Routing", "Proxy"]
        ),
        room(
            "TestSupport",
            imports: ["Base", "Crypto", "XDS", "Resources", "Registry", "Translation", "Routing", "Transport", "HTTP"]
        ),
        tests("BaseTests", of: ["Base"]),
        tests("CryptoTests", of: ["Crypto", "Base"]),
        tests("TransportTests", of: ["Transport", "Base", "Crypto", "CSys"]),
        tests("HTTPTests", of: ["HTTP", "Transport", "Base", "CSys"]),
        tests("TelemetryTests", of: ["Telemetry", "Base"]),
        tests("ServingTests", of: ["Serving", "HTTP", "Transport", "Crypto", "Base"]),
        tests("XDSTests", of: ["XDS", "Base", protobuf]),
        tests("ResourcesTests", of: ["Resources", "Base", "Crypto"]),
        tests("StoreTests", of: ["Store", "Resources", "Crypto", "Base"]),
        tests("AdminAPITests", of: ["AdminAPI", "Store", "Resources", "Serving", "Crypto", "Base"]),
        tests("RegistryTests", of: ["Registry", "Resources", "Base"]),
        tests("TranslationTests", of: ["Translation", "Registry", "Resources", "XDS", "Base", protobuf]),
        tests("DiscoveryTests", of: ["Discovery", "XDS", "Serving", "Crypto", "Base", protobuf]),
        tests("IdentityTests", of: ["Identity", "Crypto", "Base"]),
        tests("RoutingTests", of: ["Routing", "XDS", "HTTP", "Base"]),
        tests("UpstreamTests", of: ["Upstream", "XDS", "Routing", "HTTP", "Transport", "Telemetry", "Base"]),
        tests(
            "ProxyTests",
            of: ["Proxy", "Upstream", "Routing", "XDS", "HTTP", "Transport", "Telemetry", "Crypto", "Base", "CSys"]
        ),
        tests("FuzzTargetsTests", of: ["FuzzTargets", "Base"]),
        tests("TidyTests", of: []),
    ] + fuzzers,
    swiftLanguageModes: [.v6]
)
