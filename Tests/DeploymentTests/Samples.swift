import BundleManifest
import Deployment
import Digest
import JSON
import Testing
import WallClock

/// Digest number `number`: one value for one number, so that a failure shows which.
func digest(_ number: Int) -> SHA256Digest { SHA256.digest("\(number)".utf8) }

func time(_ text: String) throws -> UTCTime { try #require(UTCTime(text), "\(text)") }

func labels(_ texts: [String: String]) throws -> Labels { try #require(Labels(texts)) }

func percent(_ value: Double) throws -> Percent { try #require(Percent(value), "\(value)") }

func device(_ text: String) throws -> DeviceID { try #require(DeviceID(text)) }

func location(_ serial: Int = 7, _ channel: Channel = .prod) throws -> DeploymentLocation {
    DeploymentLocation(channel: channel, endpoint: try #require(EndpointName("digits")), serial: serial)
}

/// A deployment of bundle 1 to everyone, changed as the test needs it.
func deployment(
    _ serial: Int = 7,
    bundles: [Int] = [1],
    _ change: (inout Deployment) throws -> Void = { _ in }
) throws -> Deployment {
    var deployment = Deployment(
        location: try location(serial),
        state: .bundles(bundles.map(digest)),
        reason: "release \(serial)",
        author: "ops@example.com"
    )
    try change(&deployment)
    return deployment
}

func manifest(
    _ version: String = "3",
    name: String = "digits",
    epoch: Int = 1,
    platform: Platform = Platform(architecture: .amd64, glibc: GlibcVersion(2, 28)),
    _ change: (inout Manifest) -> Void = { _ in }
) throws -> Manifest {
    var manifest = Manifest(
        name: try #require(BundleName(name)),
        version: try #require(BundleVersion(version)),
        platform: platform,
        entry: .onnx(model: "model/a.onnx", library: "env/lib.so"),
        interface: Manifest.Interface(epoch: epoch, digest: nil)
    )
    change(&manifest)
    return manifest
}

func running(_ number: Int, _ version: String = "2", epoch: Int = 1) throws -> RunningBundle {
    RunningBundle(digest: digest(number), manifest: try manifest(version, epoch: epoch))
}

let box = BoxCapabilities(architecture: .amd64, glibc: GlibcVersion(2, 36), pythons: ["cp311"])

/// The bytes of a document as a newer or careless writer might have made them.
func edited(_ bytes: [UInt8], _ change: (inout JSONObject) -> Void) throws -> [UInt8] {
    var object = try #require(try JSONValue.parse(bytes, limits: .document).objectValue)
    change(&object)
    return try JSONValue.object(object).canonicalBytes()
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
