package import Digest
package import JSON

/// MANIFEST.json: all of a bundle that changes its behaviour on a box, and nothing else.
///
/// Its bytes are canonical JSON (RFC 8785); their SHA-256 is the bundle digest, the one identity used everywhere.
package struct Manifest: Equatable, Sendable {
    /// Features of manifests that this program knows; a manifest that requires another is refused, naming it.
    package static let knownFeatures: Set<String> = []
    package static let limits = JSONLimits(bytes: 1 << 20, depth: 16, values: 50_000)

    package struct Component: Equatable, Sendable {
        /// SHA-256 of `toc/NAME.json`.
        package var tableDigest: SHA256Digest
        /// Bytes of all its files together.
        package var bytes: Int
        package var files: Int

        package init(tableDigest: SHA256Digest, bytes: Int, files: Int) {
            self.tableDigest = tableDigest
            self.bytes = bytes
            self.files = files
        }
    }

    /// What answers a request. Paths are relative to the bundle's root.
    package enum Entry: Equatable, Sendable {
        /// An ONNX model run in-process by the given libonnxruntime.
        case onnx(model: String, library: String)
        /// A script with `init()` and `run()`; `model` is the file or folder its model was given as, nil without one.
        case script(path: String, model: String?)
    }

    package struct Interpreter: Equatable, Sendable {
        package enum Source: String, Sendable { case system, bundled }

        package var source: Source
        /// Such as `cp311`.
        package var abi: String
        /// Such as `3.11`.
        package var version: String

        package init(source: Source, abi: String, version: String) {
            self.source = source
            self.abi = abi
            self.version = version
        }
    }

    /// What the endpoint is served with unless a deployment says otherwise.
    package struct Endpoint: Equatable, Sendable {
        package var maximumBodyBytes = 16 << 20
        /// Requests that may wait.
        package var queue = 64
        package var workers = 1
        package var deadlineMilliseconds = 5_000
        package var startupMilliseconds = 30_000
        /// Peak memory the bundle is expected to stay under; nil where nobody said.
        package var memoryBytes: Int?

        package init() {}
    }

    /// Which names, types and shapes a caller meets.
    package struct Interface: Equatable, Sendable {
        /// Rises when callers must change.
        package var epoch: Int
        /// SHA-256 of the canonical JSON of the inputs and outputs; nil where a script declares none.
        package var digest: SHA256Digest?

        package init(epoch: Int, digest: SHA256Digest?) {
            self.epoch = epoch
            self.digest = digest
        }
    }

    package var name: BundleName
    package var version: BundleVersion
    package var platform: Platform
    package var requires: [String] = []
    package var components: [ComponentName: Component] = [:]
    package var entry: Entry
    package var interpreter: Interpreter?
    package var endpoint = Endpoint()
    package var samples: SamplePolicy?
    package var interface: Interface
    /// Environment variables that the script is started with.
    package var environment: [String: String] = [:]
    /// Whether requests and answers are captured by default.
    package var capturesByDefault = false
    /// Device classes such as `gpu.nvidia` or `camera`, never paths.
    package var neededDevices: [String] = []
    /// Parameters as the project declares them; their shape was checked when the bundle was built.
    package var parameters: JSONObject = [:]

    package init(name: BundleName, version: BundleVersion, platform: Platform, entry: Entry, interface: Interface) {
        self.name = name
        self.version = version
        self.platform = platform
        self.entry = entry
        self.interface = interface
    }

    /// The canonical bytes; their SHA-256 is the bundle digest.
    package func encoded() throws(JSONError) -> [UInt8] { try json().canonicalBytes() }
}

extension Manifest {
    /// Reads MANIFEST.json. Unknown members are ignored unless `requires` names a feature that isn't known.
    ///
    /// Throws ``ManifestError/requiresUnknown(features:)`` for such a feature, ``ManifestError/malformed(_:)`` for
    /// anything that is not a manifest in canonical form.
    package static func parse(_ bytes: [UInt8]) throws(ManifestError) -> Manifest {
        let unknown: [String]
        do throws(JSONError) {
            let fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "MANIFEST.json")
            _ = try fields.integer("schema", in: 1...1)
            unknown = try fields.strings("requires").filter { !knownFeatures.contains($0) }
            guard !unknown.isEmpty else {
                let manifest = try Manifest(fields)
                guard try JSONValue.object(fields.object).canonicalBytes() == bytes else {
                    throw .unexpected(path: "MANIFEST.json", problem: "is not in canonical form")
                }
                return manifest
            }
        } catch {
            throw .malformed(error)
        }
        throw .requiresUnknown(features: unknown)
    }
}
