import BundleManifest
import Diagnostics
import Digest
import JSON
import Testing

@Suite struct ManifestTests {
    private static func value() throws -> JSONValue {
        var manifest = SampleBundle.manifest([
            .app: Manifest.Component(tableDigest: SHA256.digest([UInt8]()), bytes: 1, files: 1)
        ])
        manifest.interpreter = Manifest.Interpreter(source: .system, abi: "cp311", version: "3.11")
        return try JSONValue.parse(try manifest.encoded(), limits: Manifest.limits)
    }

    /// The manifest with the member at `path` set.
    private static func bytes(_ path: [String], _ member: JSONValue) throws -> [UInt8] {
        func set(_ value: JSONValue, _ path: ArraySlice<String>) -> JSONValue {
            guard let name = path.first else { return member }
            var object = value.objectValue ?? JSONObject()
            object[name] = set(object[name] ?? .null, path.dropFirst())
            return .object(object)
        }
        return try set(try value(), path[...]).canonicalBytes()
    }

    @Test func namesTheFeatureThatItDoesNotKnow() throws {
        let bytes = try Self.bytes(["requires"], ["holograms"])
        let error = #expect(throws: ManifestError.self) { try Manifest.parse(bytes) }
        #expect(error == .requiresUnknown(features: ["holograms"]))
        #expect(error?.exitCode == .incompatible)
    }

    @Test func readsMembersThatItDoesNotKnowWhereNothingRequiresThem() throws {
        #expect(try Manifest.parse(Self.bytes(["later"], 1)).name.text == "sample")
    }

    struct Hostile: CustomTestStringConvertible, Sendable {
        let path: [String]
        let member: JSONValue
        var testDescription: String { path.joined(separator: ".") }
    }

    @Test(arguments: [
        Hostile(path: ["interpreter", "abi"], member: "cp311\u{1B}[2J"),
        Hostile(path: ["interpreter", "version"], member: "3.11\nsigned by  you"),
        Hostile(path: ["platform", "python"], member: "py3"),
        Hostile(path: ["platform", "accelerator"], member: "CUDA 12"),
        Hostile(path: ["platform", "glibc"], member: "2"),
        Hostile(path: ["entry", "script"], member: "../score.py"),
        Hostile(path: ["entry", "kind"], member: "shell"),
        Hostile(path: ["components", "sbin"], member: [:]),
        Hostile(path: ["endpoint", "queue"], member: 0),
        Hostile(path: ["endpoint", "workers"], member: 1000),
        Hostile(path: ["schema"], member: 2),
        Hostile(path: ["name"], member: "A"),
    ])
    func refuses(_ hostile: Hostile) throws {
        let bytes = try Self.bytes(hostile.path, hostile.member)
        let error = #expect(throws: ManifestError.self) { try Manifest.parse(bytes) }
        #expect(error?.exitCode == .dataError)
        #expect(error?.message.contains(hostile.path.last ?? "") == true)
    }

    @Test func refusesAnotherFormThanTheCanonicalOne() throws {
        let bytes = try Self.value().prettyBytes()
        #expect(throws: ManifestError.self) { try Manifest.parse(bytes) }
    }
}
