// swift-tools-version: 6.2

import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "convosync",
    products: [
        .executable(name: "convosync", targets: ["convosync"]),
        .executable(name: "convosync-sandbox", targets: ["convosync-sandbox"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        // Its default traits bring a configuration library and all of Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
    ],
    targets: [
        // Dependencies: convosync → SyncDaemon → {SyncEngine, SyncSQLite → SyncStore, SyncRemotes, SyncHTTP} → SyncCore. A target names exactly the
        // modules that it imports (a test compares).
        .target(name: "SyncCore", swiftSettings: strict),
        .target(name: "SyncSystem", swiftSettings: strict),
        .target(
            name: "SyncRemotes",
            dependencies: ["SyncCore", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict
        ),
        .target(
            name: "Migrations",
            path: "migrations",
            resources: [
                .embedInCode("0001_application.sql"),
                .embedInCode("0002_outbox.sql"),
                .embedInCode("0003_change_feed.sql"),
                .embedInCode("0004_inbound.sql"),
                .embedInCode("0005_delivery.sql"),
                .embedInCode("0006_borders.sql"),
                .embedInCode("0007_fate.sql"),
                .embedInCode("0008_keys_and_queues.sql"),
                .embedInCode("0009_agreed_pair.sql"),
                .embedInCode("0010_operators_view.sql"),
                .embedInCode("0011_claims_and_problems.sql"),
                .embedInCode("0012_waiting_entries.sql"),
                .embedInCode("0013_clock.sql"),
                .embedInCode("0014_clock_seen.sql"),
                .embedInCode("0015_upserts_and_moved_links.sql"),
                .embedInCode("0016_messages_follow.sql"),
                .embedInCode("0017_resending.sql"),
                .embedInCode("0018_links_without_effect.sql"),
                .embedInCode("0019_places_of_messages.sql"),
            ],
            swiftSettings: strict
        ),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(
            name: "SyncStore",
            dependencies: ["SyncCore"],
            swiftSettings: strict
        ),
        .target(name: "SyncEngine", dependencies: ["SyncCore"], swiftSettings: strict),
        .target(
            name: "SyncSQLite",
            dependencies: ["SyncStore", "SyncCore", "SyncSystem", "CSQLite", "Migrations"],
            swiftSettings: strict
        ),
        // For response bodies that are compressed without having been requested so.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "SyncHTTP",
            dependencies: [
                "SyncCore", "CZlib",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "SyncDaemon",
            dependencies: [
                "SyncCore", "SyncRemotes", "SyncEngine", "SyncStore", "SyncSQLite", "SyncHTTP", "SyncSystem",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "TOMLKit", package: "TOMLKit"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "convosync",
            dependencies: [
                "SyncDaemon", "SyncCore", "SyncRemotes", "SyncStore", "SyncSQLite", "SyncSystem",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        // Runs the program and the sandbox against each other and shows what happens: `make demo`.
        .executableTarget(
            name: "convosync-demo",
            dependencies: ["Sandbox", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict
        ),
        // The simulated remote systems as values, without I/O or clock.
        .target(name: "SandboxModel", dependencies: [.product(name: "Crypto", package: "swift-crypto")], swiftSettings: strict),
        .target(
            name: "Sandbox",
            dependencies: [
                "SandboxModel", "SyncHTTP", "SyncCore",
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "convosync-sandbox",
            dependencies: ["Sandbox", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict
        ),
        // A second owner of the engine: a machine, an application and remotes that are decided by a seed, in virtual time.
        .target(
            name: "SyncSimulator",
            dependencies: ["SyncEngine", "SyncCore", "SyncRemotes", "SyncStore", "SyncSQLite", "SandboxModel", "CSQLite"],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "convosync-simulator",
            dependencies: ["SyncSimulator", "SyncCore", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict
        ),
        // The program as a process that is killed and mistreated, against the sandbox, and the comparison of what came of it: `make torture`.
        .target(
            name: "Torture",
            dependencies: [
                "Sandbox", "SandboxModel", "Fixtures", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "convosync-torture",
            dependencies: ["Torture", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "convosync-benchmark",
            dependencies: [
                "SyncDaemon", "SyncStore", "SyncSQLite", "SyncHTTP", "SyncCore", "Sandbox",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Benchmarks",
            exclude: ["README.md"],
            swiftSettings: strict
        ),
        // What tests of several targets need: folders, the application's side of the database, values that are waited for, random numbers.
        .target(
            name: "Fixtures", dependencies: [.product(name: "GRDB", package: "GRDB.swift")], path: "Tests/Fixtures", swiftSettings: strict),
        // What has to hold for any input: of the fuzzer, and of the tests, which replay its corpus.
        .target(
            name: "FuzzProperties",
            dependencies: ["SyncCore", "SyncDaemon", "SyncRemotes", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzProperties"], swiftSettings: strict),
        .testTarget(
            name: "SyncCoreTests", dependencies: ["SyncCore", "Fixtures"], resources: [.copy("TwoWay/cases.jsonl")],
            swiftSettings: strict),
        .testTarget(name: "SyncSystemTests", dependencies: ["SyncSystem", "Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "SyncRemotesTests",
            dependencies: ["SyncRemotes", "SyncCore", "Fixtures", .product(name: "Crypto", package: "swift-crypto")],
            resources: [.copy("Golden")],
            swiftSettings: strict
        ),
        // A kind of remote that the program does not know, added as ARCHITECTURE.md describes.
        .testTarget(name: "FifthKindTests", dependencies: ["SyncDaemon", "SyncRemotes", "SyncCore"], swiftSettings: strict),
        .testTarget(
            name: "SyncStoreTests",
            dependencies: [
                "SyncStore", "SyncSQLite", "SyncCore", "Migrations", "Fixtures", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SyncHTTPTests",
            dependencies: [
                "SyncHTTP", "SyncCore", "Sandbox", "Fixtures",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SyncDaemonTests",
            dependencies: [
                "SyncDaemon", "SyncEngine", "SyncStore", "SyncSQLite", "SyncRemotes", "SyncHTTP", "SyncCore", "SyncSystem", "Sandbox",
                "Fixtures",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SyncEngineTests", dependencies: ["SyncEngine", "SyncCore", "SyncRemotes", "Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "SyncSimulatorTests",
            dependencies: ["SyncSimulator", "SyncEngine", "SyncCore", "SyncRemotes", "SyncStore", "SyncSQLite", "SandboxModel"],
            swiftSettings: strict),
        // The whole program as a process, against the sandbox over loopback.
        .testTarget(
            name: "ProcessTests",
            dependencies: [
                "convosync", "Sandbox", "Torture", "Fixtures",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "TortureTests", dependencies: ["convosync", "Torture", "Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "SandboxModelTests",
            dependencies: ["SandboxModel", "Fixtures", .product(name: "Crypto", package: "swift-crypto")], swiftSettings: strict),
        .testTarget(
            name: "SandboxTests",
            dependencies: [
                "Sandbox", "SyncHTTP", "SyncCore", "Fixtures",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
    ]
)

// The fuzzer links only in a build with -sanitize=fuzzer: `make fuzz`.
if Context.environment["CONVOSYNC_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CLibFuzzer"),
        .executableTarget(
            name: "convosync-fuzz", dependencies: ["FuzzProperties", "CLibFuzzer"], swiftSettings: strict),
    ]
}
