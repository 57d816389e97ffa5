// swift-tools-version: 6.1
import PackageDescription

// The house: executables -> Packager / EdgeRuntime -> BundleFormat / BundleManifest -> one concern each -> C.
// Tests/ArchitectureTests holds the list of allowed edges and refuses any other; ARCHITECTURE.md draws the map.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A C library from Debian: a module map and a shim header, nothing else.
func library(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func module(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func executable(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(
    _ name: String,
    _ dependencies: [Target.Dependency],
    path: String? = nil,
    exclude: [String] = []
) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: settings)
}

/// What tests and the fuzzing program share.
func testSupport(_ name: String, _ dependencies: [Target.Dependency], path: String) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

let package = Package(
    name: "edge",
    products: [
        .executable(name: "edgepack", targets: ["edgepack"]),
        .executable(name: "edgefleet", targets: ["edgefleet"]),
        .executable(name: "edgeagent", targets: ["edgeagent"]),
        .executable(name: "edgeagent-sync", targets: ["edgeagent-sync"]),
        .executable(name: "edgelaunch", targets: ["edgelaunch"]),
        .executable(name: "edgeruntime", targets: ["edgeruntime"]),
        .executable(name: "tufclient", targets: ["tufclient"]),
    ],
    targets: [
        // C libraries
        library("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        library("CExpat", pkgConfig: "expat", apt: "libexpat1-dev"),
        library("CGnuTLS", pkgConfig: "gnutls", apt: "libgnutls28-dev"),
        library("CMicroHTTPD", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev"),
        library("CNettle", pkgConfig: "nettle", apt: "nettle-dev"),
        library("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
        library("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        library("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
        library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),

        // C of our own: what Swift can't express (fork and exec, variadics, closed enums, the ABI of a library found at run time)
        .target(name: "CHTTPClient", dependencies: ["CCurl"], linkerSettings: [.linkedLibrary("ssl")]),
        .target(name: "CHTTPServer", dependencies: ["CGnuTLS", "CMicroHTTPD"]),
        .target(name: "CONNXRuntime"),
        .target(name: "CProcess"),
        .target(name: "CScriptWorker", exclude: ["worker.py"]),
        .target(name: "CContainment"),
        .target(name: "CFleetPages", exclude: ["pages"]),
        .target(name: "CUnixSockets"),

        // One concern each
        module("Diagnostics"),
        module("JSON", ["Diagnostics"]),
        module("XML", ["CExpat", "Diagnostics"]),
        module("YAML", ["CYAML", "Diagnostics"]),
        module("FileSystem", ["Diagnostics"]),
        module("Digest", ["CNettle"]),
        module("Crypto", ["COpenSSL", "Diagnostics", "FileSystem"]),
        module("Zstd", ["CZstd", "Diagnostics"]),
        module("Gzip", ["CZlib", "Diagnostics"]),
        module("SQLite", ["CSQLite", "Diagnostics"]),
        module("Processes", ["CProcess", "Diagnostics"]),
        module("HTTPClient", ["CHTTPClient", "Diagnostics"]),
        module("HTTPServer", ["CHTTPServer", "Diagnostics", "UnixSockets"]),
        module("CommandLine", ["Diagnostics"]),
        module("ONNXRuntime", ["CONNXRuntime", "Diagnostics"]),
        module("UnixSockets", ["CUnixSockets", "Diagnostics"]),
        module("WallClock"),
        module("Telemetry", ["Diagnostics", "FileSystem", "JSON", "WallClock"]),

        // The bundle
        module("BundleManifest", ["Diagnostics", "Digest", "FileSystem", "JSON"]),
        module("BundleFormat", ["BundleManifest", "Crypto", "Diagnostics", "Digest", "FileSystem", "JSON", "Zstd"]),

        // What decides
        module("Deployment", ["BundleManifest", "Diagnostics", "Digest", "JSON", "WallClock"]),
        module("UpdateFramework", ["Crypto", "Diagnostics", "Digest", "FileSystem", "JSON", "WallClock"]),

        module("RepositoryHTTP", ["HTTPClient", "UpdateFramework"]),
        module(
            "RepositoryS3",
            ["Diagnostics", "Digest", "FileSystem", "HTTPClient", "UpdateFramework", "WallClock", "XML"]
        ),
        module("FleetProtocol", ["Deployment", "Diagnostics", "Digest", "JSON", "WallClock"]),
        module(
            "FleetClient",
            [
                "Crypto", "Deployment", "Diagnostics", "Digest", "FleetProtocol", "Gzip", "HTTPClient", "JSON",
                "Telemetry", "WallClock",
            ]
        ),

        // The parts
        module("RuntimeControl", ["Diagnostics", "Digest", "UnixSockets"]),
        module("RuntimeLaunch", ["Diagnostics", "Digest", "Processes", "UnixSockets"]),
        module("Containment", ["CContainment", "Diagnostics", "Digest", "RuntimeLaunch"]),
        module(
            "EdgeAgent",
            [
                "BundleManifest", "Deployment", "Diagnostics", "Digest", "FileSystem", "FleetProtocol", "JSON",
                "Processes", "RuntimeControl", "RuntimeLaunch", "Telemetry", "UnixSockets", "WallClock",
            ]
        ),
        module(
            "AgentSync",
            [
                "BundleFormat", "BundleManifest", "Crypto", "Deployment", "Diagnostics", "Digest", "EdgeAgent",
                "FileSystem", "FleetClient", "FleetProtocol", "HTTPClient", "JSON", "RepositoryHTTP", "Telemetry",
                "UpdateFramework", "WallClock", "YAML", "Zstd",
            ]
        ),
        module(
            "Fleet",
            [
                "CFleetPages", "Crypto", "Deployment", "Diagnostics", "Digest", "FileSystem", "FleetProtocol", "Gzip",
                "HTTPServer", "JSON", "SQLite", "Telemetry", "UnixSockets", "WallClock",
            ]
        ),
        module(
            "FleetSimulation",
            [
                "Crypto", "Deployment", "Diagnostics", "Digest", "FileSystem", "FleetClient", "FleetProtocol", "JSON",
                "Telemetry", "WallClock",
            ]
        ),
        module(
            "Registry",
            [
                "BundleFormat", "BundleManifest", "Crypto", "Deployment", "Diagnostics", "Digest", "FileSystem", "JSON",
                "Processes", "UpdateFramework", "WallClock",
            ]
        ),
        module(
            "Packager",
            [
                "BundleFormat", "BundleManifest", "Crypto", "Diagnostics", "Digest", "FileSystem", "JSON", "Processes",
                "YAML",
            ]
        ),
        module(
            "EdgeRuntime",
            [
                "BundleManifest", "CScriptWorker", "Diagnostics", "Digest", "FileSystem", "HTTPServer", "JSON",
                "ONNXRuntime", "Processes", "RuntimeControl", "UnixSockets",
            ]
        ),

        // Executables
        executable(
            "edgepack",
            [
                "CommandLine", "Diagnostics", "Packager", "BundleFormat", "BundleManifest", "Crypto", "Deployment",
                "Digest", "FileSystem", "HTTPClient", "JSON", "Processes", "Registry", "RepositoryHTTP", "RepositoryS3",
                "UpdateFramework", "WallClock",
            ]
        ),
        executable(
            "edgeagent",
            [
                "CommandLine", "Deployment", "Diagnostics", "Digest", "EdgeAgent", "FileSystem", "JSON", "Processes",
                "WallClock",
            ]
        ),
        executable(
            "edgeagent-sync",
            [
                "AgentSync", "CommandLine", "Deployment", "Diagnostics", "Digest", "EdgeAgent", "FileSystem",
                "FleetProtocol", "JSON", "WallClock",
            ]
        ),
        executable(
            "edgefleet",
            [
                "CommandLine", "Deployment", "Diagnostics", "Digest", "FileSystem", "Fleet", "FleetProtocol",
                "FleetSimulation", "JSON", "UnixSockets", "WallClock",
            ]
        ),
        executable("edgelaunch", ["CommandLine", "Containment", "Diagnostics", "RuntimeLaunch", "UnixSockets"]),
        executable(
            "edgeruntime",
            ["CommandLine", "Deployment", "Diagnostics", "EdgeRuntime", "FileSystem", "JSON", "UnixSockets"]
        ),
        executable(
            "tufclient",
            [
                "CommandLine", "Diagnostics", "FileSystem", "HTTPClient", "RepositoryHTTP", "UpdateFramework",
                "WallClock",
            ]
        ),

        // Tests
        tests("ArchitectureTests", ["Diagnostics", "FileSystem"]),
        tests(
            "BundleFormatTests",
            ["BundleFormat", "BundleManifest", "Crypto", "Diagnostics", "Digest", "FileSystem", "JSON", "Zstd"],
            exclude: ["Fixtures"]
        ),
        tests("CommandLineTests", ["CommandLine", "Diagnostics"], exclude: ["Golden"]),
        tests("CryptoTests", ["Crypto", "Diagnostics", "Digest", "FileSystem"], exclude: ["Fixtures"]),
        tests("DeploymentTests", ["Deployment", "BundleManifest", "Diagnostics", "Digest", "JSON", "WallClock"]),
        tests(
            "EdgeAgentTests",
            [
                "EdgeAgent", "BundleManifest", "Deployment", "Diagnostics", "Digest", "FileSystem", "FleetProtocol",
                "JSON", "RuntimeControl", "RuntimeLaunch", "Telemetry", "UnixSockets", "WallClock",
            ]
        ),
        tests(
            "AgentSyncTests",
            [
                "AgentSync", "BundleFormat", "BundleManifest", "Crypto", "Deployment", "Diagnostics", "Digest",
                "EdgeAgent", "FileSystem", "FleetClient", "FleetProtocol", "Gzip", "HTTPServer", "JSON", "Registry",
                "Telemetry", "UnixSockets", "UpdateFramework", "WallClock", "Zstd",
            ]
        ),
        tests(
            "ConformanceTests",
            [
                "Crypto", "Digest", "FileSystem", "HTTPServer", "JSON", "Processes", "UnixSockets", "UpdateFramework",
                "WallClock",
            ],
            exclude: ["public-suite.txt"]
        ),
        tests(
            "ContainmentTests",
            [
                "Containment", "Diagnostics", "Digest", "FileSystem", "Processes", "RuntimeControl", "RuntimeLaunch",
                "UnixSockets",
            ]
        ),
        tests(
            "RegistryTests",
            [
                "Registry", "BundleFormat", "BundleManifest", "Crypto", "Deployment", "Diagnostics", "Digest",
                "FileSystem", "JSON", "Processes", "UpdateFramework", "WallClock",
            ]
        ),
        tests(
            "RepositoryS3Tests",
            [
                "RepositoryS3", "Diagnostics", "Digest", "FileSystem", "HTTPClient", "Processes", "UpdateFramework",
                "WallClock",
            ],
            exclude: ["judges"]
        ),
        tests("RuntimeControlTests", ["RuntimeControl", "Diagnostics", "Digest", "UnixSockets"]),
        tests("UnixSocketsTests", ["UnixSockets", "Diagnostics"]),
        tests(
            "EdgeRuntimeTests",
            [
                "EdgeRuntime", "BundleManifest", "Diagnostics", "FileSystem", "HTTPServer", "JSON", "ONNXRuntime",
                "Processes", "RuntimeControl", "UnixSockets",
            ],
            exclude: ["Fixtures"]
        ),
        tests(
            "EndToEndTests",
            ["FileSystem", "JSON", "Processes", "RuntimeControl", "UnixSockets"],
            exclude: ["judges"]
        ),
        tests(
            "FleetTests",
            [
                "Fleet", "Crypto", "Deployment", "Diagnostics", "Digest", "FileSystem", "FleetProtocol", "Gzip",
                "HTTPClient", "HTTPServer", "JSON", "Processes", "SQLite", "Telemetry", "UnixSockets", "WallClock",
            ]
        ),
        tests(
            "FleetClientTests",
            [
                "FleetClient", "Crypto", "Deployment", "Diagnostics", "Digest", "FleetProtocol", "Gzip", "HTTPClient",
                "HTTPServer", "JSON", "Telemetry", "UnixSockets", "WallClock",
            ]
        ),
        tests("FleetProtocolTests", ["FleetProtocol", "Deployment", "Diagnostics", "Digest", "JSON", "WallClock"]),
        tests(
            "FleetSimulationTests",
            ["FleetSimulation", "Deployment", "Diagnostics", "FleetProtocol", "JSON", "Telemetry", "WallClock"]
        ),
        tests("GzipTests", ["Gzip", "Diagnostics"]),
        tests("SQLiteTests", ["SQLite", "Diagnostics", "FileSystem"]),
        tests("FileSystemTests", ["FileSystem", "Digest", "Diagnostics"]),
        tests("HTTPClientTests", ["HTTPClient", "Crypto", "HTTPServer", "UnixSockets"]),
        tests("HTTPServerTests", ["HTTPServer", "Crypto", "Diagnostics", "FileSystem", "UnixSockets"]),
        testSupport(
            "FuzzHarnesses",
            ["Crypto", "Diagnostics", "Digest", "JSON", "UpdateFramework", "WallClock", "XML"],
            path: "Tests/Fuzzing/Harnesses"
        ),
        tests("FuzzReplayTests", ["FuzzHarnesses", "Diagnostics", "FileSystem"], path: "Tests/Fuzzing/Replay"),
        tests("JSONTests", ["JSON"]),
        tests(
            "PackagerTests",
            [
                "Packager", "BundleFormat", "BundleManifest", "Crypto", "Diagnostics", "Digest", "FileSystem", "JSON",
                "Processes", "YAML",
            ],
            exclude: ["Fixtures"]
        ),
        tests("ProcessesTests", ["Processes", "Diagnostics"]),
        tests(
            "TelemetryTests",
            ["Telemetry", "Diagnostics", "FileSystem", "JSON", "Processes", "WallClock"],
            exclude: ["judges"]
        ),
        tests("WallClockTests", ["WallClock"]),
        tests(
            "UpdateFrameworkTests",
            ["UpdateFramework", "Crypto", "Digest", "FileSystem", "JSON", "Processes", "WallClock"],
            exclude: ["judges"]
        ),
        tests("XMLTests", ["XML", "Diagnostics"]),
        tests("YAMLTests", ["YAML", "Diagnostics"]),
    ],
    cLanguageStandard: .gnu2x
)

// scripts/fuzz asks for it: it links libFuzzer, which not every toolchain has.
if Context.environment["EDGE_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: ["FuzzHarnesses"],
            path: "Tests/Fuzzing/Program",
            swiftSettings: settings
        )
    )
}
