import Foundation
import Testing

/// The dependencies in Package.swift, compared with the `import` lines of the sources.
@Suite struct ImportTests {
    private static let names = [
        "SyncCore", "SyncSystem", "SyncRemotes", "SyncEngine", "SyncStore", "SyncSQLite", "SyncHTTP", "SyncDaemon", "convosync", "Sandbox",
        "convosync-sandbox", "convosync-demo", "convosync-benchmark", "SyncCoreTests", "SyncRemotesTests", "SyncStoreTests",
        "SyncHTTPTests", "SyncSystemTests", "SyncDaemonTests", "ProcessTests", "SandboxTests", "SyncSimulator", "convosync-simulator",
        "SyncSimulatorTests", "Torture", "convosync-torture", "TortureTests",
    ]

    @Test func `every target is found in Package.swift, with sources that have imports`() throws {
        let manifest = try PackageManifest.present.get()
        for name in ImportTests.names {
            let target = try #require(manifest[name], "\(name)")
            #expect(!target.imports.isEmpty, "\(target.folder)")
        }
        #expect(manifest["SyncDaemon"]?.dependencies.contains("HummingbirdCore") == true)
        #expect(manifest["SyncStore"]?.dependencies == ["SyncCore"])
    }

    @Test func `a target imports what it declares in Package.swift, and nothing else`() throws {
        let manifest = try PackageManifest.present.get()
        let programs = Set(manifest.targets.filter { $0.kind == "executableTarget" }.map(\.name))
        for target in manifest.targets where target.kind != "systemLibrary" {
            for (module, file) in target.imports where !PackageManifest.toolchain.contains(module) {
                #expect(target.dependencies.contains(module), "\(target.name) imports \(module) in \(file) and does not declare it")
            }
            // A program that a test runs is built for it, and not imported.
            for module in target.dependencies.subtracting(programs) {
                #expect(target.imports[module] != nil, "\(target.name) declares \(module) and does not import it")
            }
        }
    }

    @Test func `the engine imports nothing with a clock, threads or random numbers`() throws {
        let engine = try #require(try PackageManifest.present.get()["SyncEngine"])
        #expect(Set(engine.imports.keys) == ["SyncCore"])
    }

    /// All of Foundation brings ICU and its data, some 40 MB.
    @Test func `the program imports FoundationEssentials and not all of Foundation`() throws {
        let manifest = try PackageManifest.present.get()
        let targets = manifest.reached(from: "convosync")
        #expect(targets.map(\.name).contains("SyncStore"))
        for target in targets {
            #expect(target.imports["Foundation"] == nil, "\(target.folder), \(target.imports["Foundation"] ?? "")")
        }
    }

    /// A library that imports all of Foundation makes its members visible to files that import the library: there, `text.contains("a")`
    /// is Foundation's and links its archive, with ICU, into the released program. `firstRange(of:)` is the standard library's.
    @Test func `the program links nothing of Foundation except FoundationEssentials`() throws {
        let program = try Data(contentsOf: URL(filePath: ConvosyncProcess.path))
        #expect(program.range(of: Data("20FoundationEssentials".utf8)) != nil)
        // In symbol names, the module with the length of its name; in ICU, the name of its data.
        for trace in ["10Foundation", "icudt"] {
            guard let found = program.range(of: Data(trace.utf8)) else { continue }
            let name = String(decoding: program[max(found.lowerBound - 40, 0)..<min(found.upperBound + 60, program.count)], as: UTF8.self)
            Issue.record("\(name)")
        }
    }
}
