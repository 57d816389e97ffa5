package import BundleManifest
package import Digest
import FileSystem
import JSON

/// An environment unpacked from a lock: the tree that becomes the component `env`, and what it needs of a box.
package struct LockedEnvironment: Sendable, Equatable {
    /// The folder; not to be changed, as later builds use it too.
    package let path: String
    /// The oldest glibc that all its libraries run on.
    package let glibc: GlibcVersion
    /// `cp311`, or nil for ONNX Runtime's library alone.
    package let python: String?
    /// The wheels it was made of, by name.
    package let wheels: [LockedWheel]
    /// Over all its files, as `LockedTree.digest` computes it.
    package let digest: SHA256Digest

    /// Wheels without machine code still meet a box's Python, and no index has anything older (PEP 599).
    static let oldestGlibc = GlibcVersion(2, 17)

    init(path: String, python: String?, wheels: [LockedWheel], digest: SHA256Digest) {
        self.path = path
        self.glibc = wheels.compactMap(\.glibc).reduce(Self.oldestGlibc, max)
        self.python = python
        self.wheels = wheels
        self.digest = digest
    }

    /// The path of ONNX Runtime's library in the tree of a native bundle.
    package static func libraryPath(version: String) -> String { "lib/libonnxruntime.so.\(version)" }
}

extension LockedEnvironment {
    private static let limits = JSONLimits(bytes: 4 << 20, depth: 6, values: 100_000)

    /// What is kept beside a tree in the cache.
    var record: JSONValue {
        let wheels = wheels.map { wheel in
            var object: JSONObject = ["name": .string(wheel.name), "version": .string(wheel.version)]
            object["glibc"] = wheel.glibc.map { .string($0.description) }
            return JSONValue.object(object)
        }
        var object: JSONObject = ["digest": .string(digest.hex), "wheels": .array(wheels)]
        object["python"] = python.map { .string($0) }
        return .object(object)
    }

    /// Reads it back; throws where it is not what this program writes.
    init(record bytes: [UInt8], path: String) throws(JSONError) {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: Self.limits), path: "")
        var wheels: [LockedWheel] = []
        for element in try fields.array("wheels") {
            let wheel = try JSONFields(element, path: "wheels")
            wheels.append(
                LockedWheel(
                    name: try wheel.string("name"),
                    version: try wheel.string("version"),
                    glibc: try wheel.optionalString("glibc").flatMap { GlibcVersion($0) }
                )
            )
        }
        guard let digest = SHA256Digest(hex: try fields.string("digest")) else {
            throw fields.problem("digest", "is no SHA-256 in hexadecimal")
        }
        self.init(path: path, python: try fields.optionalString("python"), wheels: wheels, digest: digest)
    }
}
